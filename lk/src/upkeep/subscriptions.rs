//! Rights that end: the person is reminded once before it, and at the end loses the access, unless it was bought
//! again.

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::sql;
use geobot_shared::topics::states::EntitlementState;
use geobot_shared::topics::tg_notify::{Notify, NotifyEvent};
use geobot_shared::topics::tg_robokassa::AccessRevoked;
use geobot_shared::topics::{ArmSyncLk, InfoIn, TgNotify, TgRobokassa};
use sea_orm::DatabaseTransaction;
use serde_json::json;
use tracing::info;

use crate::app::App;
use crate::invoices::announce;
use crate::store::accounts;
use crate::store::entitlements::{self, Ending};

/// Reminds at most `limit` people and returns how many rights it looked at.
///
/// # Errors
/// The database's; then nobody of the batch is reminded.
pub async fn remind(app: &App, now: DateTime<Utc>, limit: u64) -> Result<u64, OutboxError> {
    let due = entitlements::due_to_remind(&app.db, now, limit).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let txn = sql::begin(&app.db).await?;
    for ending in &due {
        let right = &ending.right;
        let Some(ends_at) = right.ends_at else {
            continue;
        };
        // The one reminder is used up even where nothing is said.
        if !entitlements::take_reminder(&txn, right.invoice_id).await?
            || right.revoked
            || ends_at <= now
            || entitlements::covers_beyond(&txn, ending, ends_at).await?
            || !wants_reminders(&txn, right).await?
        {
            continue;
        }
        let told = NotifyEvent::SubscriptionEndsSoon {
            title: right.title.clone(),
            ends_at,
            product_id: right.product_id,
        };
        tell(app, &txn, right, told, "ends_soon", now).await?;
        info!(invoice_id = %right.invoice_id, user_id = %right.user_id, "subscription_reminded");
    }
    app.commit(txn).await?;
    Ok(due.len() as u64)
}

/// Ends at most `limit` rights and returns how many it looked at.
///
/// # Errors
/// The database's; then none of the batch has ended.
pub async fn end(app: &App, now: DateTime<Utc>, limit: u64) -> Result<u64, OutboxError> {
    let due = entitlements::due_to_end(&app.db, now, limit).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let txn = sql::begin(&app.db).await?;
    for ending in &due {
        let invoice = ending.right.invoice_id;
        if !entitlements::close(&txn, invoice).await? {
            continue;
        }
        // Bought again: the one that follows speaks for itself, also when both are over by now.
        let ended_at = ending.right.ends_at.unwrap_or(now);
        if entitlements::covers_beyond(&txn, ending, ended_at).await? {
            continue;
        }
        if let Some(right) = entitlements::revoke(&txn, invoice).await? {
            take_back(app, &txn, ending, right, now).await?;
        }
    }
    app.commit(txn).await?;
    Ok(due.len() as u64)
}

async fn take_back(
    app: &App,
    txn: &DatabaseTransaction,
    ending: &Ending,
    right: EntitlementState,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let told = NotifyEvent::SubscriptionEnded {
        title: right.title.clone(),
        product_id: right.product_id,
    };
    tell(app, txn, &right, told, "ended", now).await?;
    let cause = announce::once(right.invoice_id, "ended", &story(&right));
    // Where there is no chat to leave, there is nothing for the bot to do.
    if let Some(chat) = ending.chat {
        let gone = AccessRevoked {
            invoice_id: right.invoice_id,
            user_id: right.user_id,
            chat_id: Some(chat),
            reason: "ended".to_owned(),
        };
        app.outbox
            .put::<TgRobokassa>(txn, gone, &cause, 0, now)
            .await?;
    }
    info!(invoice_id = %right.invoice_id, user_id = %right.user_id, "subscription_ended");
    let event = InfoIn::new(
        "subscription_ended",
        "A right has ended",
        json!({
            "invoice_id": right.invoice_id,
            "user_id": right.user_id,
            "product_id": right.product_id,
            "chat_id": ending.chat,
        }),
    );
    announce::log(&app.outbox, txn, event, &cause, now).await?;
    app.outbox
        .put::<ArmSyncLk>(txn, right, &cause, 0, now)
        .await
}

async fn tell(
    app: &App,
    txn: &DatabaseTransaction,
    right: &EntitlementState,
    event: NotifyEvent,
    what: &str,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let cause = announce::once(right.invoice_id, what, &story(right));
    let notify = Notify {
        user_id: right.user_id,
        event,
    };
    app.outbox
        .put::<TgNotify>(txn, notify, &cause, 0, now)
        .await
}

/// Weeks lie between the purchase and its end: a story of its own, that the log finds by the invoice.
fn story(right: &EntitlementState) -> String {
    format!("subscription:{}", right.invoice_id)
}

/// A person who wants no reminders gets none; the end itself is always told.
async fn wants_reminders(
    txn: &DatabaseTransaction,
    right: &EntitlementState,
) -> Result<bool, OutboxError> {
    let account = accounts::find(txn, right.user_id).await?;
    Ok(account.is_none_or(|account| account.settings.reminders))
}
