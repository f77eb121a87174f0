//! What is paid and held goes out once its cause clears: the person starts the bot again, the bot's right in a chat is
//! given back, or staff say so. It is the same record, with the same message-id; the bot delivers an invoice once.

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::{ChatId, InvoiceId, TelegramUserId};
use geobot_shared::sql;
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::lk_sync_orm::{DeliveredByHand, DeliveryRetryRequested};
use geobot_shared::topics::lk_sync_tg::is_unreachable;
use geobot_shared::topics::states::{Delivery, Routing};
use sea_orm::DatabaseTransaction;
use serde_json::json;
use tracing::info;

use crate::app::App;
use crate::invoices::announce;
use crate::invoices::transitions::DELIVERABLE;
use crate::payment::publish;
use crate::refusal;
use crate::stock;
use crate::store::entitlements;
use crate::store::invoices::{self, Invoice};

/// Held invoices looked at in one transaction.
const PER_TRANSACTION: u64 = 50;

/// The person started the bot again: what could not be delivered because they were out of reach goes out now. Safe to
/// repeat: what goes out is no longer held.
///
/// # Errors
/// The database's.
pub async fn person_returned(app: &App, user: TelegramUserId, now: DateTime<Utc>) -> Handled {
    let held = invoices::held_of(&app.db, user).await?;
    let ready: Vec<InvoiceId> = held
        .into_iter()
        .filter(|invoice| invoice.cause.as_deref().is_some_and(is_unreachable))
        .map(|invoice| invoice.id)
        .collect();
    deliver_all(app, &ready, "the person is back", now).await
}

/// The bot may act in a chat again: what was held for a link into it goes out now.
///
/// # Errors
/// The database's.
pub async fn chat_regained(app: &App, chat: ChatId, now: DateTime<Utc>) -> Handled {
    let mut after = 0;
    loop {
        let held = invoices::some_held(&app.db, after, PER_TRANSACTION).await?;
        let Some(last) = held.last() else {
            return Ok(());
        };
        after = last.id.get().cast_signed();
        let ready: Vec<InvoiceId> = held
            .iter()
            .filter(|invoice| leads_into(invoice, chat))
            .map(|invoice| invoice.id)
            .collect();
        deliver_all(app, &ready, "the bot's right in the chat is back", now).await?;
    }
}

fn leads_into(invoice: &Invoice, chat: ChatId) -> bool {
    matches!(
        serde_json::from_str(&invoice.delivery),
        Ok(Delivery::InviteLink { chat_id, .. }) if chat_id == chat
    )
}

async fn deliver_all(app: &App, ready: &[InvoiceId], why: &str, now: DateTime<Utc>) -> Handled {
    if ready.is_empty() {
        return Ok(());
    }
    let txn = sql::begin(&app.db).await?;
    for &id in ready {
        let invoice = invoices::lock(&txn, id).await?;
        let held = invoice.filter(|invoice| invoice.routing == Routing::Held);
        if let Some(invoice) = held
            && let Some(again) = deliver(app, &txn, &invoice, now).await?
        {
            info!(invoice_id = %again.id, user_id = %again.user, why, "delivery_begun_anew");
        }
    }
    Ok(app.commit(txn).await?)
}

/// Waiting again, and published at once. `None` when the invoice is not to be delivered (any more).
async fn deliver(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    now: DateTime<Utc>,
) -> Result<Option<Invoice>, OutboxError> {
    let republish_at = now + app.settings.republish_after;
    let Some(again) = invoices::deliver_again(txn, invoice, republish_at).await? else {
        return Ok(None);
    };
    publish::payment(app, txn, &again, now).await?;
    let what = format!("delivery:{}", again.delivery_round);
    let cause = announce::once(again.id, &what, &again.story);
    announce::changed(&app.outbox, txn, &again, &cause, now).await?;
    metrics::counter!("geobot_deliveries_begun_anew_total").increment(1);
    Ok(Some(again))
}

/// Staff want a paid invoice delivered again.
///
/// # Errors
/// The database's; [`HandleError::Refused`] for an invoice that is not to be delivered.
pub async fn retry_requested(
    app: &App,
    it: DeliveryRetryRequested,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    const REFUSED: &str = "delivery_retry_refused";
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let fields = json!({"invoice_id": it.invoice_id, "staff": it.staff});
    let known = invoices::lock(&txn, it.invoice_id).await?;
    let invoice = match undelivered(known) {
        Ok(invoice) => invoice,
        Err(why) => return refusal::refuse(app, txn, REFUSED, &why, fields, cause, now).await,
    };
    if stock::needs_key(&invoice).is_some() {
        let why = "it waits for a key and gets one as soon as there are new ones";
        return refusal::refuse(app, txn, REFUSED, why, fields, cause, now).await;
    }
    if deliver(app, &txn, &invoice, now).await?.is_none() {
        return Err(HandleError::transient("the invoice changed meanwhile"));
    }
    let event = InfoIn::new(
        "delivery_retry_requested",
        "Staff had a paid invoice delivered again",
        json!({
            "invoice_id": invoice.id,
            "user_id": invoice.user,
            "was": invoice.cause,
            "staff": it.staff,
            "reason": it.reason,
        }),
    );
    announce::log(&app.outbox, &txn, event, cause, now).await?;
    info!(invoice_id = %invoice.id, "delivery_begun_anew");
    Ok(app.commit(txn).await?)
}

/// Staff gave the person what was paid for outside of the bot.
///
/// # Errors
/// The database's; [`HandleError::Refused`] for an invoice that is not to be delivered.
pub async fn delivered_by_hand(
    app: &App,
    it: DeliveredByHand,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    const REFUSED: &str = "delivery_by_hand_refused";
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let fields = json!({"invoice_id": it.invoice_id, "staff": it.staff});
    let known = invoices::lock(&txn, it.invoice_id).await?;
    let invoice = match undelivered(known) {
        Ok(invoice) => invoice,
        Err(why) => return refusal::refuse(app, txn, REFUSED, &why, fields, cause, now).await,
    };
    let delivered = invoices::set_routing(&txn, &invoice, Routing::Delivered, None).await?;
    let Some(delivered) = delivered else {
        return Err(HandleError::transient("the invoice changed meanwhile"));
    };
    entitlements::mark_delivered(&txn, delivered.id, now).await?;
    announce::changed(&app.outbox, &txn, &delivered, cause, now).await?;
    let event = InfoIn::new(
        "delivered_by_hand",
        "Staff delivered a paid invoice by hand",
        json!({
            "invoice_id": delivered.id,
            "user_id": delivered.user,
            "staff": it.staff,
            "reason": it.reason,
        }),
    );
    announce::log(&app.outbox, &txn, event, cause, now).await?;
    info!(invoice_id = %delivered.id, "payment_delivered_by_hand");
    Ok(app.commit(txn).await?)
}

/// The invoice, if it is paid, granted and not delivered yet; else why not.
fn undelivered(known: Option<Invoice>) -> Result<Invoice, String> {
    let invoice = known.ok_or_else(|| "the invoice is not known".to_owned())?;
    if invoice.routing == Routing::Delivered {
        return Err("the person has it already".to_owned());
    }
    if invoice.source.is_none() || !DELIVERABLE.contains(&invoice.status) {
        let status = invoice.status.as_str();
        return Err(format!("an invoice that is {status} is not delivered"));
    }
    Ok(invoice)
}
