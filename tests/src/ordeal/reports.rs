//! What the bot reports to ARM, read as it comes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use geobot_shared::topics::PARTITIONS;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::kafka::watermarks;

/// The outcomes of each request, in the order of their reports.
pub(super) type ByRequest = HashMap<String, Vec<String>>;

/// Follows arm_sync_tg.
pub(super) struct Reports {
    known: Arc<Mutex<ByRequest>>,
    stop: Arc<AtomicBool>,
    reading: Option<JoinHandle<()>>,
}

impl Reports {
    /// From now on, for requests that begin with `run`.
    pub(super) fn follow(brokers: &str, run: &str) -> Result<Reports> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "geobot-ordeal-reader")
            .set("enable.auto.commit", "false")
            .create()?;
        let mut places = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            let (_, end) = watermarks(&consumer, "arm_sync_tg", partition)?;
            places.add_partition_offset("arm_sync_tg", partition, Offset::Offset(end))?;
        }
        consumer.assign(&places)?;
        let (known, stop) = (
            Arc::<Mutex<ByRequest>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (into, until, run) = (Arc::clone(&known), Arc::clone(&stop), run.to_owned());
        let reading = std::thread::spawn(move || {
            while !until.load(Ordering::Acquire) {
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
                    continue;
                };
                let value = message.payload().unwrap_or_default();
                let record: Value = serde_json::from_slice(value).unwrap_or_default();
                let deliveries = record["payload"]["data"]["deliveries"].as_array();
                let mut known = into.lock().unwrap_or_else(PoisonError::into_inner);
                for delivery in deliveries.into_iter().flatten() {
                    let request = delivery["request_id"].as_str().unwrap_or_default();
                    if request.starts_with(&run) {
                        let outcome = delivery["outcome"].as_str().unwrap_or_default();
                        let all: &mut Vec<String> = known.entry(request.to_owned()).or_default();
                        all.push(outcome.to_owned());
                    }
                }
            }
        });
        Ok(Reports {
            known,
            stop,
            reading: Some(reading),
        })
    }

    /// How many requests are answered for.
    pub(super) fn answered(&self) -> usize {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// All that came.
    pub(super) fn end(mut self) -> ByRequest {
        self.stop.store(true, Ordering::Release);
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut known)
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}
