//! What the tests need of a broker: topics of their own, and to look at what is in them.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use geobot_shared::bus::KafkaSettings;
use geobot_shared::topics::dead_letter_topic;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message as _};

const LIMIT: Duration = Duration::from_secs(30);

/// How to reach the test broker.
pub(crate) fn settings() -> KafkaSettings {
    let broker = std::env::var("GEOBOT_TEST_KAFKA").expect(
        "GEOBOT_TEST_KAFKA is not set: `sh init.sh test` starts a broker and sets it, \
         `sh init.sh test-stack FILE` keeps one running",
    );
    KafkaSettings::plaintext(broker)
}

/// Makes a topic with a name of its own, and its dead letters.
pub(crate) async fn new_topic(name: &str, partitions: i32) -> String {
    static LOG: std::sync::Once = std::sync::Once::new();
    if std::env::var_os("RUST_LOG").is_some() {
        LOG.call_once(|| geobot_shared::telemetry::start(geobot_shared::config::LogFormat::Text));
    }
    let topic = format!("test_{name}_{:08x}", rand::random::<u32>());
    create(&topic, partitions).await;
    create(&dead_letter_topic(&topic), 1).await;
    // Alerts go there.
    create("info_in", 6).await;
    topic
}

async fn create(topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = settings().client("test").create().unwrap();
    // Records from the year 9999 get in.
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
        .set("message.timestamp.after.max.ms", "9223372036854775807");
    let options = AdminOptions::new().operation_timeout(Some(LIMIT));
    let made = admin.create_topics([&new], &options).await.unwrap();
    match made.into_iter().next().unwrap() {
        Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
        Err((_, code)) => panic!("{topic} could not be made: {code}"),
    }
    until("the topic has leaders", || async { ends(topic).is_some() }).await;
}

/// A record to write.
#[derive(Clone, Default)]
pub(crate) struct Out {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) timestamp: Option<i64>,
}

/// `create_user` number `n` of `key`.
pub(crate) fn user(key: &str, n: u64) -> Out {
    let value = format!(
        r#"{{"service":"LK","action":"create_user","payload":{{"message":"m","timestamp":"2026-11-23T10:00:00.123456","data":{{"user_id":"{key}","n":{n}}}}}}}"#
    );
    Out {
        key: Some(key.as_bytes().to_vec()),
        value: value.into_bytes(),
        ..Out::default()
    }
}

/// Writes records and waits until Kafka has them.
pub(crate) fn fill(topic: &str, records: impl IntoIterator<Item = Out>) {
    let producer: ThreadedProducer<DefaultProducerContext> =
        settings().producer("test-load").create().unwrap();
    let mut wanted = count(topic);
    for record in records {
        wanted += 1;
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let mut next = BaseRecord::to(topic)
            .payload(&record.value)
            .headers(headers);
        if let Some(key) = &record.key {
            next = next.key(key);
        }
        if let Some(timestamp) = record.timestamp {
            next = next.timestamp(timestamp);
        }
        while let Err((error, back)) = producer.send(next) {
            assert_eq!(
                error.rdkafka_error_code(),
                Some(RDKafkaErrorCode::QueueFull)
            );
            next = back;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    producer.flush(LIMIT).unwrap();
    assert!(count(topic) >= wanted, "Kafka did not take every record");
}

/// A record that was read.
#[derive(Clone, Debug)]
pub(crate) struct In {
    pub(crate) value: Vec<u8>,
    pub(crate) headers: BTreeMap<String, String>,
}

impl In {
    /// Whose record it is and its number, for `create_user`.
    pub(crate) fn number(&self) -> (String, u64) {
        let value: serde_json::Value = serde_json::from_slice(&self.value).unwrap();
        let data = &value["payload"]["data"];
        (
            data["user_id"].as_str().unwrap().to_owned(),
            data["n"].as_u64().unwrap(),
        )
    }
}

/// The ends of a topic's partitions; `None` while it has no leaders.
fn ends(topic: &str) -> Option<Vec<(i32, i64)>> {
    let client: BaseConsumer = settings().client("test").create().unwrap();
    let metadata = client.fetch_metadata(Some(topic), LIMIT).ok()?;
    let partitions = metadata.topics().first()?.partitions();
    if partitions.is_empty() {
        return None;
    }
    partitions
        .iter()
        .map(|p| {
            let (_, high) = client.fetch_watermarks(topic, p.id(), LIMIT).ok()?;
            Some((p.id(), high))
        })
        .collect()
}

pub(crate) fn count(topic: &str) -> i64 {
    ends(topic).unwrap().iter().map(|(_, high)| high).sum()
}

/// Everything in a topic now, each partition in its order.
pub(crate) fn read_all(topic: &str) -> Vec<In> {
    let ends = ends(topic).unwrap();
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", settings().brokers)
        .set("group.id", "test-reader")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for (partition, _) in ends.iter().filter(|(_, high)| *high > 0) {
        list.add_partition_offset(topic, *partition, Offset::Beginning)
            .unwrap();
    }
    if list.count() == 0 {
        return Vec::new();
    }
    client.assign(&list).unwrap();
    let wanted: i64 = ends.iter().map(|(_, high)| high).sum();
    let began = Instant::now();
    let mut read = Vec::new();
    while (read.len() as i64) < wanted {
        assert!(began.elapsed() < LIMIT, "{topic} can't be read");
        let Some(message) = client.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        read.push(In {
            value: message.payload().unwrap_or_default().to_vec(),
            headers: message
                .headers()
                .map(|all| {
                    all.iter()
                        .map(|h| (h.key.to_owned(), text(h.value.unwrap_or_default())))
                        .collect()
                })
                .unwrap_or_default(),
        });
    }
    read
}

/// The sum of a group's committed offsets.
pub(crate) fn committed(group: &str, topic: &str) -> i64 {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", settings().brokers)
        .set("group.id", group)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for (partition, _) in ends(topic).unwrap() {
        list.add_partition(topic, partition);
    }
    let offsets = client.committed_offsets(list, LIMIT).unwrap();
    offsets
        .elements()
        .iter()
        .map(|e| match e.offset() {
            Offset::Offset(next) => next,
            _ => 0,
        })
        .sum()
}

/// Waits until something is so.
pub(crate) async fn until<F, R>(what: &str, condition: F)
where
    F: Fn() -> R,
    R: Future<Output = bool>,
{
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < LIMIT, "it did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
