//! Announcing an invoice's change: who causes it, and what everybody is told.

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::{Outbox, OutboxError};
use geobot_shared::ids::InvoiceId;
use geobot_shared::topics::states::{InvoiceState, RefundEntry};
use geobot_shared::topics::{ArmSyncLk, InfoIn};
use sea_orm::{ConnectionTrait, DbErr};

use crate::store::invoices::Invoice;
use crate::store::refunds;

/// The identity of a thing that happens to an invoice at most once (`paid`, `expired` …). Its records get the same
/// message-ids however often they are made, and continue the story that began with the wish to buy.
#[must_use]
pub fn once(invoice: InvoiceId, what: &str, story: &str) -> Cause {
    Cause {
        message_id: format!("invoice:{invoice}:{what}"),
        correlation_id: story.to_owned(),
        traceparent: Cause::new_story().traceparent,
    }
}

/// Tells ARM how the invoice stands now, within the caller's transaction.
///
/// # Errors
/// [`OutboxError`].
pub async fn changed(
    outbox: &Outbox,
    db: &impl ConnectionTrait,
    invoice: &Invoice,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let state = state(db, invoice).await?;
    outbox.put::<ArmSyncLk>(db, state, cause, 0, now).await
}

/// The invoice as ARM sees it, with its refunds.
///
/// # Errors
/// The database's.
pub async fn state(db: &impl ConnectionTrait, invoice: &Invoice) -> Result<InvoiceState, DbErr> {
    let mut state = invoice.state();
    // Most invoices have none, and a callback should not wait for that answer.
    if invoice.funds.refund_count > 0 {
        let refunds = refunds::of_invoice(db, invoice.id).await?;
        state.funds.refunds = refunds.into_iter().map(RefundEntry::from).collect();
    }
    Ok(state)
}

/// Puts an event into the log of the graph, within the caller's transaction.
///
/// # Errors
/// [`OutboxError`].
pub async fn log(
    outbox: &Outbox,
    db: &impl ConnectionTrait,
    event: InfoIn,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let event = event.keyed(cause.correlation_id.clone());
    outbox.put::<InfoIn>(db, event, cause, 0, now).await
}
