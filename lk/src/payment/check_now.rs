//! "Ask now": staff, or the person who says to have paid. The question itself is the reconciler's next round.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::Mode;
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::lk_sync_orm::PaymentCheckRequested;
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::app::App;
use crate::invoices::announce;
use crate::refusal;
use crate::store::invoices::{self, AskedBy, CheckAsked, Invoice};

/// One invoice is not asked about more often than this, however often somebody wants it.
const BETWEEN_QUESTIONS: TimeDelta = TimeDelta::seconds(15);

/// Lets the gateway be asked about an invoice as soon as it may be. Test payments are never asked about: the gateway
/// knows live ones only.
///
/// # Errors
/// The database's.
pub async fn soon(
    db: &impl ConnectionTrait,
    invoice: &Invoice,
    by: AskedBy,
    now: DateTime<Utc>,
) -> Result<CheckAsked, OutboxError> {
    if invoice.mode != Mode::Live {
        return Ok(CheckAsked::Settled);
    }
    let earliest = invoice
        .asked_at
        .map_or(now, |asked| (asked + BETWEEN_QUESTIONS).max(now));
    Ok(invoices::ask_soon(db, invoice.id, by, earliest).await?)
}

/// Staff want to know now. What the gateway answers goes to the log of the graph.
///
/// # Errors
/// The database's; [`HandleError::Refused`] for an invoice that LK does not have.
pub async fn requested(
    app: &App,
    it: PaymentCheckRequested,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let Some(invoice) = invoices::find(&txn, it.invoice_id).await? else {
        let fields = json!({"invoice_id": it.invoice_id});
        return refusal::refuse(
            app,
            txn,
            "payment_check_refused",
            "the invoice is not known",
            fields,
            cause,
            now,
        )
        .await;
    };
    if soon(&txn, &invoice, AskedBy::Staff, now).await? == CheckAsked::Settled {
        let event = InfoIn::new(
            "payment_checked",
            "There is nothing to ask about this payment",
            json!({
                "invoice_id": invoice.id,
                "mode": invoice.mode,
                "status": invoice.status,
                "outcome": "settled",
            }),
        );
        announce::log(&app.outbox, &txn, event, cause, now).await?;
    }
    app.commit(txn).await.map_err(HandleError::from)
}
