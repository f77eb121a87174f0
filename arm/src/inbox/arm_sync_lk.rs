//! `arm_sync_lk` (and `orm_sync_lk`): what the cabinet knows.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::ArmSyncLk;
use geobot_shared::topics::arm_sync_lk::{PromoUsed, Snapshot, StockChanged, SupportMessage};
use geobot_shared::topics::states::{EntitlementState, InvoiceState, Task, UserState};
use tracing::{debug, info};

use crate::app::App;
use crate::jobs;
use crate::store::{entitlements, invoices, messages, promos, stocks, users};

/// The handlers of the topic.
pub fn handlers() -> Inbox<App, ArmSyncLk> {
    Inbox::new()
        .on(user_upserted)
        .on(invoice_changed)
        .on(entitlement_changed)
        .on(stock_changed)
        .on(promo_used)
        .on(support_message)
        .on(task_requested)
        .on(snapshot)
}

async fn user_upserted(app: Arc<App>, event: Event<UserState>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    if !users::take(&transaction, &event.data).await? {
        debug!(user_id = %event.data.user_id, version = event.data.version, "older_user_ignored");
    }
    Ok(app.commit(transaction).await?)
}

async fn invoice_changed(app: Arc<App>, event: Event<InvoiceState>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    let state = &event.data;
    if invoices::take(&transaction, state).await? {
        info!(invoice_id = %state.invoice_id, status = state.status.as_str(), version = state.version, "invoice_taken");
    } else {
        debug!(invoice_id = %state.invoice_id, version = state.version, "older_invoice_ignored");
    }
    Ok(app.commit(transaction).await?)
}

async fn entitlement_changed(app: Arc<App>, event: Event<EntitlementState>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    if !entitlements::take(&transaction, &event.data).await? {
        debug!(invoice_id = %event.data.invoice_id, version = event.data.version, "older_entitlement_ignored");
    }
    Ok(app.commit(transaction).await?)
}

async fn stock_changed(app: Arc<App>, event: Event<StockChanged>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    if !stocks::take(&transaction, &event.data).await? {
        debug!(product_id = %event.data.product_id, version = event.data.version, "older_stock_ignored");
    }
    Ok(app.commit(transaction).await?)
}

async fn promo_used(app: Arc<App>, event: Event<PromoUsed>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    if !promos::take_uses(&transaction, &event.data).await? {
        debug!(version = event.data.version, "older_promo_use_ignored");
    }
    Ok(app.commit(transaction).await?)
}

async fn support_message(app: Arc<App>, event: Event<SupportMessage>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    messages::from_cabinet(&transaction, &event.data).await?;
    Ok(app.commit(transaction).await?)
}

async fn task_requested(app: Arc<App>, event: Event<Task>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    jobs::start(&app, &transaction, event.data, &event.service, &event.cause).await?;
    Ok(app.commit(transaction).await?)
}

async fn snapshot(app: Arc<App>, event: Event<Snapshot>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    let page = &event.data;
    for user in &page.users {
        users::take(&transaction, user).await?;
    }
    for invoice in &page.invoices {
        invoices::take(&transaction, invoice).await?;
    }
    for entitlement in &page.entitlements {
        entitlements::take(&transaction, entitlement).await?;
    }
    info!(
        users = page.users.len(),
        invoices = page.invoices.len(),
        entitlements = page.entitlements.len(),
        last = page.last,
        "snapshot_taken"
    );
    Ok(app.commit(transaction).await?)
}
