//! The one call that starts a refund. Before it, the refund is committed as `calling`; whoever finds it there later
//! knows that the call may have been made. So it is made at most once, whatever is killed in between.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::sql;
use geobot_shared::topics::states::RefundStage;
use sea_orm::DbErr;
use tracing::{error, info, warn};

use super::ending;
use super::poll::FIRST_POLL;
use crate::app::App;
use crate::payment::gateway::{RefundOrder, RefundStart, Standing};
use crate::store::invoices::{self, Invoice};
use crate::store::refunds::{self, Note, Refund};

/// A call without an answer counts as lost after this. Far above the client's own limit.
pub const LOST_AFTER: TimeDelta = TimeDelta::seconds(120);
/// The pauses before a call that was not sent, or whose operation's key is not known yet, is tried again: doubling …
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// … up to this.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(30);
/// A paid operation that the gateway does not find so many times has no key to refund by.
const KEY_TRIES: i64 = 6;
/// An answer that could not be written is tried again so often, this far apart.
const WRITES: u32 = 5;
const BETWEEN_WRITES: Duration = Duration::from_millis(300);

/// What an answer may still change: the call's own state, and what the sweep made of it while the answer was late.
const OPEN: [RefundStage; 2] = [RefundStage::Calling, RefundStage::Unknown];

fn pause(first: TimeDelta, tries: i64) -> TimeDelta {
    let doublings = u32::try_from(tries).unwrap_or(u32::MAX).min(16);
    (first * (1 << doublings)).min(LONGEST_PAUSE)
}

/// Makes the calls of at most `limit` refunds and returns how many it looked at.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, now: DateTime<Utc>, limit: u64) -> Result<u64, OutboxError> {
    let due = refunds::due(&app.db, RefundStage::Reserved, now, limit).await?;
    for refund in &due {
        one(app, refund, now).await?;
    }
    Ok(due.len() as u64)
}

async fn one(app: &App, refund: &Refund, now: DateTime<Utc>) -> Result<(), OutboxError> {
    let again_at = now + pause(FIRST_PAUSE, refund.tries);
    if !refunds::claim(&app.db, refund, again_at).await? {
        return Ok(());
    }
    let Some(invoice) = invoices::find(&app.db, refund.invoice).await? else {
        error!(refund_id = %refund.id, "invoice_of_refund_missing");
        return Ok(());
    };
    let op_key = match operation_key(app, &invoice, refund).await? {
        Key::Known(op_key) => op_key,
        Key::Later => return Ok(()),
        Key::None(why) => {
            let txn = sql::begin(&app.db).await?;
            ending::refused(app, &txn, refund, &[RefundStage::Reserved], why, now).await?;
            return Ok(app.commit(txn).await?);
        }
    };
    let note = Note {
        next_at: Some(now + LOST_AFTER),
        ..Note::default()
    };
    let from = [RefundStage::Reserved];
    if !refunds::advance(&app.db, refund.id, &from, RefundStage::Calling, &note, now).await? {
        return Ok(());
    }
    let order = RefundOrder {
        op_key,
        sum: (!is_all(&invoice, refund)).then_some(refund.amount),
    };
    info!(invoice_id = %refund.invoice, refund_id = %refund.id, "refund_call_begun");
    let answer = app.gateway.start_refund(order).await;
    write(app, refund, &answer, again_at, now).await
}

/// Whether all of the operation goes back in one; then the gateway is told no sum.
fn is_all(invoice: &Invoice, refund: &Refund) -> bool {
    invoice.funds.received == Some(refund.amount) && !invoice.funds.refunded.is_positive()
}

enum Key {
    Known(String),
    Later,
    None(&'static str),
}

/// The operation's key: kept with the payment, or asked for now.
async fn operation_key(app: &App, invoice: &Invoice, refund: &Refund) -> Result<Key, DbErr> {
    if let Some(op_key) = &invoice.op_key {
        return Ok(Key::Known(op_key.clone()));
    }
    let report = match app.gateway.ask_payment(invoice.id).await {
        Ok(report) => report,
        Err(unanswered) => {
            warn!(refund_id = %refund.id, %unanswered, "operation_key_not_told");
            return Ok(Key::Later);
        }
    };
    if let Some(op_key) = report.op_key {
        invoices::note_op_key(&app.db, invoice.id, &op_key).await?;
        return Ok(Key::Known(op_key));
    }
    if matches!(report.standing, Standing::Paid { .. }) {
        return Ok(Key::None(
            "the gateway has no key for this payment (not a card?): refund it in its pages and enter it here",
        ));
    }
    if refund.tries >= KEY_TRIES {
        return Ok(Key::None(
            "the gateway does not know this payment as paid: look into its pages",
        ));
    }
    Ok(Key::Later)
}

/// Writes the answer. It is tried again when the database fails: a lost answer costs a person's time.
async fn write(
    app: &App,
    refund: &Refund,
    answer: &RefundStart,
    again_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let mut attempt = 1;
    loop {
        match try_write(app, refund, answer, again_at, now).await {
            Err(failure) if attempt < WRITES => {
                warn!(refund_id = %refund.id, %failure, attempt, "refund_answer_not_written");
                attempt += 1;
                tokio::time::sleep(BETWEEN_WRITES).await;
            }
            Err(failure) => {
                error!(refund_id = %refund.id, ?answer, %failure, "refund_answer_lost");
                return Err(failure);
            }
            Ok(()) => return Ok(()),
        }
    }
}

async fn try_write(
    app: &App,
    refund: &Refund,
    answer: &RefundStart,
    again_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let txn = sql::begin(&app.db).await?;
    match answer {
        RefundStart::Accepted { request_id } => {
            let next_at = now + FIRST_POLL;
            let open = ending::accepted(app, &txn, refund, &OPEN, request_id, next_at, now).await?;
            if !open {
                // Only after minutes of silence, in which a person has said that it was not made.
                let message = "The gateway accepted a refund that was settled here meanwhile";
                let event = "refund_accepted_late";
                ending::alert(app, &txn, refund, event, message, now).await?;
            }
        }
        RefundStart::Refused(why) => {
            ending::refused(app, &txn, refund, &OPEN, why, now).await?;
        }
        RefundStart::Unknown(why) => {
            ending::unknown(app, &txn, refund, &[RefundStage::Calling], why, now).await?;
        }
        RefundStart::NotSent(why) => {
            let note = Note {
                cause: Some(why),
                next_at: Some(again_at),
                ..Note::default()
            };
            let back = RefundStage::Reserved;
            refunds::advance(&txn, refund.id, &OPEN, back, &note, now).await?;
            warn!(refund_id = %refund.id, why, "refund_call_not_sent");
        }
    }
    Ok(app.commit(txn).await?)
}

/// Calls whose answer never came (a kill, a restart): nobody knows what became of them. Never called again.
///
/// # Errors
/// The database's.
pub async fn sweep(app: &App, now: DateTime<Utc>, limit: u64) -> Result<u64, OutboxError> {
    let lost = refunds::due(&app.db, RefundStage::Calling, now, limit).await?;
    for refund in &lost {
        let txn = sql::begin(&app.db).await?;
        let why = "LK was stopped while the gateway was called, or the answer could not be kept";
        ending::unknown(app, &txn, refund, &[RefundStage::Calling], why, now).await?;
        app.commit(txn).await?;
    }
    Ok(lost.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_half_an_hour() {
        let pauses: Vec<i64> = (0..10)
            .map(|n| pause(FIRST_PAUSE, n).num_seconds())
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800]);
        assert_eq!(pause(FIRST_PAUSE, i64::MAX), LONGEST_PAUSE);
    }
}
