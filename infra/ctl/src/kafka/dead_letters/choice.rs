//! Which dead letters are meant.

use chrono::{DateTime, Utc};

use super::letter::Entry;
use super::when;

/// All that is given must fit; of one option given several times, one of them.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Filter {
    /// Only this action, `(unreadable)` for what is not a record; may be repeated
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,
    /// Only this class of error: bad_data or transient; may be repeated
    #[arg(long = "class", value_name = "CLASS")]
    classes: Vec<String>,
    /// Only what was given up at or after this time: 2026-11-23T10:00:00 (UTC), or how long ago: 15m, 2h, 7d
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: Option<DateTime<Utc>>,
    /// Only what was given up before this time
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    until: Option<DateTime<Utc>>,
    /// Only the record with this message-id; may be repeated
    #[arg(long = "message-id", value_name = "ID")]
    message_ids: Vec<String>,
}

impl Filter {
    pub(super) fn is_empty(&self) -> bool {
        self.actions.is_empty()
            && self.classes.is_empty()
            && self.message_ids.is_empty()
            && self.since.is_none()
            && self.until.is_none()
    }

    pub(super) fn takes(&self, entry: &Entry) -> bool {
        let one_of =
            |wanted: &[String], it: &str| wanted.is_empty() || wanted.iter().any(|w| w == it);
        let in_time = |limit: Option<DateTime<Utc>>,
                       fits: fn(DateTime<Utc>, DateTime<Utc>) -> bool| {
            limit.is_none_or(|limit| entry.failed_at.is_some_and(|at| fits(at, limit)))
        };
        one_of(&self.actions, &entry.action)
            && one_of(&self.classes, &entry.class)
            && one_of(&self.message_ids, &entry.message_id)
            && in_time(self.since, |at, since| at >= since)
            && in_time(self.until, |at, until| at < until)
    }
}

/// The same with topics.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Choice {
    /// Only this topic, with or without .dlq; may be repeated
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(super) topics: Vec<String>,
    #[command(flatten)]
    pub(super) filter: Filter,
}

impl Choice {
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.filter.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            topic: "info_in.dlq".into(),
            partition: 0,
            offset: 0,
            failed_at: Some("2026-11-23T10:00:00Z".parse().unwrap()),
            action: "a".into(),
            class: "bad_data".into(),
            error: String::new(),
            message_id: "m".into(),
            home: Ok("info_in".into()),
            fate: None,
        }
    }

    #[test]
    fn all_that_is_given_must_fit() {
        let word = |text: &str| vec![text.to_owned()];
        let time = |text: &str| Some(text.parse().unwrap());
        assert!(Filter::default().takes(&entry()));
        let mut filter = Filter {
            actions: vec!["b".into(), "a".into()],
            classes: word("bad_data"),
            since: time("2026-11-23T10:00:00Z"),
            until: time("2026-11-23T10:00:01Z"),
            message_ids: word("m"),
        };
        assert!(filter.takes(&entry()));
        filter.until = time("2026-11-23T10:00:00Z");
        assert!(!filter.takes(&entry()), "the end is not included");
        filter.until = None;
        filter.classes = word("transient");
        assert!(!filter.takes(&entry()));
        filter.classes.clear();
        let timeless = Entry {
            failed_at: None,
            ..entry()
        };
        assert!(
            !filter.takes(&timeless),
            "a letter without a time is not in any span"
        );
    }
}
