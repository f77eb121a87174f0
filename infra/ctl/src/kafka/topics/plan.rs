//! How topics are to be, and what has to be done to those that are there.

use std::collections::BTreeMap;

use geobot_shared::topics::{PARTITIONS, dead_letter_topic};

use crate::kafka::all_names;

/// 30 days: nothing is rebuilt from topics alone.
pub(crate) const RETENTION_MS: i64 = 2_592_000_000;
/// Dead letters wait for a person, however long that takes.
const FOR_EVER: &str = "-1";
/// A dead letter is its record and a few headers more, so it may be larger than any record.
const LARGEST_DEAD_LETTER: &str = "2097152";

/// A topic as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) partitions: i32,
    dead_letters: bool,
}

/// Every topic, alias and dead-letter topic. `prefix` stands before each name.
pub(super) fn wanted(prefix: &str) -> Vec<Wanted> {
    all_names()
        .flat_map(|name| {
            [(name.to_owned(), false), (dead_letter_topic(name), true)].map(
                |(name, dead_letters)| Wanted {
                    name: format!("{prefix}{name}"),
                    partitions: PARTITIONS,
                    dead_letters,
                },
            )
        })
        .collect()
}

impl Wanted {
    /// The settings we answer for; all others of a topic are left as they are.
    pub(super) fn settings(&self, replicas: i32) -> BTreeMap<&'static str, String> {
        // Acknowledged by all must mean more than one as soon as there is more than one to lose.
        let in_sync = (replicas - 1).max(1).to_string();
        let mut settings = BTreeMap::from([
            ("cleanup.policy", "delete".to_owned()),
            ("min.insync.replicas", in_sync),
        ]);
        if self.dead_letters {
            settings.insert("retention.ms", FOR_EVER.to_owned());
            settings.insert("retention.bytes", FOR_EVER.to_owned());
            settings.insert("max.message.bytes", LARGEST_DEAD_LETTER.to_owned());
        } else {
            settings.insert("retention.ms", RETENTION_MS.to_string());
        }
        settings
    }

    /// Which settings of a topic differ: name, value now, value wanted.
    pub(super) fn corrections(
        &self,
        replicas: i32,
        now: &BTreeMap<String, String>,
    ) -> Vec<(&'static str, String, String)> {
        self.settings(replicas)
            .into_iter()
            .filter_map(|(name, value)| {
                let found = now.get(name).cloned().unwrap_or_default();
                (found != value).then_some((name, found, value))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_and_alias_has_its_dead_letters() {
        let names: Vec<String> = wanted("").into_iter().map(|w| w.name).collect();
        for name in [
            "info_in",
            "orm_sync_lk",
            "orm_sync_tg.dlq",
            "tg_robokassa.dlq",
        ] {
            assert!(names.iter().any(|n| n == name), "{name}");
        }
        assert_eq!(names.len(), 2 * (15 + 2));
    }

    #[test]
    fn dead_letters_are_kept_for_ever_and_may_be_large() {
        let topics = wanted("x-");
        let letters = topics.iter().find(|t| t.name == "x-info_in.dlq").unwrap();
        let settings = letters.settings(1);
        assert_eq!(settings["retention.ms"], "-1");
        assert_eq!(settings["max.message.bytes"], "2097152");
        let records = topics.iter().find(|t| t.name == "x-info_in").unwrap();
        assert_eq!(records.settings(1)["retention.ms"], "2592000000");
        assert!(!records.settings(1).contains_key("max.message.bytes"));
    }

    #[test]
    fn acknowledged_by_all_means_two_where_there_are_three() {
        let topics = wanted("");
        let in_sync = |replicas| topics[0].settings(replicas)["min.insync.replicas"].clone();
        assert_eq!([1, 2, 3].map(in_sync), ["1", "1", "2"]);
    }

    #[test]
    fn only_what_differs_is_corrected() {
        let topic = &wanted("")[0];
        let mut now: BTreeMap<String, String> = topic
            .settings(1)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        assert_eq!(topic.corrections(1, &now), []);
        now.insert("retention.ms".into(), "7".into());
        now.insert("segment.bytes".into(), "1048576".into());
        assert_eq!(
            topic.corrections(1, &now),
            [("retention.ms", "7".to_owned(), RETENTION_MS.to_string())]
        );
    }
}
