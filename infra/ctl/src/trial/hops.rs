//! The hops of one purchase: which must be seen, which were, and how they are printed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};

/// Hops of different partitions come a little out of order; so long they are held back to be sorted.
const HELD_BACK: Duration = Duration::from_millis(150);

/// A record that a purchase must make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expected {
    pub(crate) topic: &'static str,
    pub(crate) action: &'static str,
    /// The service that writes it, as `init.sh logs` calls it.
    pub(crate) writer: &'static str,
}

const fn expected(topic: &'static str, action: &'static str, writer: &'static str) -> Expected {
    Expected {
        topic,
        action,
        writer,
    }
}

/// In the order of the story, so that the first one missing names the service to look at. An empty action is any.
pub(crate) const EXPECTED: [Expected; 10] = [
    expected("tg_updates", "update", "bot"),
    expected("lk_sync_tg", "user_started", "bot"),
    expected("arm_sync_tg", "user_started", "bot"),
    expected("lk_sync_tg", "invoice_requested", "bot"),
    expected("arm_sync_lk", "invoice_changed", "lk"),
    expected("tg_robokassa", "invoice_ready", "lk"),
    expected("tg_robokassa", "payment_callback", "lk"),
    expected("lk_sync_tg", "payment_routed", "bot"),
    expected("arm_sync_tg", "payment_routed", "bot"),
    expected("info_in", "", "lk"),
];

/// One line of the report.
#[derive(Debug, Clone)]
struct Hop {
    at: Duration,
    place: String,
    who: String,
    what: String,
}

/// Everything seen so far.
pub(crate) struct Hops {
    began: Instant,
    began_at: DateTime<Utc>,
    held: Vec<Hop>,
    printed: usize,
    seen: BTreeSet<(String, String)>,
    dead_letters: Vec<String>,
}

impl Hops {
    /// The clock starts now.
    pub(crate) fn start() -> Hops {
        Hops {
            began: Instant::now(),
            began_at: SystemTime::now().into(),
            held: Vec::new(),
            printed: 0,
            seen: BTreeSet::new(),
            dead_letters: Vec::new(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A record on a topic, at its own time.
    pub(crate) fn record(
        &mut self,
        topic: &str,
        service: &str,
        action: &str,
        at: Option<DateTime<Utc>>,
    ) {
        let since = at.map(|at| (at - self.began_at).to_std().unwrap_or_default());
        self.seen.insert((topic.to_owned(), action.to_owned()));
        if topic.ends_with(geobot_shared::topics::DEAD_LETTER_SUFFIX) {
            self.dead_letters.push(topic.to_owned());
        }
        self.held.push(Hop {
            at: since.unwrap_or_else(|| self.began.elapsed()),
            place: topic.to_owned(),
            who: service.to_owned(),
            what: action.to_owned(),
        });
    }

    /// Something done or seen outside of Kafka, now.
    pub(crate) fn step(&mut self, place: &str, who: &str, what: impl Into<String>) {
        self.held.push(Hop {
            at: self.began.elapsed(),
            place: place.to_owned(),
            who: who.to_owned(),
            what: what.into(),
        });
    }

    /// The lines that are ripe; all of them at the end.
    pub(crate) fn lines(&mut self, all: bool) -> Vec<String> {
        let now = self.began.elapsed();
        let (mut ripe, held): (Vec<Hop>, Vec<Hop>) = self
            .held
            .drain(..)
            .partition(|hop| all || hop.at + HELD_BACK < now);
        self.held = held;
        self.printed += ripe.len();
        ripe.sort_by_key(|hop| hop.at);
        ripe.iter().map(Hop::line).collect()
    }

    /// How many lines were given out.
    pub(crate) fn count(&self) -> usize {
        self.printed
    }

    /// What must still come, in the order of the story.
    pub(crate) fn missing(&self) -> Vec<Expected> {
        EXPECTED
            .into_iter()
            .filter(|expected| {
                !self.seen.iter().any(|(topic, action)| {
                    topic == expected.topic
                        && (expected.action.is_empty() || action == expected.action)
                })
            })
            .collect()
    }

    /// Where to look when something did not come in time.
    pub(crate) fn hint(&self) -> String {
        if let Some(topic) = self.dead_letters.first() {
            return format!("a record could not be handled: geobot-ctl dlq show {topic}");
        }
        match self.missing().first() {
            Some(Expected {
                topic,
                action,
                writer,
            }) => {
                let what = if action.is_empty() {
                    "any record"
                } else {
                    action
                };
                format!(
                    "{what} is missing on {topic}, which {writer} writes: sh init.sh logs {writer}"
                )
            }
            None => "every record was seen on Kafka, so its reader is to be looked at: \
                     sh init.sh status, geobot-ctl lag"
                .to_owned(),
        }
    }
}

impl Hop {
    fn line(&self) -> String {
        format!(
            "{:>6} ms  {:<16}  {:<9}  {}",
            self.at.as_millis(),
            self.place,
            self.who,
            self.what
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_missing_hop_names_the_service_to_look_at() {
        let mut hops = Hops::start();
        for e in EXPECTED.iter().take(5) {
            hops.record(e.topic, "X", e.action, None);
        }
        assert_eq!(
            hops.hint(),
            "invoice_ready is missing on tg_robokassa, which lk writes: sh init.sh logs lk"
        );
        hops.record("lk_sync_tg.dlq", "TG", "invoice_requested", None);
        assert!(hops.hint().ends_with("dlq show lk_sync_tg.dlq"));
    }

    #[test]
    fn nothing_is_missing_when_all_was_seen() {
        let mut hops = Hops::start();
        for e in EXPECTED {
            hops.record(
                e.topic,
                "X",
                if e.action.is_empty() {
                    "anything"
                } else {
                    e.action
                },
                None,
            );
        }
        assert_eq!(hops.missing(), []);
        assert_eq!(hops.lines(true).len(), EXPECTED.len());
        assert_eq!(hops.count(), EXPECTED.len());
    }

    #[test]
    fn hops_are_printed_in_the_order_of_their_times() {
        let mut hops = Hops::start();
        let later = hops.began_at + chrono::Duration::milliseconds(152);
        let sooner = hops.began_at + chrono::Duration::milliseconds(7);
        hops.record("lk_sync_tg", "TG", "user_started", Some(later));
        hops.record("tg_updates", "TG", "update", Some(sooner));
        assert_eq!(
            hops.lines(true),
            [
                "     7 ms  tg_updates        TG         update",
                "   152 ms  lk_sync_tg        TG         user_started"
            ]
        );
    }
}
