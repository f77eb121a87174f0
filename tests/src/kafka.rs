//! Records straight into and out of Kafka, past our own bus: as an older service or a stranger would write them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use geobot_shared::topics::PARTITIONS;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::wait::LIMIT;

/// A plain client.
pub struct Kafka {
    brokers: String,
    producer: FutureProducer,
}

/// A record as it lies in a topic.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its key.
    pub key: Option<String>,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
}

impl Found {
    fn of(message: &BorrowedMessage<'_>) -> Found {
        let header =
            |it: Header<'_, &[u8]>| (it.key.to_owned(), text(it.value).unwrap_or_default());
        Found {
            key: text(message.key()),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: message
                .headers()
                .map(|all| all.iter().map(header).collect())
                .unwrap_or_default(),
        }
    }

    /// The value as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.value).unwrap_or_default()
    }
}

impl Kafka {
    /// For the listener without a password.
    ///
    /// # Errors
    /// A setting librdkafka does not take.
    pub fn new(brokers: &str) -> Result<Kafka> {
        Ok(Kafka {
            brokers: brokers.to_owned(),
            producer: ClientConfig::new()
                .set("bootstrap.servers", brokers)
                .set("linger.ms", "0")
                .create()?,
        })
    }

    /// Writes a record and waits for the acknowledgement.
    ///
    /// # Panics
    /// When Kafka does not take it.
    pub async fn write(
        &self,
        topic: &str,
        key: Option<&str>,
        value: &[u8],
        headers: &[(&str, &str)],
    ) {
        let mut record = FutureRecord::<str, [u8]>::to(topic).payload(value);
        if let Some(key) = key {
            record = record.key(key);
        }
        if !headers.is_empty() {
            let all = headers
                .iter()
                .fold(OwnedHeaders::new(), |all, (key, value)| {
                    all.insert(Header {
                        key,
                        value: Some(*value),
                    })
                });
            record = record.headers(all);
        }
        let sent = self.producer.send(record, Duration::from_secs(10)).await;
        sent.unwrap_or_else(|(error, _)| panic!("{topic} does not take the record: {error}"));
    }

    /// Empties a topic, as a broker does that lost its last records.
    ///
    /// # Panics
    /// When Kafka refuses.
    pub async fn lose_records(&self, topic: &str) {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .create()
            .expect("an admin client");
        let mut ends = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            ends.add_partition_offset(topic, partition, Offset::End)
                .expect("a partition");
        }
        let lost = admin.delete_records(&ends, &AdminOptions::new()).await;
        lost.unwrap_or_else(|error| panic!("{topic} can't be emptied: {error}"));
        println!("  ✓ {topic} has lost its records");
    }

    /// How many records a topic has; 0 when it is not there.
    ///
    /// # Errors
    /// Kafka's.
    pub async fn records_in(&self, topic: &str) -> Result<i64> {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .create()?;
        let topic = topic.to_owned();
        let counting = tokio::task::spawn_blocking(move || {
            let metadata = client.fetch_metadata(Some(&topic), LIMIT)?;
            let known = metadata.topics().first();
            let partitions = known.map_or(0, |it| it.partitions().len());
            let mut records = 0;
            for partition in 0..i32::try_from(partitions).unwrap_or(0) {
                let (low, high) = watermarks(&client, &topic, partition)?;
                records += high - low;
            }
            Ok(records)
        });
        counting.await?
    }

    /// The first record of a topic that fits, old ones included.
    ///
    /// # Panics
    /// When none comes within the limit.
    pub async fn find(
        &self,
        topic: &str,
        what: &str,
        fits: impl Fn(&Found) -> bool + Send + 'static,
    ) -> Found {
        self.find_several(topic, what, 1, fits).await.remove(0)
    }

    /// LK's record of a payment for the bot.
    ///
    /// # Panics
    /// When none comes within the limit.
    pub async fn payment_record(&self, invoice: u64) -> Found {
        self.find("tg_robokassa", "LK → bot: payment_callback", move |it| {
            let record = it.json();
            record["action"] == "payment_callback"
                && record["payload"]["data"]["granted"]["invoice_id"] == invoice
        })
        .await
    }

    /// So many records of a topic that fit, old ones included.
    ///
    /// # Panics
    /// When fewer come within the limit.
    pub async fn find_several(
        &self,
        topic: &str,
        what: &str,
        wanted: usize,
        fits: impl Fn(&Found) -> bool + Send + 'static,
    ) -> Vec<Found> {
        let consumer = self.reader(topic);
        let begin = Instant::now();
        let reading = tokio::task::spawn_blocking(move || {
            let (mut fitting, mut others) = (Vec::new(), 0);
            while fitting.len() < wanted && begin.elapsed() < LIMIT {
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
                    continue;
                };
                let found = Found::of(&message);
                if fits(&found) {
                    fitting.push(found);
                } else {
                    others += 1;
                }
            }
            (fitting, others)
        });
        let (fitting, others) = reading.await.expect("the reader");
        assert!(
            fitting.len() >= wanted,
            "missing in {topic}: {what}; {} of {wanted} are there, and {others} other records",
            fitting.len()
        );
        println!("  ✓ {topic}: {what} ({} ms)", begin.elapsed().as_millis());
        fitting
    }

    /// What `take` makes of the records of a topic, from its beginning to where it ends now.
    ///
    /// # Panics
    /// When the topic can't be read.
    pub async fn all<T: Send + 'static>(
        &self,
        topic: &str,
        take: impl Fn(&Found) -> Option<T> + Send + 'static,
    ) -> Vec<T> {
        let consumer = self.reader(topic);
        let topic = topic.to_owned();
        let reading = tokio::task::spawn_blocking(move || {
            let mut left: BTreeMap<i32, i64> = (0..PARTITIONS)
                .filter_map(|partition| {
                    let (low, high) =
                        watermarks(&consumer, &topic, partition).expect("where the topic ends");
                    (high > low).then_some((partition, high - 1))
                })
                .collect();
            let (mut taken, mut heard) = (Vec::new(), Instant::now());
            while !left.is_empty() {
                assert!(heard.elapsed() < LIMIT, "{topic} can't be read to its end");
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
                    continue;
                };
                heard = Instant::now();
                let partition = message.partition();
                if left.contains_key(&partition) {
                    taken.extend(take(&Found::of(&message)));
                }
                if left
                    .get(&partition)
                    .is_some_and(|last| message.offset() >= *last)
                {
                    left.remove(&partition);
                }
            }
            taken
        });
        reading.await.expect("the reader")
    }

    /// A consumer of a whole topic, in no group.
    fn reader(&self, topic: &str) -> BaseConsumer {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", "geobot-e2e-reader")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer");
        let mut places = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            places
                .add_partition_offset(topic, partition, Offset::Beginning)
                .expect("a partition");
        }
        consumer.assign(&places).expect("an assignment");
        consumer
    }
}

/// Where a partition begins and ends. A new one has no leader for a moment.
///
/// # Errors
/// Kafka's, when there is none for longer.
pub(crate) fn watermarks(
    client: &BaseConsumer,
    topic: &str,
    partition: i32,
) -> rdkafka::error::KafkaResult<(i64, i64)> {
    let begin = Instant::now();
    loop {
        match client.fetch_watermarks(topic, partition, LIMIT) {
            Err(_) if begin.elapsed() < LIMIT => std::thread::sleep(Duration::from_millis(50)),
            answer => return answer,
        }
    }
}

fn text(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}
