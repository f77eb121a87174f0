//! A record as it came from Kafka, and the identity that it hands on to what it causes.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use uuid::Uuid;

/// Names of the headers of the wire.
pub mod header {
    /// What a repeat is recognised by.
    pub const MESSAGE_ID: &str = "message-id";
    /// What belongs to one story.
    pub const CORRELATION_ID: &str = "correlation-id";
    /// W3C Trace Context.
    pub const TRACEPARENT: &str = "traceparent";
    /// How often the record has been tried before it was written here (re-driven dead letters).
    pub const ATTEMPT: &str = "attempt";
}

/// Namespace of the message-ids that are derived from others (UUIDv5).
const DERIVED: Uuid = Uuid::from_u128(0x6f1a_4c0e_98d2_4d53_9b61_7a1f_52c0_e7d4);

/// Headers longer than this are not believed: the record is taken as if it had none.
const LONGEST_ID: usize = 200;

/// A record's bytes and place.
#[derive(Clone, Debug)]
pub struct Record {
    /// The topic it was read from (an alias keeps its own name).
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Kafka's time of the record.
    pub timestamp: Option<DateTime<Utc>>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; a tombstone is empty.
    pub value: Vec<u8>,
    /// Its headers, as they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its identity.
    pub cause: Cause,
}

/// What a record hands on: its identity and the story it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What a repeat of this record is recognised by.
    pub message_id: String,
    /// What belongs to one story.
    pub correlation_id: String,
    /// W3C Trace Context of the step before, if there is one.
    pub traceparent: Option<String>,
}

impl Cause {
    /// The beginning of a new story (a web request, a timer).
    pub fn new_story() -> Cause {
        let id = Uuid::now_v7();
        Cause {
            message_id: id.to_string(),
            correlation_id: id.to_string(),
            traceparent: Some(format!(
                "00-{:032x}-{:016x}-01",
                id.as_u128(),
                id.as_u128() as u64 | 1
            )),
        }
    }

    /// The message-id of the record number `index` for `topic` and `action` that is made while this one is handled.
    /// The same every time, so that a repeat is recognised.
    pub fn derive(&self, topic: &str, action: &str, index: u32) -> Uuid {
        let id = &self.message_id;
        let mut name = String::with_capacity(id.len() + topic.len() + action.len() + 13);
        // Writing to a String can't fail.
        let _ = write!(name, "{id}\n{topic}\n{action}\n{index}");
        Uuid::new_v5(&DERIVED, name.as_bytes())
    }
}

impl Record {
    pub(super) fn from_message(topic: Arc<str>, message: &BorrowedMessage<'_>) -> Record {
        let headers: Vec<(String, Vec<u8>)> = message
            .headers()
            .map(|all| {
                all.iter()
                    .map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec()))
                    .collect()
            })
            .unwrap_or_default();
        let millis = message.timestamp().to_millis();
        let text = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| key == name)
                .and_then(|(_, value)| std::str::from_utf8(value).ok())
                .filter(|value| !value.is_empty() && value.len() <= LONGEST_ID)
                .map(str::to_owned)
        };
        let message_id = text(header::MESSAGE_ID).unwrap_or_else(|| {
            let (partition, offset) = (message.partition(), message.offset());
            let mut id = String::with_capacity(topic.len() + 48);
            // Writing to a String can't fail.
            let _ = write!(id, "{topic}-{partition}-{offset}-{}", millis.unwrap_or(0));
            id
        });
        let cause = Cause {
            correlation_id: text(header::CORRELATION_ID).unwrap_or_else(|| message_id.clone()),
            traceparent: text(header::TRACEPARENT),
            message_id,
        };
        Record {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: millis.and_then(DateTime::from_timestamp_millis),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().unwrap_or_default().to_vec(),
            headers,
            cause,
            topic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_causes_has_the_same_id_at_every_attempt() {
        let cause = Cause {
            message_id: "m".into(),
            correlation_id: "c".into(),
            traceparent: None,
        };
        let id = cause.derive("tg_send", "send_message", 0);
        assert_eq!(id, cause.derive("tg_send", "send_message", 0));
        assert_ne!(id, cause.derive("tg_send", "send_message", 1));
        assert_ne!(id, cause.derive("tg_send", "send_photo", 0));
        assert_eq!(id.get_version_num(), 5);
    }
}
