//! What a person knows of a refund and LK can't: what became of a call without an answer, and refunds made in the
//! gateway's own pages.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{Cause, Handled};
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::lk_sync_orm::{RefundRecorded, RefundResolved};
use geobot_shared::topics::states::RefundStage;
use serde_json::json;

use super::ending;
use super::request::id_of;
use crate::app::App;
use crate::invoices::announce;
use crate::refusal::{self, decision, short};
use crate::store::invoices;
use crate::store::refunds::{self, Origin, Refund};

/// A person found out what became of a refund that got no answer.
///
/// # Errors
/// The database's; [`geobot_shared::bus::HandleError::Refused`] for a refund that is not unknown (any more).
pub async fn resolved(app: &App, it: RefundResolved, cause: &Cause, now: DateTime<Utc>) -> Handled {
    const REFUSED: &str = "refund_resolution_refused";
    const UNKNOWN: [RefundStage; 1] = [RefundStage::Unknown];
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let fields = json!({
        "refund_id": it.refund_id,
        "done": it.done,
        "staff": it.staff,
        "reason": it.reason,
    });
    let Some(refund) = refunds::find(&txn, it.refund_id).await? else {
        let why = "the refund is not known";
        return refusal::refuse(app, txn, REFUSED, why, fields, cause, now).await;
    };
    let ended = if it.done {
        ending::done(app, &txn, &refund, &UNKNOWN, now).await?
    } else {
        let why = format!("not made, says {}", decision(&it.staff, &it.reason));
        ending::refused(app, &txn, &refund, &UNKNOWN, &short(&why), now).await?
    };
    if !ended {
        let why = format!("a refund that is {} is not open", refund.state.as_str());
        return refusal::refuse(app, txn, REFUSED, &why, fields, cause, now).await;
    }
    let event = InfoIn::new("refund_resolved", "Staff settled an open refund", fields);
    announce::log(&app.outbox, &txn, event, cause, now).await?;
    Ok(app.commit(txn).await?)
}

/// A refund was made in the gateway's own pages. Taken for test payments as well: it asks nobody for money.
///
/// # Errors
/// The database's; [`geobot_shared::bus::HandleError::Refused`] for more than is left.
pub async fn recorded(app: &App, it: RefundRecorded, cause: &Cause, now: DateTime<Utc>) -> Handled {
    const REFUSED: &str = "refund_record_refused";
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let fields = json!({"invoice_id": it.invoice_id, "amount": it.amount, "staff": it.staff});
    let Some(invoice) = invoices::lock(&txn, it.invoice_id).await? else {
        let why = "the invoice is not known";
        return refusal::refuse(app, txn, REFUSED, why, fields, cause, now).await;
    };
    if !it.amount.is_positive() {
        let why = "the amount must be above 0";
        return refusal::refuse(app, txn, REFUSED, why, fields, cause, now).await;
    }
    let received = invoice.funds.received;
    let fits = received.is_some_and(|received| it.amount <= received);
    let refunded = match fits {
        true => invoices::add_refunded(&txn, &invoice, it.amount).await?,
        false => None,
    };
    let Some(refunded) = refunded else {
        let why = "there is not so much left to have gone back";
        return refusal::refuse(app, txn, REFUSED, why, fields, cause, now).await;
    };
    let refund = Refund {
        id: id_of(cause),
        invoice: invoice.id,
        amount: it.amount,
        state: RefundStage::Done,
        request_id: None,
        cause: None,
        staff: short(&it.staff),
        reason: short(&it.reason),
        story: cause.correlation_id.clone(),
        created_at: now,
        tries: 0,
    };
    refunds::insert(&txn, &refund, &cause.message_id, Origin::Recorded, None).await?;
    ending::settle(app, &txn, &refunded, &refund, now).await?;
    Ok(app.commit(txn).await?)
}
