//! The end of a refund: one transaction for the refund, the invoice, the ledger, the right, and what everybody is
//! told.

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::envelope::Level;
use geobot_shared::ids::ChatId;
use geobot_shared::money::Money;
use geobot_shared::topics::states::{Delivery, EntitlementState, RefundStage};
use geobot_shared::topics::tg_robokassa::{AccessRevoked, RefundDone};
use geobot_shared::topics::{ArmSyncLk, InfoIn, TgRobokassa};
use sea_orm::{DatabaseTransaction, DbErr};
use serde_json::json;
use tracing::{info, warn};

use crate::app::App;
use crate::invoices::announce;
use crate::invoices::transitions::is_whole;
use crate::refusal::decision;
use crate::store::entitlements::Ending;
use crate::store::invoices::{self, Invoice};
use crate::store::refunds::{self, Note, Refund};
use crate::store::{entitlements, ledger};

/// The identity of a thing that happens to a refund at most once.
fn once(refund: &Refund, what: &str) -> Cause {
    let what = format!("refund:{}:{what}", refund.id);
    announce::once(refund.invoice, &what, &refund.story)
}

fn inconsistent(refund: &Refund) -> OutboxError {
    // Rolls the transaction back: the sums of a refund and its invoice are written together or not at all.
    DbErr::Custom(format!(
        "refund {} does not fit its invoice {}",
        refund.id, refund.invoice
    ))
    .into()
}

/// The money went back: what was set aside is refunded. False when the refund is in none of the states `from` (any
/// more), or its invoice is gone.
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn done(
    app: &App,
    txn: &DatabaseTransaction,
    refund: &Refund,
    from: &[RefundStage],
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    let Some(invoice) = invoices::lock(txn, refund.invoice).await? else {
        return Ok(false);
    };
    let note = Note::default();
    if !refunds::advance(txn, refund.id, from, RefundStage::Done, &note, now).await? {
        return Ok(false);
    }
    let Some(refunded) = invoices::finish_refund(txn, &invoice, refund.amount).await? else {
        return Err(inconsistent(refund));
    };
    settle(app, txn, &refunded, refund, now).await?;
    Ok(true)
}

/// What money that went back causes; `refunded` is the invoice after it.
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn settle(
    app: &App,
    txn: &DatabaseTransaction,
    refunded: &Invoice,
    refund: &Refund,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    enter(txn, refunded, refund, now).await?;
    let cause = once(refund, "done");
    let whole = is_whole(&refunded.funds);
    let told = RefundDone {
        invoice_id: refunded.id,
        user_id: refunded.user,
        amount: refund.amount,
        whole,
    };
    app.outbox
        .put::<TgRobokassa>(txn, told, &cause, 0, now)
        .await?;
    if whole && let Some(right) = entitlements::revoke(txn, refunded.id).await? {
        app.outbox
            .put::<ArmSyncLk>(txn, right.clone(), &cause, 0, now)
            .await?;
        if let Ok(Delivery::InviteLink { chat_id, .. }) = serde_json::from_str(&refunded.delivery)
            && !stays(txn, right, chat_id, now).await?
        {
            let gone = AccessRevoked {
                invoice_id: refunded.id,
                user_id: refunded.user,
                chat_id: Some(chat_id),
                reason: "refund".to_owned(),
            };
            app.outbox
                .put::<TgRobokassa>(txn, gone, &cause, 0, now)
                .await?;
        }
    }
    announce::changed(&app.outbox, txn, refunded, &cause, now).await?;
    let event = InfoIn::new(
        "refund_done",
        "Money went back",
        json!({
            "invoice_id": refunded.id,
            "refund_id": refund.id,
            "user_id": refunded.user,
            "amount": refund.amount,
            "whole": whole,
            "staff": refund.staff,
            "reason": refund.reason,
        }),
    );
    announce::log(&app.outbox, txn, event, &cause, now).await?;
    info!(invoice_id = %refunded.id, refund_id = %refund.id, amount = refund.amount.kopecks(), whole, "refund_done");
    metrics::counter!("geobot_refunds_total", "outcome" => "done").increment(1);
    Ok(())
}

/// Whether the person has bought a place in this chat besides.
async fn stays(
    txn: &DatabaseTransaction,
    right: EntitlementState,
    chat: ChatId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let chat = Some(chat);
    entitlements::covers_beyond(txn, &Ending { right, chat }, now).await
}

/// The ledger's entry. The money of a mismatch that nobody accepted was not entered when it came, since nothing was
/// sold for it; it is now, so that the sums are those of the account.
async fn enter(
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    refund: &Refund,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if !ledger::has_payment(txn, invoice.id).await? {
        let entry = ledger::Entry {
            invoice: Some(invoice.id),
            kind: ledger::PAYMENT.to_owned(),
            user: invoice.user,
            amount: invoice.funds.received.unwrap_or(invoice.amount),
            mode: invoice.mode,
            reason: "another amount than asked, not accepted",
        };
        ledger::enter(txn, &entry, now).await?;
    }
    let reason = decision(&refund.staff, &refund.reason);
    let entry = ledger::Entry {
        invoice: Some(invoice.id),
        kind: ledger::refund_kind(refund.id),
        user: invoice.user,
        amount: Money::from_kopecks(-refund.amount.kopecks()),
        mode: invoice.mode,
        reason: &reason,
    };
    ledger::enter(txn, &entry, now).await
}

/// It will not go back: what was set aside is there again. False when the refund is in none of the states `from` (any
/// more).
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn refused(
    app: &App,
    txn: &DatabaseTransaction,
    refund: &Refund,
    from: &[RefundStage],
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    let Some(invoice) = invoices::lock(txn, refund.invoice).await? else {
        return Ok(false);
    };
    let note = Note {
        cause: Some(why),
        ..Note::default()
    };
    if !refunds::advance(txn, refund.id, from, RefundStage::Refused, &note, now).await? {
        return Ok(false);
    }
    let Some(released) = invoices::release(txn, &invoice, refund.amount).await? else {
        return Err(inconsistent(refund));
    };
    let cause = once(refund, "refused");
    announce::changed(&app.outbox, txn, &released, &cause, now).await?;
    let event = InfoIn::new("refund_refused", why, fields(refund)).at(Level::Error);
    announce::log(&app.outbox, txn, event, &cause, now).await?;
    warn!(invoice_id = %refund.invoice, refund_id = %refund.id, why, "refund_refused");
    metrics::counter!("geobot_refunds_total", "outcome" => "refused").increment(1);
    Ok(true)
}

/// Nobody knows whether it goes back: a person is called. False when the refund is in none of the states `from` (any
/// more).
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn unknown(
    app: &App,
    txn: &DatabaseTransaction,
    refund: &Refund,
    from: &[RefundStage],
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    // The invoice first, as everywhere: so no two of these wait for one another.
    invoices::lock(txn, refund.invoice).await?;
    let note = Note {
        cause: Some(why),
        ..Note::default()
    };
    if !refunds::advance(txn, refund.id, from, RefundStage::Unknown, &note, now).await? {
        return Ok(false);
    }
    let cause = once(refund, "unknown");
    if let Some(noted) = invoices::note_refund(txn, refund.invoice, false).await? {
        announce::changed(&app.outbox, txn, &noted, &cause, now).await?;
    }
    let message = "A refund may or may not have been made: look into the gateway's pages";
    let mut fields = fields(refund);
    fields["cause"] = why.into();
    let event = InfoIn::new("refund_unknown", message, fields).at(Level::Error);
    announce::log(&app.outbox, txn, event, &cause, now).await?;
    tracing::error!(invoice_id = %refund.invoice, refund_id = %refund.id, why, "refund_unknown");
    metrics::counter!("geobot_refunds_total", "outcome" => "unknown").increment(1);
    Ok(true)
}

/// The gateway has taken it on. False when the refund is in none of the states `from` (any more).
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn accepted(
    app: &App,
    txn: &DatabaseTransaction,
    refund: &Refund,
    from: &[RefundStage],
    request_id: &str,
    next_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    invoices::lock(txn, refund.invoice).await?;
    let note = Note {
        request_id: Some(request_id),
        next_at: Some(next_at),
        ..Note::default()
    };
    if !refunds::advance(txn, refund.id, from, RefundStage::Requested, &note, now).await? {
        return Ok(false);
    }
    let cause = once(refund, "requested");
    if let Some(noted) = invoices::note_refund(txn, refund.invoice, false).await? {
        announce::changed(&app.outbox, txn, &noted, &cause, now).await?;
    }
    let event = InfoIn::new(
        "refund_requested",
        "The gateway has taken on a refund",
        fields(refund),
    );
    announce::log(&app.outbox, txn, event, &cause, now).await?;
    info!(invoice_id = %refund.invoice, refund_id = %refund.id, request_id, "refund_requested");
    Ok(true)
}

/// Something about a refund that a person should look at, told once.
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn alert(
    app: &App,
    txn: &DatabaseTransaction,
    refund: &Refund,
    event: &'static str,
    message: &str,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    warn!(invoice_id = %refund.invoice, refund_id = %refund.id, event, message, "refund_alert");
    let told = InfoIn::new(event, message, fields(refund)).at(Level::Error);
    announce::log(&app.outbox, txn, told, &once(refund, event), now).await
}

fn fields(refund: &Refund) -> serde_json::Value {
    json!({
        "invoice_id": refund.invoice,
        "refund_id": refund.id,
        "amount": refund.amount,
        "staff": refund.staff,
    })
}
