//! The logger as a process, between an in-process Kafka and a stand-in for Logstash.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Kafka = MockCluster<'static, DefaultProducerContext>;

const LIMIT: Duration = Duration::from_secs(60);

/// Answers with a status until it is changed; keeps what it accepts.
struct StandIn {
    status: Mutex<u16>,
    tries: Mutex<u32>,
    documents: Mutex<Vec<Value>>,
}

impl StandIn {
    fn answer_with(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }
}

async fn take(State(it): State<Arc<StandIn>>, body: Bytes) -> StatusCode {
    let status = *it.status.lock().unwrap();
    *it.tries.lock().unwrap() += 1;
    if status == 200 {
        let sent: Vec<Value> = serde_json::from_slice(&body).unwrap();
        it.documents.lock().unwrap().extend(sent);
    }
    StatusCode::from_u16(status).unwrap()
}

async fn stand_in(status: u16) -> (Arc<StandIn>, String) {
    let it = Arc::new(StandIn {
        status: Mutex::new(status),
        tries: Mutex::default(),
        documents: Mutex::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let routes = Router::new().route("/", post(take)).with_state(it.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (it, url)
}

/// A running logger; it is killed when the test ends.
struct Logger {
    process: Child,
    address: String,
}

impl Drop for Logger {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geobot-logger"));
    command
        .env_clear()
        .current_dir(folder)
        .stderr(Stdio::piped());
    command
}

impl Logger {
    fn start(kafka: &Kafka, logstash: &str) -> Logger {
        let folder = tempfile::tempdir().unwrap();
        let mut process = command(&folder)
            .env("KAFKA_BROKERS", kafka.bootstrap_servers())
            .env("KAFKA_SECURITY", "plaintext")
            .env("KAFKA_GROUP_PROTOCOL", "classic")
            .env("LOGSTASH_URL", logstash)
            .env("LOGGER_LISTEN", "127.0.0.1:0")
            .env("LOG_FORMAT", "json")
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the logger ended").unwrap();
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "listening_begun" {
                break event["address"].as_str().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Logger { process, address }
    }

    async fn health(&self) -> Value {
        let answer = reqwest::get(format!("http://{}/health/ready", self.address)).await;
        answer.unwrap().json().await.unwrap()
    }
}

fn kafka() -> Kafka {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("info_in", 6, 1).unwrap();
    cluster.create_topic("info_in.dlq", 6, 1).unwrap();
    cluster.create_topic("tg_notify", 1, 1).unwrap();
    cluster
}

/// `count` events over `keys` keys, numbered; every tenth in the older form.
fn produce(kafka: &Kafka, count: u64, keys: u64) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap_servers())
        .create()
        .unwrap();
    for n in 0..count {
        let key = format!("story-{}", n % keys);
        let data = json!({"n": n, "key": key});
        let record = if n % 10 == 0 {
            json!({"service": "LK", "action": "info", "data": data, "timestamp": "2026-11-23 10:00:00"})
        } else {
            json!({"service": "TG", "action": "payment_routed", "payload": {"message": "It is routed", "timestamp": "2026-11-23T10:00:00.123456", "data": data}})
        };
        producer
            .send(
                BaseRecord::to("info_in")
                    .key(&key)
                    .payload(&record.to_string()),
            )
            .unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();
}

async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition().await {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logstash_down_then_up_loses_nothing_and_keeps_the_order_of_each_key() {
    for status in [503, 401] {
        let kafka = kafka();
        let (logstash, url) = stand_in(status).await;
        let logger = Logger::start(&kafka, &url);
        produce(&kafka, 500, 10);
        eventually("a first try", async || *logstash.tries.lock().unwrap() > 3).await;
        let health = logger.health().await;
        assert_eq!(health["ready"], false);
        let said = health["checks"]["logstash"].as_str().unwrap();
        assert!(said.contains(&status.to_string()), "{said}");

        logstash.answer_with(200);
        eventually("all documents", async || {
            logstash.documents.lock().unwrap().len() >= 500
        })
        .await;
        let mut by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for document in logstash.documents.lock().unwrap().iter() {
            let key = document["data"]["key"].as_str().unwrap().to_owned();
            let n = document["data"]["n"].as_u64().unwrap();
            by_key.entry(key).or_default().push(n);
        }
        for (key, numbers) in by_key {
            assert_eq!(numbers.len(), 50, "{key}: each once");
            assert!(numbers.is_sorted(), "{key}: {numbers:?}");
        }
        eventually("readiness", async || logger.health().await["ready"] == true).await;
    }
}

/// Reads `tg_notify` from its beginning until so many errors are told.
fn told(kafka: &Kafka, errors: u64) -> Vec<Value> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap_servers())
        .set("group.id", "test")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&["tg_notify"]).unwrap();
    let (end, mut alerts) = (Instant::now() + LIMIT, Vec::<Value>::new());
    let count = |alerts: &[Value]| -> u64 {
        let counts = alerts.iter().map(|it| it["count"].as_u64().unwrap());
        counts.sum()
    };
    while count(&alerts) < errors {
        assert!(Instant::now() < end, "only {alerts:?} within {LIMIT:?}");
        if let Some(record) = consumer.poll(Duration::from_millis(100)) {
            let record: Value = serde_json::from_slice(record.unwrap().payload().unwrap()).unwrap();
            assert_eq!(record["action"], "staff_alert");
            alerts.push(record["payload"]["data"].clone());
        }
    }
    alerts
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_hears_of_errors_though_logstash_is_down() {
    let kafka = kafka();
    let (logstash, url) = stand_in(503).await;
    let _logger = Logger::start(&kafka, &url);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap_servers())
        .create()
        .unwrap();
    for n in 0..5 {
        let level = if n == 4 { "warn" } else { "error" };
        let record = json!({"service": "LK", "action": "refund_unknown", "payload": {"message": format!("Refund {n}"),
            "timestamp": "2026-11-25T10:00:00.000000", "level": level, "data": {}}});
        let (key, text) = (format!("story-{n}"), record.to_string());
        let sent = BaseRecord::to("info_in").key(&key).payload(&text);
        producer.send(sent).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();

    // Tried again and again, and each told once.
    eventually("tries", async || *logstash.tries.lock().unwrap() > 3).await;
    let alerts = told(&kafka, 4);
    for alert in &alerts {
        assert_eq!(
            (&alert["service"], &alert["action"]),
            (&json!("LK"), &json!("refund_unknown"))
        );
    }
    assert!(logstash.documents.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_forms_of_a_record_become_documents() {
    let kafka = kafka();
    let (logstash, url) = stand_in(200).await;
    let _logger = Logger::start(&kafka, &url);
    produce(&kafka, 2, 1);
    eventually("both documents", async || {
        logstash.documents.lock().unwrap().len() == 2
    })
    .await;
    let documents = logstash.documents.lock().unwrap();
    assert_eq!(
        documents[0],
        json!({"@timestamp": "2026-11-23T10:00:00.000000Z", "service": "logger-service", "executer": "LK",
            "message": "", "level": "info", "action": "info", "data": {"n": 0, "key": "story-0"}})
    );
    assert_eq!(documents[1]["@timestamp"], "2026-11-23T10:00:00.123456Z");
    assert_eq!(documents[1]["action"], "payment_routed");
}

#[test]
fn a_wrong_address_is_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(&folder)
        .env("LOGSTASH_URL", "logstash:5005")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<_> = text.lines().filter(|l| l.starts_with("error")).collect();
    assert_eq!(
        errors,
        ["error: LOGSTASH_URL=logstash:5005 is not an http:// or https:// address"]
    );
}
