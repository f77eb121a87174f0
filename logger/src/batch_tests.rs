//! Batches against a stand-in that answers as it is told.

use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use serde_json::{Value, json};

use super::*;

type Judge = Box<dyn Fn(&[Value]) -> u16 + Send + Sync>;

/// A Logstash that keeps what it accepts.
struct StandIn {
    judge: Judge,
    password: String,
    seen: Mutex<Vec<Vec<Value>>>,
    accepted: Mutex<Vec<Value>>,
}

async fn take(
    State(it): State<Arc<StandIn>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<&'static str, StatusCode> {
    let sent: Vec<Value> = serde_json::from_slice(&body).unwrap();
    it.seen.lock().unwrap().push(sent.clone());
    let wanted =
        base64::engine::general_purpose::STANDARD.encode(format!("geobot:{}", it.password));
    if headers["authorization"] != format!("Basic {wanted}") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    match (it.judge)(&sent) {
        200 => {
            it.accepted.lock().unwrap().extend(sent);
            Ok("ok")
        }
        status => Err(StatusCode::from_u16(status).unwrap()),
    }
}

impl StandIn {
    async fn start(
        password: &str,
        judge: impl Fn(&[Value]) -> u16 + Send + Sync + 'static,
    ) -> (Arc<StandIn>, Arc<Logstash>) {
        let it = Arc::new(StandIn {
            judge: Box::new(judge),
            password: password.to_owned(),
            seen: Mutex::default(),
            accepted: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/logstash", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/logstash", post(take))
            .with_state(Arc::clone(&it));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let logstash = Logstash::new(&url, "geobot", "right".into()).unwrap();
        (it, Arc::new(logstash))
    }

    fn sizes(&self) -> Vec<usize> {
        self.seen.lock().unwrap().iter().map(Vec::len).collect()
    }
}

/// Delivers all of them at once; the n-th answer belongs to the n-th document.
async fn deliver_all(
    logstash: Arc<Logstash>,
    limits: Limits,
    documents: Vec<Value>,
) -> Vec<Result<(), NotDelivered>> {
    let (batcher, batches) = new(logstash, limits);
    let stop = CancellationToken::new();
    let running = tokio::spawn(batches.run(stop.clone()));
    let batcher = Arc::new(batcher);
    let tasks: Vec<_> = documents
        .into_iter()
        .map(|document| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.deliver(document.to_string().into_bytes()).await })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    stop.cancel();
    running.await.unwrap().unwrap();
    results
}

fn limits(documents: usize) -> Limits {
    Limits {
        documents,
        bytes: 256 * 1024,
        wait: Duration::from_millis(200),
    }
}

fn numbered(count: u64) -> Vec<Value> {
    (0..count).map(|n| json!({ "n": n })).collect()
}

fn is_poison(document: &Value) -> bool {
    document["n"] == 5
}

#[tokio::test]
async fn a_batch_goes_out_when_it_is_full() {
    let (it, logstash) = StandIn::start("right", |_| 200).await;
    let limits = Limits {
        wait: Duration::from_secs(60),
        ..limits(10)
    };
    let results = deliver_all(logstash, limits, numbered(30)).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(it.sizes(), [10, 10, 10]);
}

#[tokio::test]
async fn a_batch_goes_out_when_it_has_waited() {
    let (it, logstash) = StandIn::start("right", |_| 200).await;
    let results = deliver_all(logstash, Limits::default(), numbered(1)).await;
    assert_eq!(results, [Ok(())]);
    assert_eq!(it.sizes(), [1]);
}

#[tokio::test]
async fn a_batch_stays_below_its_bytes_and_a_larger_document_goes_alone() {
    let (it, logstash) = StandIn::start("right", |_| 200).await;
    let large = json!({"n": 0, "text": "x".repeat(600)});
    let limits = Limits {
        bytes: 100,
        ..limits(50)
    };
    let documents = [vec![large], numbered(20)].concat();
    let results = deliver_all(logstash, limits, documents).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(it.sizes()[0], 1);
    let seen = it.seen.lock().unwrap();
    assert!(seen[1..].iter().all(|b| json!(b).to_string().len() <= 102));
    assert_eq!(it.accepted.lock().unwrap().len(), 21);
}

#[tokio::test]
async fn a_refused_document_does_not_take_its_neighbours_with_it() {
    for status in [400, 413, 422] {
        let judge = move |sent: &[Value]| {
            if sent.iter().any(is_poison) {
                status
            } else {
                200
            }
        };
        let (it, logstash) = StandIn::start("right", judge).await;
        let results = deliver_all(logstash, limits(16), numbered(16)).await;
        for (n, result) in results.iter().enumerate() {
            assert_eq!(
                matches!(result, Err(NotDelivered::Refused(_))),
                n == 5,
                "{status}: {n} {result:?}"
            );
        }
        assert_eq!(it.accepted.lock().unwrap().len(), 15, "each once");
    }
}

#[tokio::test]
async fn a_wrong_password_loses_nothing_and_blames_no_document() {
    let (it, logstash) = StandIn::start("other", |_| 200).await;
    let results = deliver_all(Arc::clone(&logstash), limits(4), numbered(4)).await;
    for result in results {
        let Err(NotDelivered::Unavailable(reason)) = result else {
            panic!("{result:?}");
        };
        assert!(reason.contains("LOGSTASH_PASSWORD"), "{reason}");
    }
    assert_eq!(it.accepted.lock().unwrap().len(), 0);
    assert!(Logstash::check(logstash).await.unwrap_err().contains("401"));
}

#[tokio::test]
async fn logstash_failing_amid_a_split_leaves_the_rest_to_be_sent_again() {
    // Two or more: refused. A single one: Logstash has gone.
    let (_, logstash) =
        StandIn::start("right", |sent| if sent.len() > 1 { 400 } else { 503 }).await;
    let results = deliver_all(logstash, limits(8), numbered(8)).await;
    assert!(
        results
            .iter()
            .all(|r| matches!(r, Err(NotDelivered::Unavailable(_))))
    );
}

#[tokio::test]
async fn a_logstash_that_refuses_everything_is_taken_for_broken() {
    let (_, logstash) = StandIn::start("right", |_| 400).await;
    let count = u64::from(REFUSED_IN_ROW) + 10;
    let results = deliver_all(logstash, limits(64), numbered(count)).await;
    let refused = results
        .iter()
        .filter(|r| matches!(r, Err(NotDelivered::Refused(_))))
        .count();
    assert_eq!(refused, REFUSED_IN_ROW as usize);
}

#[tokio::test]
async fn what_waits_at_the_end_is_answered() {
    let (_, logstash) = StandIn::start("right", |_| 200).await;
    let (batcher, batches) = new(logstash, limits(10));
    drop(batches);
    assert!(matches!(
        batcher.deliver(b"{}".to_vec()).await,
        Err(NotDelivered::Unavailable(_))
    ));
}
