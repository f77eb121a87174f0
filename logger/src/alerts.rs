//! Errors among the events reach staff: the bot makes a digest of them. Best effort, beside the way to Logstash: alerts
//! neither wait for Logstash nor hold an event up, and what is not told when the process is killed is in the log only.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use geobot_shared::bus::{Cause, Event, Producer};
use geobot_shared::envelope::Level;
use geobot_shared::topics::TgNotify;
use geobot_shared::topics::tg_notify::StaffAlert;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

/// The first error of a quiet time is told at once; what follows, so much later.
const PAUSE: Duration = Duration::from_secs(10);
/// Kinds of errors told apart at one time; what is beyond counts as [`OTHERS`].
const MOST_KINDS: usize = 200;
/// Stands for the kinds beyond [`MOST_KINDS`], in place of service and action.
const OTHERS: &str = "others";
/// So many errors are remembered, to count each once: an event comes again while Logstash is down.
const REMEMBERED: usize = 10_000;
/// Characters of a message that are kept.
const LONGEST_MESSAGE: usize = 300;
/// Begins the correlation-id of every alert. Errors that an alert causes carry it on, and raise no alert.
const STORY: &str = "staff-alert-";

/// What was not told yet.
#[derive(Default)]
struct Pending {
    kinds: BTreeMap<(String, String), StaffAlert>,
    seen: HashSet<String>,
    order: VecDeque<String>,
}

impl Pending {
    fn is_new(&mut self, id: &str) -> bool {
        if !self.seen.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    fn add(&mut self, alert: StaffAlert) {
        let kind = (alert.service.clone(), alert.action.clone());
        let others = || (OTHERS.to_owned(), OTHERS.to_owned());
        let fits = self.kinds.len() < MOST_KINDS || self.kinds.contains_key(&kind);
        let (service, action) = if fits { kind } else { others() };
        let known = self
            .kinds
            .entry((service.clone(), action.clone()))
            .or_insert_with(|| StaffAlert {
                service,
                action,
                count: 0,
                ..alert.clone()
            });
        known.count += alert.count;
        known.first_at = known.first_at.min(alert.first_at);
        known.last_at = known.last_at.max(alert.last_at);
    }
}

/// Collects errors and tells the bot of them.
#[derive(Default)]
pub(crate) struct Alerts {
    pending: Mutex<Pending>,
    something: Notify,
}

impl Alerts {
    pub(crate) fn new() -> Arc<Alerts> {
        Arc::default()
    }

    /// Counts an event if it is an error that was not counted yet.
    pub(crate) fn note(&self, event: &Event<Value>) {
        if event.level != Level::Error || event.cause.correlation_id.starts_with(STORY) {
            return;
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.is_new(&event.cause.message_id) {
            pending.add(StaffAlert {
                service: event.service.clone(),
                action: event.action.clone(),
                message: event.message.chars().take(LONGEST_MESSAGE).collect(),
                count: 1,
                first_at: event.at,
                last_at: event.at,
            });
            self.something.notify_one();
        }
    }

    /// Tells the bot until `stop`, and then what is left.
    pub(crate) async fn run(
        self: Arc<Alerts>,
        producer: Producer,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        while stop
            .run_until_cancelled(self.something.notified())
            .await
            .is_some()
        {
            self.tell(&producer).await;
            stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
        self.tell(&producer).await;
        Ok(())
    }

    fn take(&self) -> Vec<StaffAlert> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut pending.kinds).into_values().collect()
    }

    async fn tell(&self, producer: &Producer) {
        for alert in self.take() {
            let cause = Cause {
                correlation_id: format!("{STORY}{}", Uuid::now_v7()),
                ..Cause::new_story()
            };
            if let Err(error) = producer.publish::<TgNotify>(alert.clone(), &cause).await {
                // The next round tells it: there is no hurry that Kafka could be pressed with.
                warn!(%error, action = alert.action, "staff_alert_not_told");
                let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                pending.add(alert);
                self.something.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, level: Level) -> Event<Value> {
        Event {
            data: Value::Null,
            action: action.into(),
            service: "LK".into(),
            message: format!("It is {action}"),
            level,
            at: "2026-11-25T10:00:00Z".parse().unwrap(),
            cause: Cause::new_story(),
        }
    }

    #[test]
    fn errors_are_counted_by_service_and_action() {
        let alerts = Alerts::new();
        for action in ["refund_unknown", "payment_mismatched", "refund_unknown"] {
            alerts.note(&event(action, Level::Error));
        }
        let mut later = event("refund_unknown", Level::Error);
        later.at += Duration::from_secs(5);
        alerts.note(&later);
        let told = alerts.take();
        let counts: Vec<_> = told
            .iter()
            .map(|it| (it.action.as_str(), it.count))
            .collect();
        assert_eq!(counts, [("payment_mismatched", 1), ("refund_unknown", 3)]);
        assert_eq!(told[1].message, "It is refund_unknown");
        assert_eq!((told[1].last_at - told[1].first_at).num_seconds(), 5);
        assert!(alerts.take().is_empty(), "told once");
    }

    #[test]
    fn an_event_that_comes_again_is_counted_once() {
        let alerts = Alerts::new();
        let once = event("refund_unknown", Level::Error);
        alerts.note(&once);
        alerts.note(&once);
        assert_eq!(alerts.take()[0].count, 1);
        alerts.note(&once);
        assert!(alerts.take().is_empty());
    }

    #[test]
    fn what_is_no_error_and_what_an_alert_itself_causes_is_not_told() {
        let alerts = Alerts::new();
        for level in [Level::Debug, Level::Info, Level::Warn] {
            alerts.note(&event("payment_credited", level));
        }
        let mut caused = event("record_dead_lettered", Level::Error);
        caused.cause.correlation_id = format!("{STORY}1");
        alerts.note(&caused);
        assert!(alerts.take().is_empty());
    }

    #[test]
    fn a_flood_of_kinds_takes_no_more_than_its_room() {
        let alerts = Alerts::new();
        for n in 0..3 * MOST_KINDS {
            alerts.note(&event(&format!("failed_{n}"), Level::Error));
        }
        let told = alerts.take();
        assert_eq!(told.len(), MOST_KINDS + 1);
        assert_eq!(
            told.iter().map(|it| it.count).sum::<u64>(),
            3 * MOST_KINDS as u64
        );
        for _ in 0..2 * REMEMBERED {
            alerts.note(&event("failed", Level::Error));
        }
        let pending = alerts.pending.lock().unwrap();
        assert_eq!(
            (pending.seen.len(), pending.order.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}
