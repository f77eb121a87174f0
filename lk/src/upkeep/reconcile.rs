//! Step 3 (P7): invoices whose form was opened are asked about, so that a lost callback costs minutes, not money. Also
//! after their time to pay is over, at growing intervals, since a callback may have been lost then as well.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, dedupe};
use geobot_shared::envelope::Level;
use geobot_shared::sql;
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::states::InvoiceStatus;
use serde_json::json;
use tracing::{debug, error, warn};

use super::turn::{RECONCILE, Turn};
use crate::app::App;
use crate::invoices::announce;
use crate::payment::found::settle_report;
use crate::payment::gateway::Unanswered;
use crate::store::invoices::{self, AskedBy, Invoice};

/// Questions that are open at once.
const ASKED_AT_ONCE: usize = 8;
/// The longest pause between two questions about an invoice that is still offered.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(15);
/// The longest pause between two questions about one that is not.
const LONGEST_LATE_PAUSE: TimeDelta = TimeDelta::hours(12);

/// Asks about at most `limit` invoices and returns how many it looked at.
///
/// # Errors
/// The database's. An answer that could not be written is asked for again.
pub async fn run(app: &App, now: DateTime<Utc>, limit: u64) -> Result<u64, OutboxError> {
    let due = invoices::due_to_check(&app.db, now, limit).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let Some(turn) = Turn::take(&app.db, RECONCILE).await? else {
        return Ok(0);
    };
    let looked_at = due.len() as u64;
    let claimed = claim(app, due, now).await?;
    stream::iter(claimed)
        .for_each_concurrent(ASKED_AT_ONCE, |invoice| ask(app, invoice, now))
        .await;
    turn.end().await?;
    Ok(looked_at)
}

async fn claim(
    app: &App,
    due: Vec<Invoice>,
    now: DateTime<Utc>,
) -> Result<Vec<Invoice>, OutboxError> {
    let txn = sql::begin(&app.db).await?;
    let mut claimed = Vec::with_capacity(due.len());
    for invoice in due {
        let next_at = next_question(app, &invoice, now);
        if invoices::claim_check(&txn, &invoice, now, next_at).await? {
            claimed.push(invoice);
        }
    }
    txn.commit().await?;
    Ok(claimed)
}

/// When the gateway is asked about the invoice after this time; `None`: never again.
fn next_question(app: &App, invoice: &Invoice, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let settings = &app.settings;
    let open = matches!(
        invoice.status,
        InvoiceStatus::Created | InvoiceStatus::Pending
    );
    if open && invoice.expires_at > now {
        return Some(now + pause(settings.reconcile_after, invoice.check_count));
    }
    let late = now - invoice.expires_at;
    (late < settings.reconcile_for).then(|| now + late_pause(late))
}

/// The pause after the question number `asked`: doubles each time, up to a quarter of an hour.
fn pause(first: TimeDelta, asked: i64) -> TimeDelta {
    let doublings = u32::try_from(asked).unwrap_or(u32::MAX).min(16);
    first
        .checked_mul(1 << doublings)
        .map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE.max(first)))
}

/// The pause after a question `late` after the end of the time to pay: half of that again.
fn late_pause(late: TimeDelta) -> TimeDelta {
    (late / 2).clamp(LONGEST_PAUSE, LONGEST_LATE_PAUSE)
}

async fn ask(app: &App, invoice: Invoice, now: DateTime<Utc>) {
    match app.gateway.ask_payment(invoice.id).await {
        Ok(report) => {
            debug!(invoice_id = %invoice.id, ?report, "payment_checked");
            if let Err(failure) = settle_report(app, &invoice, &report, now).await {
                warn!(invoice_id = %invoice.id, %failure, "payment_answer_not_written");
            }
        }
        Err(unanswered) => {
            metrics::counter!("geobot_payment_checks_total", "outcome" => "unanswered")
                .increment(1);
            warn!(invoice_id = %invoice.id, %unanswered, "payment_question_unanswered");
            if let Err(failure) = tell(app, &invoice, &unanswered, now).await {
                warn!(invoice_id = %invoice.id, %failure, "alert_failed");
            }
        }
    }
}

/// Staff who wait are told that there is no answer; wrong settings alert once an hour, since until they are right no
/// lost callback is found.
async fn tell(
    app: &App,
    invoice: &Invoice,
    unanswered: &Unanswered,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let txn = sql::begin(&app.db).await?;
    if let Unanswered::Settings(why) = unanswered {
        let hour = now.timestamp() / 3600;
        let once = format!("alert:gateway_settings:{hour}");
        if dedupe::first_time(&txn, &once, now).await? {
            error!(why, "gateway_settings_wrong");
            let event = InfoIn::new(
                "gateway_settings_wrong",
                "The gateway does not accept our questions: lost callbacks are not found",
                json!({"gateway": app.gateway.name(), "why": why}),
            )
            .at(Level::Error);
            announce::log(&app.outbox, &txn, event, &Cause::new_story(), now).await?;
        }
    }
    if invoice.check_for == Some(AskedBy::Staff) {
        let what = format!("checked:{}", invoice.check_count);
        let cause = announce::once(invoice.id, &what, &invoice.story);
        let event = InfoIn::new(
            "payment_checked",
            "The gateway was asked about a payment and did not answer",
            json!({
                "invoice_id": invoice.id,
                "outcome": "unanswered",
                "why": unanswered.to_string(),
            }),
        )
        .at(Level::Warn);
        announce::log(&app.outbox, &txn, event, &cause, now).await?;
    }
    app.commit(txn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_quarter_of_an_hour() {
        let first = TimeDelta::seconds(120);
        let pauses: Vec<i64> = (0..5).map(|n| pause(first, n).num_seconds()).collect();
        assert_eq!(pauses, [120, 240, 480, 900, 900]);
        assert_eq!(pause(first, i64::MAX), LONGEST_PAUSE);
        // A grace period beyond that is kept.
        let hour = TimeDelta::hours(1);
        assert_eq!(pause(hour, 3), hour);
    }

    #[test]
    fn what_is_late_is_asked_about_ever_more_rarely() {
        let minutes = |late| late_pause(TimeDelta::minutes(late)).num_minutes();
        assert_eq!([0, 60, 600, 6000].map(minutes), [15, 30, 300, 720]);
        assert_eq!(minutes(-60), 15);
    }
}
