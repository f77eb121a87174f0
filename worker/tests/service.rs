//! The worker as a process, against an in-process Kafka.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use serde_json::{Value, json};

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

impl Worker {
    fn start(kafka: &Kafka, name: &str) -> Worker {
        let folder = tempfile::tempdir().unwrap();
        let mut process = command(&folder)
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
    let mut number = 0;
    while by_worker.len() < 2 {
        assert!(Instant::now() < end, "only {by_worker:?} work");
        number += 1;
        let record = json!({"service": "LK", "action": "start_task", "data": {"id": number}});
        produce(&kafka, "task_in", &number.to_string(), &record);
        // One answer to each task, by one of the two: not by both.
        let (_, event) = next(&reader);
        assert_eq!(event["payload"]["data"]["id"], number);
        by_worker.insert(event["service"].as_str().unwrap().to_owned());
    }
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
