//! Long polling against a Bot API that misbehaves, a Kafka of its own and a real Redis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use geobot_bot::store::Store;
use geobot_bot::telegram::polling::{LastAnswer, Poller};
use geobot_shared::bus::{KafkaSettings, Producer};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

/// A Bot API: first it answers by its script, then as it should.
#[derive(Default)]
struct Telegram {
    script: Mutex<VecDeque<(u16, String)>>,
    /// Updates that wait to be taken.
    pending: Mutex<Vec<Value>>,
    /// The offset of every call.
    offsets: Mutex<Vec<Option<i64>>>,
    /// The numbers of the updates it gave out.
    given: Mutex<Vec<i64>>,
}

async fn get_updates(State(telegram): State<Arc<Telegram>>, Json(call): Json<Value>) -> Response {
    let offset = call["offset"].as_i64();
    telegram.offsets.lock().unwrap().push(offset);
    let scripted = telegram.script.lock().unwrap().pop_front();
    if let Some((status, body)) = scripted {
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    let updates = {
        let mut pending = telegram.pending.lock().unwrap();
        // Bot API: an update is confirmed by an offset above its number.
        pending.retain(|it| it["update_id"].as_i64() >= offset);
        pending.clone()
    };
    if updates.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let numbers = updates.iter().filter_map(|it| it["update_id"].as_i64());
    telegram.given.lock().unwrap().extend(numbers);
    Json(json!({"ok": true, "result": updates})).into_response()
}

struct Stage {
    telegram: Arc<Telegram>,
    settings: KafkaSettings,
    look: Arc<Notify>,
    stop: CancellationToken,
    poller: tokio::task::JoinHandle<()>,
    _kafka: MockCluster<'static, DefaultProducerContext>,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

/// One replica polls, so these tests go one after the other, in a database of their own.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Stage {
    async fn new(script: &[(u16, &str)]) -> Stage {
        let alone = ALONE.lock().await;
        let telegram = Arc::new(Telegram::default());
        let script = script
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()));
        *telegram.script.lock().unwrap() = script.collect();
        let routes = axum::Router::new()
            .fallback(get_updates)
            .with_state(Arc::clone(&telegram));
        let address = support::serve(routes).await;
        let url = support::emptied(6).await;
        let kafka = MockCluster::new(1).unwrap();
        for topic in ["tg_updates", "info_in"] {
            kafka.create_topic(topic, 1, 1).unwrap();
        }
        let settings = KafkaSettings::plaintext(kafka.bootstrap_servers());
        let look = Arc::new(Notify::new());
        let poller = Poller {
            last_answer: LastAnswer::default(),
            store: Store::open(&url).unwrap(),
            http: reqwest::Client::new(),
            api: address.parse().unwrap(),
            token: "1:secret".to_owned().into(),
            bot_id: 1,
            producer: Producer::new(&settings, "TG").unwrap(),
            look: Arc::clone(&look),
        };
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        Stage {
            telegram,
            settings,
            look,
            stop,
            poller: tokio::spawn(poller.run(stopping)),
            _kafka: kafka,
            _alone: alone,
        }
    }

    fn says(&self, number: i64, update: Value) {
        let mut update = update;
        update["update_id"] = json!(number);
        self.telegram.pending.lock().unwrap().push(update);
    }

    /// Records of a topic that Kafka has.
    fn records(&self, topic: &str) -> i64 {
        let client: BaseConsumer = self.settings.client("test").create().unwrap();
        client.fetch_watermarks(topic, 0, LIMIT).unwrap().1
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Telegram) -> bool) {
        let begin = Instant::now();
        while !is_so(&self.telegram) {
            assert!(
                begin.elapsed() < LIMIT,
                "{what}: {:?}",
                self.telegram.offsets
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.poller.await.unwrap();
    }
}

fn hello() -> Value {
    json!({"message": {"message_id": 1, "date": 1, "text": "hello", "chat": {"id": 42, "type": "private"}}})
}

fn all_taken(telegram: &Telegram) -> bool {
    telegram.pending.lock().unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_telegram_answers_every_update_reaches_kafka_before_it_is_acknowledged() {
    let stage = Stage::new(&[
        (200, r#"{"ok":true,"result":[{"no":"number"}]}"#),
        (502, "<html>Bad Gateway</html>"),
        (200, "garbage"),
        (200, r#"{"ok":true}"#),
        (429, r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":0}}"#),
        (418, r#"{"ok":false,"error_code":418,"description":"I'm a teapot"}"#),
    ])
    .await;
    stage.says(5, hello());
    // Of a form that nobody knows, and a kind that nobody asked for.
    stage.says(6, json!({"message": {"chat": "of 2030"}}));
    stage.says(7, json!({"dream": {"of": "2030"}}));
    stage.until("all are taken", all_taken).await;
    assert_eq!(stage.records("tg_updates"), 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_below_the_last_offset_is_not_acknowledged_unseen() {
    let stage = Stage::new(&[]).await;
    stage.says(500, hello());
    stage.until("the first is taken", all_taken).await;
    let calls = |telegram: &Telegram| telegram.offsets.lock().unwrap().len();
    let before = calls(&stage.telegram);
    stage.until("a silence", |it| calls(it) > before + 2).await;
    // Bot API: after a week without updates the next number is any.
    stage.says(100, hello());
    stage.until("the second is taken", all_taken).await;
    assert!(stage.telegram.given.lock().unwrap().contains(&100));
    assert_eq!(stage.records("tg_updates"), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_kafka_never_takes_stands_in_nobodys_way_and_staff_hears_of_it() {
    let stage = Stage::new(&[]).await;
    let mut huge = hello();
    huge["message"]["text"] = json!("x".repeat(2 * 1024 * 1024));
    stage.says(5, huge);
    stage.says(6, hello());
    stage.until("both are done with", all_taken).await;
    assert_eq!(stage.records("tg_updates"), 1);
    assert_eq!(stage.records("info_in"), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_looked_at_once_and_polling_goes_on_without_haste() {
    let refused = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
    let stage = Stage::new(&[(401, refused); 4]).await;
    tokio::time::timeout(LIMIT, stage.look.notified())
        .await
        .unwrap();
    let begin = Instant::now();
    stage.says(5, hello());
    stage.until("the token is accepted again", all_taken).await;
    assert!(
        begin.elapsed() > Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    let again = tokio::time::timeout(Duration::from_millis(50), stage.look.notified()).await;
    assert!(again.is_err(), "told once");
    stage.end().await;
}
