//! Reading topics without joining a group: nothing is committed, nobody's partitions move.

use std::time::{Duration, Instant};

use geobot_shared::bus::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message};

use super::ASK;
use crate::failure::Failure;

/// The offsets a partition has: from `low` to before `high`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

impl Span {
    pub(crate) fn len(&self) -> i64 {
        self.high - self.low
    }
}

/// A client that reads what it is told to.
pub(crate) fn reader(kafka: &KafkaSettings) -> Result<BaseConsumer, Failure> {
    Ok(config(kafka, "geobot-ctl.reader").create()?)
}

/// A client that sees the offsets of a group; librdkafka wants a group's name of every consumer.
pub(crate) fn config(kafka: &KafkaSettings, group: &str) -> ClientConfig {
    let mut config = kafka.client("geobot-ctl");
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("fetch.wait.max.ms", "10")
        .set("fetch.error.backoff.ms", "20");
    config
}

/// The offsets of every partition of these topics. Topics that are not there are left out.
pub(crate) fn spans(reader: &BaseConsumer, topics: &[String]) -> Result<Vec<Span>, Failure> {
    let metadata = reader.fetch_metadata(None, ASK)?;
    let mut spans = Vec::new();
    for topic in topics {
        let Some(found) = metadata.topics().iter().find(|t| t.name() == topic) else {
            continue;
        };
        for partition in found.partitions() {
            let (low, high) = watermarks(reader, topic, partition.id())?;
            spans.push(Span {
                topic: topic.clone(),
                partition: partition.id(),
                low,
                high,
            });
        }
    }
    Ok(spans)
}

/// The ends of a partition. One that is being led by nobody or somebody new for a moment is asked about again.
fn watermarks(reader: &BaseConsumer, topic: &str, partition: i32) -> Result<(i64, i64), Failure> {
    let end = Instant::now() + ASK;
    loop {
        match reader.fetch_watermarks(topic, partition, ASK) {
            Err(error) if is_passing(&error) && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(100));
            }
            answer => return Ok(answer?),
        }
    }
}

fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition, UnknownTopicOrPartition};
    matches!(
        error.rdkafka_error_code(),
        Some(LeaderNotAvailable | NotLeaderForPartition | UnknownTopicOrPartition)
    )
}

/// Reads the given spans to their ends and hands each record to `take`.
///
/// # Errors
/// When Kafka gives nothing for a while though more is there, or what `take` fails with.
pub(crate) fn read(
    reader: &BaseConsumer,
    spans: &[Span],
    mut take: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut list = TopicPartitionList::new();
    let mut open = 0;
    for span in spans.iter().filter(|span| span.len() > 0) {
        list.add_partition_offset(&span.topic, span.partition, Offset::Offset(span.low))?;
        open += 1;
    }
    reader.assign(&list)?;
    let mut heard = Instant::now();
    while open > 0 {
        match reader.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let span = spans
                    .iter()
                    .find(|s| s.topic == message.topic() && s.partition == message.partition());
                let Some(span) = span.filter(|s| message.offset() < s.high) else {
                    continue;
                };
                take(&message)?;
                if message.offset() == span.high - 1 {
                    open -= 1;
                }
            }
            _ if heard.elapsed() > ASK => {
                return Err(Failure::failed(
                    "Kafka gives no more records, though there are some",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
