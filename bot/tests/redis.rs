//! A Redis of the test's own that is full, becomes a replica, or hangs: nothing is sent meanwhile, nothing is counted, and
//! afterwards everything goes out once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use geobot_bot::store::Store;
use geobot_bot::telegram::limiter::Limits;
use geobot_bot::telegram::sender::{Content, SendError, Sender};
use geobot_shared::bus::HandleError;
use geobot_shared::files::FileStore;
use geobot_shared::topics::tg_send::Priority;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(20);

/// A server that listens on a socket in a folder of its own.
struct Server {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("redis.sock");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket"])
            .arg(&socket)
            .args(["--save", "", "--maxmemory-policy", "noeviction"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server can't be started");
        let server = Server {
            child,
            url: format!("redis+unix://{}", socket.display()),
            _folder: folder,
        };
        let begin = Instant::now();
        while server.connect().await.is_err() {
            assert!(begin.elapsed() < LIMIT, "our Redis does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let client = redis::Client::open(self.url.as_str())?;
        client.get_multiplexed_async_connection().await
    }

    async fn tell(&self, words: &str) {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        let mut connection = self.connect().await.unwrap();
        let _: redis::Value = command.query_async(&mut connection).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Default)]
struct Telegram {
    calls: Mutex<Vec<Value>>,
    /// Redis, which is full after the next message was taken.
    fills: Mutex<Option<Arc<Server>>>,
}

async fn take(State(telegram): State<Arc<Telegram>>, Json(call): Json<Value>) -> Json<Value> {
    let number = {
        let mut calls = telegram.calls.lock().unwrap();
        calls.push(call);
        calls.len()
    };
    let fills = telegram.fills.lock().unwrap().take();
    if let Some(redis) = fills {
        redis.tell(FULL).await;
    }
    Json(json!({"ok": true, "result": {"message_id": number}}))
}

const FULL: &str = "CONFIG SET maxmemory 1";
const ROOMY: &str = "CONFIG SET maxmemory 0";

struct Stage {
    redis: Arc<Server>,
    telegram: Arc<Telegram>,
    store: Store,
    sender: Sender,
}

impl Stage {
    async fn new() -> Stage {
        let redis = Arc::new(Server::start().await);
        let telegram = Arc::new(Telegram::default());
        let routes = axum::Router::new()
            .fallback(take)
            .with_state(Arc::clone(&telegram));
        let api = support::api(routes).await;
        let store = Store::open(&redis.url).unwrap();
        store.show_life().await.unwrap();
        let files = FileStore::new("no-files");
        let sender = Sender::new(api, store.clone(), Some(Limits::default()), files);
        Stage {
            redis,
            telegram,
            store,
            sender,
        }
    }

    async fn send(&self, request: &str, priority: Priority) -> Result<i32, SendError> {
        let content = Content::html("hello");
        self.sender.send(request, 42, &content, priority).await
    }

    /// Sends until it passes.
    async fn passes(&self, request: &str, priority: Priority) -> i32 {
        let begin = Instant::now();
        loop {
            match self.send(request, priority).await {
                Ok(sent) => return sent,
                Err(error) => {
                    waits_for_redis(error);
                    assert!(begin.elapsed() < LIMIT, "{request} does not go on");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn calls(&self) -> usize {
        self.telegram.calls.lock().unwrap().len()
    }
}

/// The topic is paused: no attempt is used up, nothing becomes a dead letter.
fn waits_for_redis(error: SendError) {
    let error = HandleError::from(error);
    let waits = matches!(
        error,
        HandleError::Unavailable {
            dependency: "redis",
            ..
        }
    );
    assert!(waits, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_no_writes_stops_everything_and_loses_nothing() {
    let stage = Stage::new().await;
    stage.store.probe().await.unwrap();
    for (trouble, over) in [
        (FULL, Some(ROOMY)),
        ("REPLICAOF 127.0.0.1 1", Some("REPLICAOF NO ONE")),
        ("CLIENT PAUSE 3000 ALL", None),
    ] {
        let before = stage.calls();
        stage.redis.tell(trouble).await;
        for priority in [Priority::Interactive, Priority::Bulk] {
            let failed = stage
                .send(&format!("{trouble} {priority:?}"), priority)
                .await;
            waits_for_redis(failed.unwrap_err());
            if over.is_none() {
                break;
            }
            assert!(stage.store.probe().await.is_err(), "{trouble}");
        }
        assert_eq!(stage.calls(), before, "{trouble}: Telegram was called");
        if let Some(over) = over {
            stage.redis.tell(over).await;
        }
        for priority in [Priority::Interactive, Priority::Bulk] {
            stage
                .passes(&format!("{trouble} {priority:?}"), priority)
                .await;
        }
        assert_eq!(stage.calls(), before + 2, "{trouble}");
        stage.store.probe().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_full_when_telegram_has_answered_costs_no_duplicate() {
    let stage = Stage::new().await;
    for priority in [Priority::Interactive, Priority::Bulk] {
        let before = stage.calls();
        *stage.telegram.fills.lock().unwrap() = Some(Arc::clone(&stage.redis));
        let request = format!("full {priority:?}");
        for _ in 0..3 {
            waits_for_redis(stage.send(&request, priority).await.unwrap_err());
        }
        stage.redis.tell(ROOMY).await;
        let sent = stage.passes(&request, priority).await;
        assert_eq!(stage.calls(), before + 1);
        assert_eq!(stage.passes(&request, priority).await, sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_everything_while_it_sends_loses_nothing() {
    let stage = Stage::new().await;
    for number in 0..4 {
        let priority = if number % 2 == 0 {
            Priority::Notify
        } else {
            Priority::Bulk
        };
        stage.redis.tell("FLUSHALL").await;
        stage.redis.tell("SCRIPT FLUSH").await;
        stage.passes(&format!("flushed {number}"), priority).await;
    }
    assert_eq!(stage.calls(), 4);
}
