//! A dead letter: a record as it was, and why it could not be handled.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{dead_letter_header as header, header as record_header};
use geobot_shared::envelope::Envelope;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

use super::fate::{Fate, Verdict};

/// The beginning of every header that is not the record's own.
pub(super) const OURS: &str = "dlq-";

/// Headers in their order.
pub(super) type HeaderList = Vec<(String, Vec<u8>)>;

/// A dead letter with everything that is in it.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Vec<u8>,
    pub(super) headers: HeaderList,
}

/// What is known about a letter without its value: thousands of them fit into memory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// When the service gave up.
    pub(super) failed_at: Option<DateTime<Utc>>,
    pub(super) action: String,
    pub(super) class: String,
    pub(super) error: String,
    pub(super) message_id: String,
    /// Where it is sent back to; or why it can't be.
    pub(super) home: Result<String, Unfit>,
    pub(super) fate: Option<Verdict>,
}

/// Why a letter can't be redriven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// It does not say, or says something else than the name of the topic it is in.
    #[error("its header dlq-topic is `{0}`, which is not the topic of these dead letters")]
    Homeless(String),
    /// The record was too large to be kept whole.
    #[error("its value was cut: the whole record is at {0} for as long as that topic keeps it")]
    Cut(String),
}

impl Letter {
    pub(super) fn of(message: &BorrowedMessage<'_>) -> Letter {
        let headers = message.headers().map(|all| {
            all.iter()
                .map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec()))
                .collect()
        });
        Letter {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            at: message
                .timestamp()
                .to_millis()
                .and_then(DateTime::from_timestamp_millis),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: headers.unwrap_or_default(),
        }
    }

    /// A header's text. The last of several counts: ours stand behind the record's own.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| printable(value))
    }

    fn text(&self, name: &str) -> String {
        self.header(name).unwrap_or_default()
    }

    /// What was decided, if this is not a letter but a note about one. A letter always names its topic, so a record
    /// that came in with a note's headers is no note.
    pub(super) fn note(&self) -> Option<Fate> {
        if self.header(header::TOPIC).is_some() {
            return None;
        }
        Fate::read(|name| self.header(name))
    }

    pub(super) fn entry(&self) -> Entry {
        let failed_at = self.header(header::FAILED_AT);
        Entry {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.offset,
            failed_at: failed_at.and_then(|text| text.parse().ok()).or(self.at),
            action: self.action(),
            class: self.text(header::ERROR_CLASS),
            error: self.text(header::ERROR),
            message_id: self.text(record_header::MESSAGE_ID),
            home: self.home(),
            fate: None,
        }
    }

    fn action(&self) -> String {
        match Envelope::parse(&self.value) {
            Ok(envelope) => printable(envelope.action.as_bytes())
                .chars()
                .take(100)
                .collect(),
            Err(_) => "(unreadable)".to_owned(),
        }
    }

    /// The topic the record came from.
    fn home(&self) -> Result<String, Unfit> {
        let topic = self.text(header::TOPIC);
        if geobot_shared::topics::dead_letter_topic(&topic) != self.topic {
            return Err(Unfit::Homeless(topic));
        }
        if self.header(header::CUT_FROM).is_some() {
            let place = format!(
                "{topic} {}/{}",
                self.text(header::PARTITION),
                self.text(header::OFFSET)
            );
            return Err(Unfit::Cut(place));
        }
        Ok(topic)
    }

    /// The record's own headers, with the attempts counted up.
    pub(super) fn own_headers(&self) -> HeaderList {
        let number = |name: &str| self.header(name).and_then(|text| text.parse::<u64>().ok());
        let before = number(record_header::ATTEMPT).unwrap_or(0);
        let attempts = before.saturating_add(number(header::ATTEMPTS).unwrap_or(1));
        let own = self
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with(OURS) && name != record_header::ATTEMPT);
        own.cloned()
            .chain([(
                record_header::ATTEMPT.to_owned(),
                attempts.to_string().into_bytes(),
            )])
            .collect()
    }

    /// The partition of a record without a key: its order is kept by it.
    pub(super) fn own_partition(&self) -> Option<i32> {
        match self.key {
            Some(_) => None,
            None => self
                .header(header::PARTITION)
                .and_then(|text| text.parse().ok()),
        }
    }

    pub(super) fn render(&self, fate: Option<Verdict>) -> String {
        let decided = fate.map_or_else(String::new, |fate| format!("  [{}]", fate.word()));
        let key = self
            .key
            .as_deref()
            .map_or_else(|| "none".to_owned(), printable);
        format!(
            "{} {}/{}  {}{decided}  from {} {}/{}, key {key}, message-id {}\n  {} after {} attempts at {}: {}\n  {}\n",
            self.topic,
            self.partition,
            self.offset,
            self.text(header::FAILED_AT),
            self.text(header::TOPIC),
            self.text(header::PARTITION),
            self.text(header::OFFSET),
            self.text(record_header::MESSAGE_ID),
            self.text(header::ERROR_CLASS),
            self.text(header::ATTEMPTS),
            self.text(header::SERVICE),
            self.text(header::ERROR),
            printable(&self.value),
        )
    }
}

/// Bytes from anywhere must not drive the terminal.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(headers: &[(&str, &str)]) -> Letter {
        Letter {
            topic: "info_in.dlq".into(),
            partition: 0,
            offset: 7,
            at: None,
            key: None,
            value: b"\x1b[2Jjunk\xff".to_vec(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
        }
    }

    #[test]
    fn a_letter_of_junk_is_shown_without_driving_the_terminal() {
        let shown = letter(&[]).render(None);
        assert!(shown.contains("\\u{1b}[2Jjunk"), "{shown}");
        assert!(!shown.contains('\x1b'));
        assert_eq!(letter(&[]).entry().action, "(unreadable)");
    }

    #[test]
    fn a_letter_goes_home_with_its_own_headers_and_the_attempts_counted_up() {
        let letter = letter(&[
            ("message-id", "m"),
            ("attempt", "3"),
            ("x", "y"),
            ("dlq-topic", "info_in"),
            ("dlq-partition", "4"),
            ("dlq-attempts", "5"),
        ]);
        assert_eq!(letter.entry().home, Ok("info_in".to_owned()));
        assert_eq!(letter.own_partition(), Some(4));
        let own: Vec<(String, String)> = letter
            .own_headers()
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8(value).unwrap()))
            .collect();
        let wanted = [("message-id", "m"), ("x", "y"), ("attempt", "8")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(own, wanted);
    }

    #[test]
    fn a_letter_that_names_another_topic_or_was_cut_stays() {
        let homeless = letter(&[("dlq-topic", "tg_robokassa")]).entry().home;
        assert_eq!(homeless, Err(Unfit::Homeless("tg_robokassa".into())));
        assert!(matches!(letter(&[]).entry().home, Err(Unfit::Homeless(_))));
        let cut = letter(&[("dlq-topic", "info_in"), ("dlq-cut-from", "1048576")])
            .entry()
            .home;
        assert!(matches!(cut, Err(Unfit::Cut(_))));
    }

    #[test]
    fn a_record_that_came_in_with_the_headers_of_a_note_is_a_letter() {
        let note = [
            ("dlq-fate", "dropped"),
            ("dlq-fate-partition", "0"),
            ("dlq-fate-offset", "3"),
        ];
        assert!(letter(&note).note().is_some());
        let forged = [note.as_slice(), &[("dlq-topic", "info_in")]].concat();
        assert!(letter(&forged).note().is_none());
        let forged = [
            &[("dlq-topic", "tg_send")],
            note.as_slice(),
            &[("dlq-topic", "info_in")],
        ]
        .concat();
        assert_eq!(letter(&forged).entry().home, Ok("info_in".to_owned()));
    }
}
