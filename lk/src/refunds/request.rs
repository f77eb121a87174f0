//! Staff want money to go back: it is checked and set aside. The gateway is called afterwards, by upkeep.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::envelope::Level;
use geobot_shared::ids::Mode;
use geobot_shared::money::Money;
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::lk_sync_orm::RefundRequested;
use geobot_shared::topics::states::RefundStage;
use serde_json::json;
use tracing::{info, warn};
use uuid::Uuid;

use crate::app::App;
use crate::invoices::announce;
use crate::invoices::transitions::REFUNDABLE;
use crate::refusal::{self, short};
use crate::store::invoices::{self, Invoice};
use crate::store::refunds::{self, Origin, Refund};

/// The refund that a message asks for; the same one, however often the message comes.
#[must_use]
pub fn id_of(cause: &Cause) -> Uuid {
    cause.derive("lk", "refund", 0)
}

/// Takes on a refund or refuses it; either is stored and shown to ARM with its invoice.
///
/// # Errors
/// The database's; [`HandleError::Refused`] with the reason.
pub async fn requested(
    app: &App,
    it: RefundRequested,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let fields = json!({
        "invoice_id": it.invoice_id,
        "amount": it.amount,
        "staff": it.staff,
        "reason": it.reason,
    });
    let Some(invoice) = invoices::find(&txn, it.invoice_id).await? else {
        let why = "the invoice is not known";
        return refusal::refuse(app, txn, "refund_refused", why, fields, cause, now).await;
    };
    let mut refund = Refund {
        id: id_of(cause),
        invoice: invoice.id,
        amount: it.amount,
        state: RefundStage::Reserved,
        request_id: None,
        cause: None,
        staff: short(&it.staff),
        reason: short(&it.reason),
        story: cause.correlation_id.clone(),
        created_at: now,
        tries: 0,
    };
    let reserved = match why_not(app, &invoice, it.amount) {
        Some(why) => Err(why),
        None => invoices::reserve(&txn, invoice.id, it.amount)
            .await?
            .ok_or_else(|| too_much(&invoice)),
    };
    let message_id = &cause.message_id;
    match reserved {
        Ok(reserved) => {
            refunds::insert(&txn, &refund, message_id, Origin::Gateway, Some(now)).await?;
            announce::changed(&app.outbox, &txn, &reserved, cause, now).await?;
            let event = InfoIn::new("refund_reserved", "A refund was taken on", fields);
            announce::log(&app.outbox, &txn, event, cause, now).await?;
            app.commit(txn).await?;
            info!(invoice_id = %invoice.id, refund_id = %refund.id, amount = it.amount.kopecks(), "refund_reserved");
            Ok(())
        }
        Err(why) => {
            refund.state = RefundStage::Refused;
            refund.cause = Some(why.clone());
            refunds::insert(&txn, &refund, message_id, Origin::Gateway, None).await?;
            if let Some(noted) = invoices::note_refund(&txn, invoice.id, true).await? {
                announce::changed(&app.outbox, &txn, &noted, cause, now).await?;
            }
            let event = InfoIn::new("refund_refused", why.as_str(), fields).at(Level::Error);
            announce::log(&app.outbox, &txn, event, cause, now).await?;
            app.commit(txn).await?;
            warn!(invoice_id = %invoice.id, refund_id = %refund.id, why, "refund_refused");
            Err(HandleError::Refused(why))
        }
    }
}

/// What speaks against a refund before its sum is looked at.
fn why_not(app: &App, invoice: &Invoice, amount: Money) -> Option<String> {
    if !amount.is_positive() {
        return Some("the amount must be above 0".to_owned());
    }
    if !REFUNDABLE.contains(&invoice.status) {
        let status = invoice.status.as_str();
        return Some(format!(
            "an invoice that is {status} has nothing to give back"
        ));
    }
    if invoice.mode == Mode::Test {
        return Some("a test payment moved no money".to_owned());
    }
    // What can't be right however much is reserved; also, the database can't add what does not fit.
    if invoice
        .funds
        .received
        .is_none_or(|received| amount > received)
    {
        return Some(too_much(invoice));
    }
    app.gateway.refunds_possible().err()
}

fn too_much(invoice: &Invoice) -> String {
    let funds = &invoice.funds;
    match funds.received {
        Some(received) => format!(
            "more than is left: {} came, {} went back, {} is on its way back",
            received.to_out_sum(),
            funds.refunded.to_out_sum(),
            funds.reserved.to_out_sum()
        ),
        None => "what came can't be told in kopecks; refund it in the gateway's pages".to_owned(),
    }
}
