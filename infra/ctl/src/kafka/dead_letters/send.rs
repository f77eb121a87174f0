//! Writing letters back and notes beside them, each awaited.

use std::time::Duration;

use chrono::Utc;
use geobot_shared::bus::KafkaSettings;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::runtime::Handle;

use super::fate::{self, Verdict};
use super::letter::{Entry, Letter};
use crate::failure::Failure;

/// How long Kafka's queue in this process may stay full.
const QUEUE: Duration = Duration::from_secs(10);

/// Writes for the operator.
pub(super) struct Sender {
    kafka: FutureProducer,
    runtime: Handle,
    by: String,
}

impl Sender {
    pub(super) fn new(kafka: &KafkaSettings, runtime: Handle) -> Result<Sender, Failure> {
        let mut config = kafka.producer("geobot-ctl");
        // Each record is awaited before the next: waiting for company would only cost time.
        config.set("linger.ms", "0");
        let by = ["USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok());
        Ok(Sender {
            kafka: config.create()?,
            runtime,
            by: by.unwrap_or_default(),
        })
    }

    /// Puts the record back on its topic: its own bytes, key and headers.
    pub(super) fn put_back(&self, topic: &str, letter: &Letter) -> Result<(), Failure> {
        let headers = letter.own_headers();
        self.send(
            topic,
            letter.own_partition(),
            letter.key.as_deref(),
            &letter.value,
            &headers,
        )
    }

    /// Notes the letter's fate in its own partition.
    pub(super) fn note(
        &self,
        entry: &Entry,
        verdict: Verdict,
        reason: &str,
    ) -> Result<(), Failure> {
        let (headers, value) = fate::note(entry, verdict, &self.by, reason, Utc::now())
            .map_err(|e| Failure::failed(e.to_string()))?;
        self.send(&entry.topic, Some(entry.partition), None, &value, &headers)
    }

    fn send(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: Option<&[u8]>,
        value: &[u8],
        headers: &[(String, Vec<u8>)],
    ) -> Result<(), Failure> {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(topic).payload(value).headers(headers);
        record.key = key;
        record.partition = partition;
        self.runtime
            .block_on(self.kafka.send(record, QUEUE))
            .map(drop)
            .map_err(|(error, _)| {
                Failure::failed(format!("Kafka did not take a record for {topic}: {error}"))
            })
    }
}
