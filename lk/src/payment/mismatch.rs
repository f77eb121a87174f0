//! A person decides about a payment of another amount: it is taken as it is, or it waits to be refunded.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::route_token::GrantSource;
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::lk_sync_orm::MismatchResolved;
use geobot_shared::topics::states::InvoiceStatus;
use serde_json::json;
use tracing::info;

use super::settle::{self, Proof};
use crate::app::App;
use crate::invoices::announce;
use crate::refusal::{self, decision};
use crate::store::invoices;

const REFUSED: &str = "mismatch_resolution_refused";

/// Staff decided. Accepted: paid, with the amount that really came in the ledger. Rejected: the invoice stays in
/// mismatch, with the decision as its cause, until the money is refunded.
///
/// # Errors
/// The database's; [`HandleError::Refused`] for an invoice that is in no mismatch (any more).
pub async fn resolved(
    app: &App,
    it: MismatchResolved,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let fields = json!({"invoice_id": it.invoice_id, "accepted": it.accepted, "staff": it.staff});
    let Some(invoice) = invoices::lock(&txn, it.invoice_id).await? else {
        return refusal::refuse(
            app,
            txn,
            REFUSED,
            "the invoice is not known",
            fields,
            cause,
            now,
        )
        .await;
    };
    if invoice.status != InvoiceStatus::Mismatch {
        let why = format!(
            "an invoice that is {} is in no mismatch",
            invoice.status.as_str()
        );
        return refusal::refuse(app, txn, REFUSED, &why, fields, cause, now).await;
    }
    let by = decision(&it.staff, &it.reason);
    if it.accepted {
        if invoice.funds.received.is_none() {
            let why = "what came can't be told in kopecks; it can only be settled by hand";
            return refusal::refuse(app, txn, REFUSED, why, fields, cause, now).await;
        }
        let republish_at = now + app.settings.republish_after;
        let paid =
            invoices::accept_mismatch(&txn, invoice.id, GrantSource::Staff, republish_at).await?;
        let Some(paid) = paid else {
            return Err(HandleError::transient("the invoice changed meanwhile"));
        };
        let reason = format!("accepted by {by}");
        settle::credit(app, &txn, &paid, Proof::Grant(&reason), now).await?;
        info!(invoice_id = %paid.id, "mismatch_accepted");
    } else {
        let why = format!(
            "{}; rejected by {by}",
            invoice.cause.as_deref().unwrap_or("another amount came")
        );
        let Some(noted) = invoices::note_cause(&txn, &invoice, &refusal::short(&why)).await? else {
            return Err(HandleError::transient("the invoice changed meanwhile"));
        };
        announce::changed(&app.outbox, &txn, &noted, cause, now).await?;
        info!(invoice_id = %noted.id, "mismatch_rejected");
    }
    let event = InfoIn::new(
        "mismatch_resolved",
        "Staff decided about a payment of another amount",
        json!({
            "invoice_id": invoice.id,
            "user_id": invoice.user,
            "accepted": it.accepted,
            "asked": invoice.amount,
            "received": invoice.funds.received,
            "staff": it.staff,
            "reason": it.reason,
        }),
    );
    announce::log(&app.outbox, &txn, event, cause, now).await?;
    Ok(app.commit(txn).await?)
}
