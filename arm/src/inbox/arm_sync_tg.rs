//! `arm_sync_tg` (and `orm_sync_tg`): what happens in the chats.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::ArmSyncTg;
use geobot_shared::topics::arm_sync_tg::{
    ChatChanged, DeliveryReport, MessageReceived, SendOutcome, UserUnreachable,
};
use geobot_shared::topics::lk_sync_tg::{PaymentRefused, PaymentRouted, UserStarted};
use geobot_shared::topics::states::Task;
use tracing::warn;

use crate::app::App;
use crate::jobs;
use crate::store::events::{self, Kind};
use crate::store::{chats, deliveries, messages, users};

/// The handlers of the topic.
pub fn handlers() -> Inbox<App, ArmSyncTg> {
    Inbox::new()
        .on(user_started)
        .on(message_received)
        .on(delivery_report)
        .on(user_unreachable)
        .on(payment_routed)
        .on(payment_refused)
        .on(chat_changed)
        .on(task_requested)
}

async fn user_started(app: Arc<App>, event: Event<UserStarted>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    users::take_start(&transaction, &event.data).await?;
    Ok(app.commit(transaction).await?)
}

async fn message_received(app: Arc<App>, event: Event<MessageReceived>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    messages::from_chat(&transaction, &event.data).await?;
    Ok(app.commit(transaction).await?)
}

/// Messages are counted; one that did not arrive gets a row as well, unless it belongs to a broadcast, whose
/// failures are too many to be read one by one.
async fn delivery_report(app: Arc<App>, event: Event<DeliveryReport>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    let all = &event.data.deliveries;
    for outcome in deliveries::OUTCOMES {
        let messages = all.iter().filter(|d| d.outcome == outcome).count();
        if messages > 0 {
            let messages = i64::try_from(messages).unwrap_or(i64::MAX);
            deliveries::add(&transaction, outcome, messages, event.at).await?;
        }
    }
    for failed in all
        .iter()
        .filter(|d| matches!(d.outcome, SendOutcome::Failed | SendOutcome::Unknown))
        .filter(|d| d.broadcast_id.is_none())
    {
        // The number of a private chat is the person's.
        let user = TelegramUserId(failed.chat_id.get());
        let detail = failed
            .reason
            .as_deref()
            .unwrap_or_else(|| deliveries::word(failed.outcome));
        events::enter(
            &transaction,
            Kind::MessageFailed,
            user,
            None,
            detail,
            event.at,
        )
        .await?;
    }
    Ok(app.commit(transaction).await?)
}

async fn user_unreachable(app: Arc<App>, event: Event<UserUnreachable>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    let fact = &event.data;
    users::take_unreachable(&transaction, fact).await?;
    events::enter(
        &transaction,
        Kind::UserUnreachable,
        fact.user_id,
        None,
        &fact.reason,
        fact.at,
    )
    .await?;
    Ok(app.commit(transaction).await?)
}

async fn payment_routed(app: Arc<App>, event: Event<PaymentRouted>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    let fact = &event.data;
    // The bot answers every copy of a payment record; one row tells it.
    if !events::has(&transaction, Kind::PaymentRouted, fact.invoice_id).await? {
        let invoice = Some(fact.invoice_id);
        events::enter(
            &transaction,
            Kind::PaymentRouted,
            fact.user_id,
            invoice,
            "",
            fact.at,
        )
        .await?;
    }
    Ok(app.commit(transaction).await?)
}

async fn payment_refused(app: Arc<App>, event: Event<PaymentRefused>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    let fact = &event.data;
    warn!(invoice_id = %fact.invoice_id, reason = fact.reason, "payment_record_refused_by_bot");
    metrics::counter!("geobot_arm_payments_refused_total").increment(1);
    let invoice = Some(fact.invoice_id);
    events::enter(
        &transaction,
        Kind::PaymentRefused,
        fact.user_id,
        invoice,
        &fact.reason,
        event.at,
    )
    .await?;
    Ok(app.commit(transaction).await?)
}

async fn chat_changed(app: Arc<App>, event: Event<ChatChanged>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    chats::take(&transaction, &event.data).await?;
    Ok(app.commit(transaction).await?)
}

async fn task_requested(app: Arc<App>, event: Event<Task>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    jobs::start(&app, &transaction, event.data, &event.service, &event.cause).await?;
    Ok(app.commit(transaction).await?)
}
