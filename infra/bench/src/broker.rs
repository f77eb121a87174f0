//! Topics of our own on somebody's broker: made for one run, deleted after it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::bail;
use geobot_shared::bus::{KafkaSettings, header};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// The partitions of every topic here, as in the real graph.
pub(crate) const PARTITIONS: i32 = geobot_shared::topics::PARTITIONS;

const LIMIT: Duration = Duration::from_secs(15);
/// How long a whole topic may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Broker {
    settings: KafkaSettings,
    admin: AdminClient<DefaultClientContext>,
}

impl Broker {
    pub(crate) fn new(brokers: &str) -> anyhow::Result<Broker> {
        let settings = KafkaSettings::plaintext(brokers);
        settings.check(LIMIT)?;
        Ok(Broker {
            admin: settings.client("geobot-bench").create()?,
            settings,
        })
    }

    pub(crate) fn settings(&self) -> &KafkaSettings {
        &self.settings
    }

    /// Makes topics and waits until the broker knows them.
    pub(crate) async fn create(&self, names: &[String]) -> anyhow::Result<()> {
        let topics: Vec<NewTopic<'_>> = names
            .iter()
            .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)))
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(LIMIT));
        for made in self.admin.create_topics(&topics, &options).await? {
            if let Err((name, code)) = made {
                bail!("the topic {name} could not be made: {code}");
            }
        }
        let began = Instant::now();
        for name in names {
            while self.records_in(name)?.is_none() {
                if began.elapsed() > LIMIT {
                    bail!("the topic {name} does not appear");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// Makes a topic that others may have made.
    pub(crate) async fn create_if_missing(&self, name: &str) -> anyhow::Result<()> {
        if self.records_in(name)?.is_none() {
            self.create(&[name.to_owned()]).await?;
        }
        Ok(())
    }

    pub(crate) async fn delete(&self, names: &[String]) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Err(error) = self.admin.delete_topics(&names, &AdminOptions::new()).await {
            tracing::warn!(%error, "topics_not_deleted");
        }
    }

    /// How many records a topic has; `None` while it is not there.
    pub(crate) fn records_in(&self, topic: &str) -> anyhow::Result<Option<i64>> {
        let client: BaseConsumer = self.settings.client("geobot-bench").create()?;
        let metadata = client.fetch_metadata(Some(topic), LIMIT)?;
        let Some(topic_metadata) = metadata.topics().first() else {
            return Ok(None);
        };
        if topic_metadata.error().is_some() || topic_metadata.partitions().is_empty() {
            return Ok(None);
        }
        let mut records = 0;
        for partition in topic_metadata.partitions() {
            // A new partition has no leader for a moment.
            match client.fetch_watermarks(topic, partition.id(), LIMIT) {
                Ok((low, high)) => records += high - low,
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(records))
    }

    /// Goes through a topic, partition by partition in order, with each record's message-id, value and time, to where
    /// it ends now.
    pub(crate) fn each(
        &self,
        topic: &str,
        mut take: impl FnMut(&str, &[u8], i64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let client: BaseConsumer = self
            .settings
            .consumer("geobot-bench-check", "geobot-bench-check")
            .set("group.protocol", "classic")
            .create()?;
        let mut left: HashMap<i32, i64> = HashMap::new();
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            let (low, high) = client.fetch_watermarks(topic, partition, READ_LIMIT)?;
            if high > low {
                left.insert(partition, high - 1);
                list.add_partition_offset(topic, partition, Offset::Beginning)?;
            }
        }
        client.assign(&list)?;
        let began = Instant::now();
        while !left.is_empty() {
            if began.elapsed() > READ_LIMIT {
                bail!("{topic} can't be read to its end");
            }
            let Some(message) = client.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message?;
            let Some(last) = left.get(&message.partition()).copied() else {
                continue;
            };
            let id = message
                .headers()
                .and_then(|all| all.iter().find(|h| h.key == header::MESSAGE_ID))
                .and_then(|h| h.value)
                .unwrap_or_default();
            let id = std::str::from_utf8(id).unwrap_or_default();
            let time = message.timestamp().to_millis().unwrap_or(0);
            take(id, message.payload().unwrap_or_default(), time)?;
            if message.offset() >= last {
                left.remove(&message.partition());
            }
        }
        Ok(())
    }
}
