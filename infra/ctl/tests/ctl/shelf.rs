//! Dead-letter topics on the real Kafka, under names of their own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::command::{Ended, ctl, real_kafka};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);
const PARTITIONS: i32 = 3;

/// Topics under a prefix of their own.
pub(crate) struct Shelf {
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    admin: AdminClient<DefaultClientContext>,
    pub(crate) producer: BaseProducer,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Shelf {
    pub(crate) async fn new(topics: &[&str]) -> Shelf {
        let (brokers, _) = real_kafka();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &brokers);
        let shelf = Shelf {
            prefix: format!("ctl-{}-", uuid::Uuid::now_v7().simple()),
            admin: config.create().unwrap(),
            producer: config.create().unwrap(),
            brokers,
        };
        let names = shelf.names(topics);
        let new: Vec<_> = names
            .iter()
            .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)))
            .collect();
        for result in shelf
            .admin
            .create_topics(&new, &AdminOptions::new())
            .await
            .unwrap()
        {
            result.unwrap();
        }
        let end = Instant::now() + LIMIT;
        while shelf.found() < names.len() {
            assert!(Instant::now() < end, "the topics don't show");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        shelf
    }

    fn names(&self, topics: &[&str]) -> Vec<String> {
        let both = topics
            .iter()
            .flat_map(|t| [(*t).to_owned(), format!("{t}.dlq")]);
        both.map(|name| self.name(&name)).collect()
    }

    pub(crate) fn name(&self, topic: &str) -> String {
        format!("{}{topic}", self.prefix)
    }

    fn found(&self) -> usize {
        let metadata = self.producer.client().fetch_metadata(None, LIMIT).unwrap();
        let ours = metadata.topics().iter().filter(|t| {
            t.name().starts_with(&self.prefix) && t.partitions().iter().all(|p| p.leader() >= 0)
        });
        ours.count()
    }

    pub(crate) fn ctl(&self, words: &[&str]) -> Ended {
        ctl(
            &[words, &["--prefix", &self.prefix]].concat(),
            &[
                ("KAFKA_BROKERS", &self.brokers),
                ("KAFKA_SECURITY", "plaintext"),
                ("USER", "olga"),
            ],
        )
    }

    /// The command succeeds and prints this.
    pub(crate) fn done(&self, words: &[&str]) -> String {
        let ended = self.ctl(words);
        assert_eq!(ended.code, Some(0), "{words:?}: {}{}", ended.out, ended.err);
        ended.out
    }

    /// Puts a dead letter down and waits for it.
    pub(crate) fn letter(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&str>,
        value: &[u8],
        headers: &[(&str, &str)],
    ) {
        self.put_down(topic, partition, key, value, headers);
        self.flush();
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(LIMIT).unwrap();
    }

    /// How many records a topic has.
    pub(crate) fn count(&self, topic: &str) -> usize {
        let name = self.name(topic);
        let span = |partition| {
            self.producer
                .client()
                .fetch_watermarks(&name, partition, LIMIT)
                .unwrap()
        };
        (0..PARTITIONS)
            .map(span)
            .map(|(low, high)| (high - low) as usize)
            .sum()
    }

    /// Hands a dead letter to Kafka's client, as a service does.
    pub(crate) fn put_down(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&str>,
        value: &[u8],
        headers: &[(&str, &str)],
    ) {
        let home = self.name(topic);
        let mut all: BTreeMap<&str, &str> = BTreeMap::from([
            ("dlq-topic", home.as_str()),
            ("dlq-partition", "1"),
            ("dlq-offset", "41"),
            ("dlq-attempts", "8"),
            ("dlq-error-class", "transient"),
            ("dlq-error", "the database is locked"),
            ("dlq-service", "LK 0.1.0"),
            ("dlq-failed-at", "2026-11-23T10:00:00+00:00"),
        ]);
        all.extend(headers.iter().copied());
        let headers = all.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
            all.insert(Header {
                key,
                value: Some(*value),
            })
        });
        let name = self.name(&format!("{topic}.dlq"));
        let mut record = BaseRecord::<str, [u8]>::to(&name)
            .partition(partition)
            .payload(value)
            .headers(headers);
        if let Some(key) = key {
            record = record.key(key);
        }
        self.producer.send(record).unwrap();
    }

    /// All records of a topic, by partition and offset.
    pub(crate) fn records(&self, topic: &str) -> Vec<Seen> {
        let name = self.name(topic);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", "ctl-test")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        let mut expected = 0;
        for partition in 0..PARTITIONS {
            let (low, high) = consumer.fetch_watermarks(&name, partition, LIMIT).unwrap();
            expected += (high - low) as usize;
            list.add_partition_offset(&name, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut seen = Vec::new();
        let end = Instant::now() + LIMIT;
        while seen.len() < expected {
            assert!(Instant::now() < end, "{} of {expected} records", seen.len());
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message.unwrap();
            let headers = message.headers().map_or_else(Vec::new, |all| {
                all.iter()
                    .map(|h| {
                        let value = String::from_utf8_lossy(h.value.unwrap_or_default());
                        (h.key.to_owned(), value.into_owned())
                    })
                    .collect()
            });
            let record = Seen {
                partition: message.partition(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().unwrap_or_default().to_vec(),
                headers,
            };
            seen.push((message.partition(), message.offset(), record));
        }
        seen.sort_by_key(|(partition, offset, _)| (*partition, *offset));
        seen.into_iter().map(|(_, _, record)| record).collect()
    }

    pub(crate) async fn clear(self, topics: &[&str]) {
        let names = self.names(topics);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.admin
            .delete_topics(&names, &AdminOptions::new())
            .await
            .unwrap();
    }
}

/// The cells of a printed table.
pub(crate) fn cells(out: &str) -> Vec<Vec<&str>> {
    out.lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}
