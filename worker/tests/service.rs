//! The worker as a process, against an in-process Kafka.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use serde_json::{Value, json};
use sha2::Sha256;

type Kafka = MockCluster<'static, DefaultProducerContext>;

const LIMIT: Duration = Duration::from_secs(60);

fn kafka() -> Kafka {
    let cluster = MockCluster::new(1).unwrap();
    for topic in ["task_in", "worker_start_orm", "worker_done_orm", "info_in"] {
        cluster.create_topic(topic, 6, 1).unwrap();
        cluster.create_topic(&format!("{topic}.dlq"), 6, 1).unwrap();
    }
    cluster
}

/// A running worker; it is killed when the test ends.
struct Worker {
    process: Child,
    address: String,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geobot-worker"));
    command
        .env_clear()
        .current_dir(folder)
        .stderr(Stdio::piped());
    command
}

/// 32 bytes in hex, which is base64 as well.
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

impl Worker {
    fn start(kafka: &Kafka, name: &str) -> Worker {
        Worker::start_with(kafka, name, &[("WEBHOOK_KEY", KEY)])
    }

    fn start_with(kafka: &Kafka, name: &str, settings: &[(&str, &str)]) -> Worker {
        let folder = tempfile::tempdir().unwrap();
        let mut process = command(&folder)
            .envs(settings.iter().copied())
            .env("KAFKA_BROKERS", kafka.bootstrap_servers())
            .env("KAFKA_SECURITY", "plaintext")
            .env("KAFKA_GROUP_PROTOCOL", "classic")
            .env("WORKER_NAME", name)
            .env("WORKER_LISTEN", "127.0.0.1:0")
            .env("LOG_FORMAT", "json")
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the worker ended").unwrap();
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "listening_begun" {
                break event["address"].as_str().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || {
            lines.for_each(|line| eprintln!("{}", line.unwrap_or_default()))
        });
        let worker = Worker { process, address };
        let ready = format!("http://{}/health/ready", worker.address);
        let end = Instant::now() + LIMIT;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        while !runtime.block_on(async {
            reqwest::get(&ready)
                .await
                .is_ok_and(|answer| answer.status().is_success())
        }) {
            assert!(Instant::now() < end, "the worker is not ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        worker
    }
}

fn produce(kafka: &Kafka, topic: &str, key: &str, value: &Value) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap_servers())
        .create()
        .unwrap();
    producer
        .send(BaseRecord::to(topic).key(key).payload(&value.to_string()))
        .unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
}

fn reader(kafka: &Kafka, topics: &[&str]) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap_servers())
        .set("group.id", "test")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    for topic in topics {
        for partition in 0..6 {
            list.add_partition_offset(topic, partition, rdkafka::Offset::Beginning)
                .unwrap();
        }
    }
    consumer.assign(&list).unwrap();
    consumer
}

/// The next record with its topic, within the limit.
fn next(reader: &BaseConsumer) -> (String, Value) {
    let end = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < end, "no record came");
        if let Some(Ok(message)) = reader.poll(Duration::from_millis(100)) {
            let value = serde_json::from_slice(message.payload().unwrap()).unwrap();
            return (message.topic().to_owned(), value);
        }
    }
}

/// What came to a receiver.
#[derive(Clone, Debug)]
struct Call {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

/// Another system: it answers the statuses in their order, the last one for ever.
struct Receiver {
    url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Receiver {
    fn answering(statuses: &'static [u16]) -> Receiver {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let seen = Arc::clone(&calls);
        let answer = move |headers: HeaderMap, body: String| async move {
            let header = |name: &str| headers[name].to_str().unwrap().to_owned();
            let mut calls = seen.lock().unwrap();
            let status = statuses[calls.len().min(statuses.len() - 1)];
            calls.push(Call {
                id: header("webhook-id"),
                timestamp: header("webhook-timestamp"),
                signature: header("webhook-signature"),
                body,
            });
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("location", "/elsewhere")], "it\nsays so")
        };
        let routes = axum::Router::new().route("/buy", axum::routing::post(answer));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("http://{}/buy?secret=1", listener.local_addr().unwrap());
        runtime.spawn(async { axum::serve(listener, routes).await });
        Receiver {
            url,
            calls,
            _runtime: runtime,
        }
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

fn order(kafka: &Kafka, id: uuid::Uuid, kind: &str, args: Value) {
    let record = json!({"service": "ARM", "action": "start_task",
        "payload": {"data": {"task_id": id, "kind": kind, "args": args}}});
    produce(kafka, "worker_start_orm", &id.to_string(), &record);
}

fn sale(url: &str) -> Value {
    json!({"url": url, "invoice_id": 5, "user_id": 7, "product_id": uuid::Uuid::nil(), "title": "Курс",
        "amount": 29900, "mode": "live", "at": "2026-11-23T10:00:00Z"})
}

#[test]
fn a_webhook_is_called_signed_and_its_answer_is_told() {
    let kafka = kafka();
    let _worker = Worker::start(&kafka, "WORKER_0");
    let receiver = Receiver::answering(&[204]);
    let id = uuid::Uuid::now_v7();
    order(&kafka, id, "deliver_webhook", sale(&receiver.url));
    let (_, answer) = next(&reader(&kafka, &["worker_done_orm"]));
    assert_eq!(answer["action"], "task_done");
    assert_eq!(
        answer["payload"]["data"],
        json!({"task_id": id, "worker": "WORKER_0", "result": {"status": 204}})
    );
    let call = receiver.calls().remove(0);
    let body: Value = serde_json::from_str(&call.body).unwrap();
    let mut wanted = sale("");
    wanted.as_object_mut().unwrap().remove("url");
    assert_eq!(body, wanted);
    assert_eq!(call.id, id.to_string());
    let key = base64::engine::general_purpose::STANDARD
        .decode(KEY)
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{}.{}", call.timestamp, call.body).as_bytes());
    let digest = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(call.signature, format!("v1,{digest}"));
}

#[test]
fn a_receiver_that_is_down_is_called_again_and_holds_up_no_other_job() {
    let kafka = kafka();
    let _worker = Worker::start(&kafka, "WORKER_0");
    let receiver = Receiver::answering(&[500, 429, 200]);
    let (slow, other) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    order(&kafka, slow, "deliver_webhook", sale(&receiver.url));
    let moscow = json!({"user_id": 7, "latitude": 55.7558, "longitude": 37.6173});
    let reader = reader(&kafka, &["worker_done_orm"]);
    let end = Instant::now() + LIMIT;
    while receiver.calls().is_empty() {
        assert!(Instant::now() < end, "no call came");
        std::thread::sleep(Duration::from_millis(20));
    }
    order(&kafka, other, "fly", moscow);
    let (_, first) = next(&reader);
    assert_eq!(first["payload"]["data"]["task_id"], other.to_string());
    let (_, second) = next(&reader);
    assert_eq!(second["action"], "task_done", "{second}");
    let calls = receiver.calls();
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call.id == slow.to_string()));
}

#[test]
fn a_receiver_that_stays_down_is_given_up_and_one_that_refuses_at_once() {
    let kafka = kafka();
    let briefly = [("WEBHOOK_KEY", KEY), ("WEBHOOK_RETRY_SECONDS", "1")];
    let _worker = Worker::start_with(&kafka, "WORKER_0", &briefly);
    let reader = reader(&kafka, &["worker_done_orm"]);
    let failed = |url: &str| {
        order(&kafka, uuid::Uuid::now_v7(), "deliver_webhook", sale(url));
        let (_, answer) = next(&reader);
        assert_eq!(answer["action"], "task_failed", "{answer}");
        answer["payload"]["data"]["reason"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let down = Receiver::answering(&[503]);
    assert_eq!(
        failed(&down.url),
        "given up: the receiver answered 503 Service Unavailable: it says so"
    );
    assert_eq!(down.calls().len(), 2);
    for (statuses, said) in [(&[400_u16][..], "400 Bad Request"), (&[302], "302 Found")] {
        let refusing = Receiver::answering(statuses);
        let reason = failed(&refusing.url);
        assert!(reason.contains(said), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
        assert_eq!(refusing.calls().len(), 1);
    }
    let nobody = failed("http://127.0.0.1:1/buy?secret=1");
    assert!(nobody.contains("can't be reached"), "{nobody}");
    assert!(!nobody.contains("secret"), "{nobody}");
    assert!(failed("ftp://127.0.0.1/").contains("http"));
}

#[test]
fn a_task_that_comes_again_is_answered_again_under_the_same_id() {
    let kafka = kafka();
    let _worker = Worker::start(&kafka, "WORKER_0");
    let receiver = Receiver::answering(&[200]);
    let id = uuid::Uuid::now_v7();
    let reader = reader(&kafka, &["worker_done_orm"]);
    for _ in 0..2 {
        order(&kafka, id, "deliver_webhook", sale(&receiver.url));
        let (_, answer) = next(&reader);
        assert_eq!(answer["payload"]["data"]["task_id"], id.to_string());
    }
    let calls = receiver.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].id, calls[1].id);
}

#[test]
fn without_a_key_nothing_is_called_and_the_reason_is_told() {
    let kafka = kafka();
    let _worker = Worker::start_with(&kafka, "WORKER_0", &[]);
    let receiver = Receiver::answering(&[200]);
    order(
        &kafka,
        uuid::Uuid::now_v7(),
        "deliver_webhook",
        sale(&receiver.url),
    );
    let (_, answer) = next(&reader(&kafka, &["worker_done_orm"]));
    assert_eq!(answer["action"], "task_failed");
    let reason = answer["payload"]["data"]["reason"].as_str().unwrap();
    assert!(reason.contains("WEBHOOK_KEY"), "{reason}");
    assert!(receiver.calls().is_empty());
}

#[test]
fn the_city_of_a_place_is_found() {
    let kafka = kafka();
    let _worker = Worker::start(&kafka, "WORKER_0");
    let reader = reader(&kafka, &["worker_done_orm"]);
    let asked = |args: Value| {
        order(&kafka, uuid::Uuid::now_v7(), "reverse_geocode", args);
        let (_, answer) = next(&reader);
        let data = answer["payload"]["data"].clone();
        (answer["action"].as_str().unwrap().to_owned(), data)
    };
    let (action, data) = asked(json!({"user_id": 7, "latitude": 55.7558, "longitude": 37.6173}));
    assert_eq!(action, "task_done");
    assert_eq!(
        data["result"],
        json!({"city": "Moscow", "region": "Moscow", "country": "RU"})
    );
    let (action, data) = asked(json!({"latitude": 0, "longitude": -140}));
    assert_eq!(
        (action.as_str(), &data["result"]),
        ("task_done", &json!({}))
    );
    for nonsense in [
        json!({"latitude": 91, "longitude": 0}),
        json!({"latitude": 0, "longitude": -180.5}),
        json!({"latitude": 1e300, "longitude": 0}),
        json!({"latitude": "north", "longitude": 0}),
        json!({"latitude": null, "longitude": 0}),
        json!([]),
    ] {
        let (action, data) = asked(nonsense.clone());
        assert_eq!(action, "task_failed", "{nonsense}: {data}");
    }
}

#[test]
fn a_key_that_is_none_is_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(&folder)
        .env("WEBHOOK_KEY", "swordfish")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<_> = text.lines().filter(|l| l.starts_with("error")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert!(errors[0].contains("WEBHOOK_KEY must be"), "{text}");
    assert!(!text.contains("swordfish"), "{text}");
}

#[test]
fn an_older_task_becomes_an_event_in_the_log() {
    let kafka = kafka();
    let _worker = Worker::start(&kafka, "WORKER_1");
    let record =
        json!({"service": "LK", "action": "start_task", "data": {"task_id": 7, "что": "отчёт"}});
    produce(&kafka, "task_in", "7", &record);
    let (_, event) = next(&reader(&kafka, &["info_in"]));
    assert_eq!(event["service"], "WORKER_1");
    assert_eq!(event["action"], "start_task");
    assert_eq!(event["payload"]["message"], "It is start_task");
    assert_eq!(
        event["payload"]["data"],
        json!({"task_id": 7, "что": "отчёт"})
    );
}

#[test]
fn a_task_of_an_unknown_kind_is_answered_as_failed() {
    let kafka = kafka();
    let _worker = Worker::start(&kafka, "WORKER_0");
    let id = uuid::Uuid::now_v7();
    let record = json!({"service": "ARM", "action": "start_task",
        "payload": {"data": {"task_id": id, "kind": "fly", "args": {"to": "the moon"}}}});
    produce(&kafka, "worker_start_orm", &id.to_string(), &record);
    let (_, answer) = next(&reader(&kafka, &["worker_done_orm"]));
    assert_eq!(answer["action"], "task_failed");
    assert_eq!(
        answer["payload"]["data"],
        json!({"task_id": id, "worker": "WORKER_0", "reason": "this worker does not know jobs of the kind `fly`"})
    );
    let (_, event) = next(&reader(&kafka, &["info_in"]));
    assert_eq!(event["payload"]["level"], "warn");
}

#[test]
fn what_is_no_task_goes_to_the_dead_letters_and_the_next_one_is_handled() {
    let kafka = kafka();
    let _worker = Worker::start(&kafka, "WORKER_0");
    for record in [
        json!("junk"),
        json!({"service": "LK", "action": "fly"}),
        json!({"service": "LK", "action": "start_task"}),
    ] {
        produce(&kafka, "task_in", "7", &record);
    }
    let reader = reader(&kafka, &["task_in.dlq", "info_in"]);
    let mut seen = BTreeMap::<String, u32>::new();
    while !(seen.get("task_in.dlq") == Some(&2) && seen.contains_key("start_task")) {
        let (topic, value) = next(&reader);
        let name = if topic == "info_in" {
            value["action"].as_str().unwrap().to_owned()
        } else {
            topic
        };
        *seen.entry(name).or_default() += 1;
    }
}

#[test]
fn two_workers_share_the_work_as_one_group() {
    let kafka = kafka();
    let _workers = [
        Worker::start(&kafka, "WORKER_0"),
        Worker::start(&kafka, "WORKER_1"),
    ];
    let reader = reader(&kafka, &["info_in"]);
    let mut by_worker = BTreeSet::new();
    let end = Instant::now() + LIMIT;
    let (mut number, mut again, mut shared) = (0, 0, 0);
    while shared < 20 {
        assert!(Instant::now() < end, "only {by_worker:?} work");
        number += 1;
        let record = json!({"service": "LK", "action": "start_task", "data": {"id": number}});
        produce(&kafka, "task_in", &number.to_string(), &record);
        loop {
            let (_, event) = next(&reader);
            by_worker.insert(event["service"].as_str().unwrap().to_owned());
            if event["payload"]["data"]["id"] == number {
                break;
            }
            again += 1;
        }
        shared += u32::from(by_worker.len() == 2);
    }
    // One answer to each task, by one of the two: not by both. A few may be repeated where a partition changes hands.
    assert!(again < 5, "{again} of {number} tasks were done again");
}

#[test]
fn a_wrong_name_is_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(&folder)
        .env("WORKER_NAME", "ROBOT")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("WORKER_NAME must be WORKER_0"), "{text}");
}
