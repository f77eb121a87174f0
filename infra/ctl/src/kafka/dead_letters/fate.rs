//! What was decided about a dead letter: a note in the letter's own partition, so that it comes after the letter and is
//! never lost while the letter is kept.

use chrono::{DateTime, Utc};
use geobot_shared::envelope::{self, Level};
use serde_json::json;
use serde_json::value::RawValue;

use super::letter::{Entry, HeaderList};

/// Names of a note's headers.
pub(crate) mod header {
    /// `redriven` or `dropped`.
    pub(crate) const FATE: &str = "dlq-fate";
    /// The letter's partition.
    pub(crate) const PARTITION: &str = "dlq-fate-partition";
    /// The letter's offset.
    pub(crate) const OFFSET: &str = "dlq-fate-offset";
    /// The letter's message-id.
    pub(crate) const MESSAGE_ID: &str = "dlq-fate-message-id";
    /// When it was decided, ISO 8601.
    pub(crate) const AT: &str = "dlq-fate-at";
    /// Who decided, as their system calls them.
    pub(crate) const BY: &str = "dlq-fate-by";
    /// Why it was dropped.
    pub(crate) const REASON: &str = "dlq-fate-reason";
}

/// How it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was put back on its topic.
    Redriven,
    /// It is not needed.
    Dropped,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Verdict::Redriven => "redriven",
            Verdict::Dropped => "dropped",
        }
    }
}

/// A note about one letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) verdict: Verdict,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) message_id: String,
}

impl Fate {
    /// `None` for what is not a note.
    pub(super) fn read(header: impl Fn(&str) -> Option<String>) -> Option<Fate> {
        let word = header(header::FATE)?;
        Some(Fate {
            verdict: [Verdict::Redriven, Verdict::Dropped]
                .into_iter()
                .find(|verdict| verdict.word() == word)?,
            partition: header(header::PARTITION)?.parse().ok()?,
            offset: header(header::OFFSET)?.parse().ok()?,
            message_id: header(header::MESSAGE_ID).unwrap_or_default(),
        })
    }

    /// Whether it is about this letter. The message-id is compared as well: were a topic made anew, an old note must
    /// not hide a new letter.
    pub(super) fn is_about(&self, entry: &Entry) -> bool {
        (self.partition, self.offset, self.message_id.as_str())
            == (entry.partition, entry.offset, entry.message_id.as_str())
    }
}

/// A note's headers and value. The value says the same for those who read the topic with other tools.
pub(super) fn note(
    entry: &Entry,
    verdict: Verdict,
    by: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(HeaderList, Vec<u8>), serde_json::Error> {
    let text = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut headers = vec![
        text(header::FATE, verdict.word()),
        text(header::PARTITION, &entry.partition.to_string()),
        text(header::OFFSET, &entry.offset.to_string()),
        text(header::MESSAGE_ID, &entry.message_id),
        text(header::AT, &now.to_rfc3339()),
    ];
    let mut data = json!({
        "partition": entry.partition,
        "offset": entry.offset,
        "message_id": entry.message_id,
        "action": entry.action,
        "class": entry.class,
    });
    for (name, field, value) in [(header::BY, "by", by), (header::REASON, "reason", reason)] {
        if !value.is_empty() {
            headers.push(text(name, value));
            data[field] = value.into();
        }
    }
    let data: Box<RawValue> = serde_json::value::to_raw_value(&data)?;
    let action = format!("dead_letter_{}", verdict.word());
    let message = format!(
        "The dead letter {}/{} of {} was {}",
        entry.partition,
        entry.offset,
        entry.topic,
        verdict.word()
    );
    let value = envelope::write("CTL", &action, &message, now, Level::Info, &data)?;
    Ok((headers, value))
}
