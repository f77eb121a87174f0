//! Records that could not be handled: kept, with the reason, until a person decides.

use chrono::Utc;

use super::{HandleError, Outgoing, Record};
use crate::topics::dead_letter_topic;

/// Names of the headers a dead letter carries besides the record's own.
pub mod header {
    /// The topic the record came from.
    pub const TOPIC: &str = "dlq-topic";
    /// Its partition there.
    pub const PARTITION: &str = "dlq-partition";
    /// Its offset there.
    pub const OFFSET: &str = "dlq-offset";
    /// Its Kafka time there, ISO 8601.
    pub const TIMESTAMP: &str = "dlq-timestamp";
    /// How often it was tried.
    pub const ATTEMPTS: &str = "dlq-attempts";
    /// The class of the error: `bad_data` or `transient`.
    pub const ERROR_CLASS: &str = "dlq-error-class";
    /// The error in words.
    pub const ERROR: &str = "dlq-error";
    /// The service that gave up, and its version.
    pub const SERVICE: &str = "dlq-service";
    /// When it gave up, ISO 8601.
    pub const FAILED_AT: &str = "dlq-failed-at";
    /// Only when the record was too large for the dead letters: its value's length in bytes. The letter has the value's
    /// beginning; the whole is at its old place for as long as that topic keeps it.
    pub const CUT_FROM: &str = "dlq-cut-from";
    /// Only when the record's own headers were too large: how many were left out.
    pub const HEADERS_LEFT_OUT: &str = "dlq-headers-left-out";
}

/// Longest error text that is kept, in characters.
const LONGEST_ERROR: usize = 2_000;

/// Headers of a record that are larger than this in all are left out of a letter that Kafka found too large.
const MOST_HEADERS: usize = 16 * 1024;
/// A letter that Kafka found too large keeps so much of the value, then half of that, and so on.
const MOST_VALUE: usize = 512 * 1024;

/// A dead letter in the making: the record's own bytes and the reason.
pub(super) struct DeadLetter {
    pub(super) topic: String,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// How many of the headers are the record's own; they come first.
    own: usize,
}

impl DeadLetter {
    pub(super) fn of(
        record: &Record,
        error: &HandleError,
        attempts: u32,
        service: &str,
    ) -> DeadLetter {
        let text = |name: &str, value: String| (name.to_owned(), value.into_bytes());
        let mut headers: Vec<(String, Vec<u8>)> = record.headers.clone();
        if !headers
            .iter()
            .any(|(name, _)| name == super::header::MESSAGE_ID)
        {
            headers.push(text(
                super::header::MESSAGE_ID,
                record.cause.message_id.clone(),
            ));
        }
        let own = headers.len();
        headers.extend([
            text(header::TOPIC, record.topic.to_string()),
            text(header::PARTITION, record.partition.to_string()),
            text(header::OFFSET, record.offset.to_string()),
            text(
                header::TIMESTAMP,
                record.timestamp.map(|t| t.to_rfc3339()).unwrap_or_default(),
            ),
            text(header::ATTEMPTS, attempts.to_string()),
            text(header::ERROR_CLASS, error.class().to_owned()),
            text(
                header::ERROR,
                error.to_string().chars().take(LONGEST_ERROR).collect(),
            ),
            text(
                header::SERVICE,
                format!("{service} {}", env!("CARGO_PKG_VERSION")),
            ),
            text(header::FAILED_AT, Utc::now().to_rfc3339()),
        ]);
        DeadLetter {
            topic: dead_letter_topic(&record.topic),
            key: record.key.clone(),
            value: record.value.clone(),
            headers,
            own,
        }
    }

    /// Makes the letter smaller, and says so in its headers. False when there is nothing left to leave out.
    pub(super) fn shorten(&mut self) -> bool {
        let text = |name: &str, value: usize| (name.to_owned(), value.to_string().into_bytes());
        let size = |(name, value): &(String, Vec<u8>)| name.len() + value.len();
        let own = self.headers[..self.own].iter().map(size).sum::<usize>();
        if own > MOST_HEADERS {
            let all = self.own;
            let mut kept = 0;
            let mut number = 0;
            self.headers.retain(|header| {
                number += 1;
                let keep = number > all
                    || header.0 == super::header::MESSAGE_ID
                    || kept + size(header) <= MOST_HEADERS / 2;
                if keep {
                    kept += size(header);
                }
                keep
            });
            let left = self.headers.len();
            self.headers
                .push(text(header::HEADERS_LEFT_OUT, number - left));
            self.own = 0;
            return true;
        }
        if self.value.is_empty() {
            return false;
        }
        let name = header::CUT_FROM;
        if !self.headers.iter().any(|(known, _)| known == name) {
            self.headers.push(text(name, self.value.len()));
        }
        let keep = MOST_VALUE.min(self.value.len() / 2);
        self.value.truncate(keep);
        true
    }
}

/// What the log says about a dead letter. `None` when the letter may itself be such a line that could not be handled:
/// it would go round for ever.
pub(super) fn alert(
    record: &Record,
    error: &HandleError,
    attempts: u32,
    service: &str,
) -> Result<Option<Outgoing>, super::PublishError> {
    if record
        .topic
        .starts_with(<crate::topics::InfoIn as crate::topics::Topic>::NAME)
        && !matches!(error, HandleError::BadData(_))
    {
        return Ok(None);
    }
    let message = format!("A record of {} could not be handled: {error}", record.topic);
    let event = crate::topics::InfoIn::new(
        "record_dead_lettered",
        message.chars().take(LONGEST_ERROR).collect::<String>(),
        serde_json::json!({
            "topic": &*record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "class": error.class(),
            "attempts": attempts,
        }),
    )
    .at(crate::envelope::Level::Error)
    .keyed(record.cause.correlation_id.clone());
    Outgoing::caused(service, &event, &record.cause, 0, Utc::now()).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Cause;

    fn record(value: Vec<u8>, headers: Vec<(String, Vec<u8>)>) -> Record {
        Record {
            topic: "task_in".into(),
            partition: 3,
            offset: 41,
            timestamp: None,
            key: Some(b"k".to_vec()),
            value,
            headers,
            cause: Cause {
                message_id: "m".into(),
                correlation_id: "c".into(),
                traceparent: None,
            },
        }
    }

    fn header_of<'a>(letter: &'a DeadLetter, name: &str) -> Option<&'a str> {
        let (_, value) = letter.headers.iter().find(|(n, _)| n == name)?;
        std::str::from_utf8(value).ok()
    }

    #[test]
    fn a_letter_says_where_it_came_from_and_why() {
        let error = HandleError::BadData("no action".into());
        let letter = DeadLetter::of(&record(b"junk".to_vec(), vec![]), &error, 1, "LK");
        assert_eq!(letter.topic, "task_in.dlq");
        assert_eq!(letter.value, b"junk");
        assert_eq!(header_of(&letter, header::TOPIC), Some("task_in"));
        assert_eq!(header_of(&letter, header::PARTITION), Some("3"));
        assert_eq!(header_of(&letter, header::OFFSET), Some("41"));
        assert_eq!(
            header_of(&letter, header::ERROR),
            Some("bad data: no action")
        );
        assert_eq!(header_of(&letter, "message-id"), Some("m"));
    }

    #[test]
    fn a_letter_that_is_too_large_is_shortened_and_says_so() {
        let absurd = vec![
            ("absurd".to_owned(), vec![b'x'; 900_000]),
            ("small".to_owned(), b"kept".to_vec()),
        ];
        let error = HandleError::BadData("no".into());
        let mut letter = DeadLetter::of(&record(vec![b'v'; 1_048_576], absurd), &error, 1, "LK");
        assert!(letter.shorten());
        assert_eq!(header_of(&letter, header::HEADERS_LEFT_OUT), Some("1"));
        assert_eq!(header_of(&letter, "small"), Some("kept"));
        assert_eq!(header_of(&letter, "message-id"), Some("m"));
        assert_eq!(header_of(&letter, header::TOPIC), Some("task_in"));
        assert_eq!(letter.value.len(), 1_048_576);
        assert!(letter.shorten());
        assert_eq!(letter.value.len(), 524_288);
        assert!(letter.shorten());
        assert_eq!(header_of(&letter, header::CUT_FROM), Some("1048576"));
        while letter.shorten() {}
        assert!(letter.value.is_empty());
    }
}
