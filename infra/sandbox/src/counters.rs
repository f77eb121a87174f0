//! A few plain counters for `/metrics`.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Everything that is counted, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls_answered: Counter,
    pub(crate) calls_refused: Counter,
    pub(crate) calls_limited: Counter,
    pub(crate) people_actions: Counter,
    pub(crate) webhook_deliveries: Counter,
    pub(crate) webhook_failures: Counter,
    pub(crate) payment_pages: Counter,
    pub(crate) payment_page_errors: Counter,
    pub(crate) callbacks_accepted: Counter,
    pub(crate) callbacks_failed: Counter,
    pub(crate) notices_accepted: Counter,
    pub(crate) notices_failed: Counter,
    pub(crate) refunds_accepted: Counter,
    pub(crate) refunds_refused: Counter,
    pub(crate) log_documents: Counter,
    pub(crate) log_refusals: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// The Prometheus text form.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for (name, help, counter) in [
            (
                "telegram_calls_answered",
                "Bot API calls answered ok",
                &self.calls_answered,
            ),
            (
                "telegram_calls_refused",
                "Bot API calls answered with an error",
                &self.calls_refused,
            ),
            (
                "telegram_calls_limited",
                "Bot API calls over a send limit",
                &self.calls_limited,
            ),
            (
                "telegram_people_actions",
                "Messages and clicks of people",
                &self.people_actions,
            ),
            (
                "telegram_webhook_deliveries",
                "Updates the webhook took",
                &self.webhook_deliveries,
            ),
            (
                "telegram_webhook_failures",
                "Webhook calls not answered 2xx",
                &self.webhook_failures,
            ),
            (
                "robokassa_pages",
                "Payment pages opened",
                &self.payment_pages,
            ),
            (
                "robokassa_page_errors",
                "Payment pages answered with an error",
                &self.payment_page_errors,
            ),
            (
                "robokassa_callbacks_accepted",
                "ResultURL calls answered OK{InvId}",
                &self.callbacks_accepted,
            ),
            (
                "robokassa_callbacks_failed",
                "ResultURL calls not answered OK{InvId}",
                &self.callbacks_failed,
            ),
            (
                "robokassa_result_url2_accepted",
                "ResultURL2 calls answered 2xx",
                &self.notices_accepted,
            ),
            (
                "robokassa_result_url2_failed",
                "ResultURL2 calls not answered 2xx",
                &self.notices_failed,
            ),
            (
                "robokassa_refunds_accepted",
                "Refunds taken on",
                &self.refunds_accepted,
            ),
            (
                "robokassa_refunds_refused",
                "Refund requests refused",
                &self.refunds_refused,
            ),
            (
                "logstash_documents",
                "Log documents taken",
                &self.log_documents,
            ),
            (
                "logstash_refusals",
                "Log requests refused",
                &self.log_refusals,
            ),
        ] {
            let _ = writeln!(
                text,
                "# HELP geobot_sandbox_{name}_total {help}.\n# TYPE geobot_sandbox_{name}_total counter\ngeobot_sandbox_{name}_total {}",
                counter.value()
            );
        }
        text
    }
}
