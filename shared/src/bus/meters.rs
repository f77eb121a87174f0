//! The bus's metrics, looked up once and then only counted. Their meaning is in docs/delivery.md.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// The metrics of one consumer.
pub(super) struct ConsumerMeters {
    topic: &'static str,
    done: Counter,
    refused: Counter,
    dead_lettered: Counter,
    retried: Counter,
    handle: Histogram,
    end_to_end: Histogram,
    /// What must be added to an instant's distance from the consumer's beginning to have microseconds since 1970.
    clock: AtomicI64,
    pub(super) in_flight: Gauge,
    pub(super) frontier_age: Gauge,
    pub(super) paused: Gauge,
    pub(super) lag: Gauge,
}

/// How a record was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Refused,
    DeadLettered,
}

impl ConsumerMeters {
    pub(super) fn new(topic: &'static str) -> ConsumerMeters {
        // A handle that is made before there is a recorder counts nothing for ever.
        crate::http::start_metrics();
        let handled =
            |outcome| counter!("geobot_handled_total", "topic" => topic, "outcome" => outcome);
        ConsumerMeters {
            topic,
            done: handled("done"),
            refused: handled("refused"),
            dead_lettered: handled("dead_lettered"),
            retried: counter!("geobot_retried_total", "topic" => topic),
            handle: histogram!("geobot_handle_seconds", "topic" => topic),
            end_to_end: histogram!("geobot_end_to_end_seconds", "topic" => topic),
            clock: AtomicI64::new(Utc::now().timestamp_micros()),
            in_flight: gauge!("geobot_records_in_flight", "topic" => topic),
            frontier_age: gauge!("geobot_frontier_age_seconds", "topic" => topic),
            paused: gauge!("geobot_topic_paused", "topic" => topic),
            lag: gauge!("geobot_lag_records", "topic" => topic),
        }
    }

    /// Compares the clocks. Reading one for every record costs more than it should on virtual machines.
    pub(super) fn set_clock(&self, began: Instant) {
        let offset = Utc::now().timestamp_micros() - began.elapsed().as_micros() as i64;
        self.clock.store(offset, Ordering::Relaxed);
    }

    /// A record is finished; the times are measured from the consumer's beginning.
    pub(super) fn finished(
        &self,
        outcome: Outcome,
        from: Duration,
        to: Duration,
        written: Option<DateTime<Utc>>,
    ) {
        match outcome {
            Outcome::Done => self.done.increment(1),
            Outcome::Refused => self.refused.increment(1),
            Outcome::DeadLettered => self.dead_lettered.increment(1),
        }
        self.handle.record(to.saturating_sub(from).as_secs_f64());
        if let Some(written) = written {
            let now = to.as_micros() as i64 + self.clock.load(Ordering::Relaxed);
            // A clock that is behind the broker's, or a time from the year 9999, is not an age.
            let age = now.saturating_sub(written.timestamp_micros()).max(0);
            self.end_to_end.record(age as f64 / 1e6);
        }
    }

    /// A try that failed.
    pub(super) fn failed(&self, class: &'static str) {
        counter!("geobot_failed_total", "topic" => self.topic, "class" => class).increment(1);
    }

    pub(super) fn retried(&self) {
        self.retried.increment(1);
    }

    pub(super) fn dead_lettered(&self, class: &'static str) {
        counter!("geobot_dead_lettered_total", "topic" => self.topic, "class" => class)
            .increment(1);
    }
}

/// The metrics of one producer.
pub(super) struct ProducerMeters {
    topics: RwLock<Vec<(Box<str>, Arc<Published>)>>,
    round_trip: Histogram,
    pub(super) queue: Gauge,
}

struct Published {
    acknowledged: Counter,
    failed: Counter,
}

/// The first round trips of a thread are all measured, later ones now and then: it costs two looks at the clock.
const ALL: u32 = 1_000;
const ONE_OF: u32 = 16;

/// Topics beyond so many share one label: a topic's name may come from a record.
const LABELS: usize = 100;

impl ProducerMeters {
    pub(super) fn new() -> ProducerMeters {
        crate::http::start_metrics();
        ProducerMeters {
            topics: RwLock::default(),
            round_trip: histogram!("geobot_publish_seconds"),
            queue: gauge!("geobot_producer_queue_records"),
        }
    }

    /// When a publication begins whose round trip is measured: under load, one of many.
    pub(super) fn round_trip_begins() -> Option<Instant> {
        thread_local!(static SENT: Cell<u32> = const { Cell::new(0) });
        let sent = SENT.get();
        SENT.set(sent.wrapping_add(1).max(1));
        (sent < ALL || sent.is_multiple_of(ONE_OF)).then(Instant::now)
    }

    pub(super) fn published(&self, topic: &str, ok: bool, began: Option<Instant>) {
        let published = self.of(topic);
        if ok {
            published.acknowledged.increment(1);
        } else {
            published.failed.increment(1);
        }
        if let Some(began) = began {
            self.round_trip.record(began.elapsed().as_secs_f64());
        }
    }

    fn of(&self, topic: &str) -> Arc<Published> {
        let find = |topics: &[(Box<str>, Arc<Published>)]| {
            topics
                .iter()
                .find(|(name, _)| &**name == topic)
                .map(|(_, published)| Arc::clone(published))
        };
        {
            let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = find(&topics) {
                return found;
            }
        }
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&topics) {
            return found;
        }
        let label = if topics.len() < LABELS {
            topic
        } else {
            "other"
        };
        let counted = |outcome| counter!("geobot_published_total", "topic" => label.to_owned(), "outcome" => outcome);
        let made = Arc::new(Published {
            acknowledged: counted("acknowledged"),
            failed: counted("failed"),
        });
        if topics.len() < LABELS {
            topics.push((topic.into(), Arc::clone(&made)));
        }
        made
    }
}
