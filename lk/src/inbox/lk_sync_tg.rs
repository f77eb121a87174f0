//! `lk_sync_tg`, BOT → LK.

use std::sync::Arc;

use chrono::Utc;
use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::LkSyncTg;
use geobot_shared::topics::lk_sync_tg::{
    CabinetRequested, CatalogRequested, ChatRegained, DeliveryFailed, InvoiceRequested,
    JoinRequested, PaymentCheckAsked, PaymentRefused, PaymentRouted, PaymentsRequested,
    PeopleRequested, ProfileChanged, SubscriptionsRequested, UserStarted,
};

use crate::app::App;
use crate::cabinet::Token;
use crate::invoices::{checks, request};
use crate::{accounts, cabinet, catalog, held, joining, routing, snapshot};

/// Every action of the topic.
#[must_use]
pub fn handlers() -> Inbox<App, LkSyncTg> {
    Inbox::new()
        .on(user_started)
        .on(profile_changed)
        .on(catalog_requested)
        .on(people_requested)
        .on(invoice_requested)
        .on(payment_check_requested)
        .on(payments_requested)
        .on(subscriptions_requested)
        .on(cabinet_requested)
        .on(join_requested)
        .on(payment_routed)
        .on(payment_refused)
        .on(delivery_failed)
        .on(chat_regained)
}

async fn user_started(app: Arc<App>, event: Event<UserStarted>) -> Handled {
    let user = event.data.user_id;
    accounts::started(&app, event.data, &event.cause, Utc::now()).await?;
    held::person_returned(&app, user, Utc::now()).await
}

async fn profile_changed(app: Arc<App>, event: Event<ProfileChanged>) -> Handled {
    let ProfileChanged {
        user_id,
        language,
        settings,
    } = event.data;
    let wishes = accounts::Wishes { language, settings };
    accounts::changed_by_person(&app, user_id, wishes, &event.cause, Utc::now()).await
}

async fn people_requested(app: Arc<App>, event: Event<PeopleRequested>) -> Handled {
    snapshot::people(&app, event.data.request_id, &event.cause).await
}

async fn catalog_requested(app: Arc<App>, event: Event<CatalogRequested>) -> Handled {
    catalog::requested(&app, &event.cause, Utc::now()).await
}

async fn invoice_requested(app: Arc<App>, event: Event<InvoiceRequested>) -> Handled {
    request::requested(&app, event.data, &event.cause, Utc::now()).await
}

async fn payment_check_requested(app: Arc<App>, event: Event<PaymentCheckAsked>) -> Handled {
    checks::payment_state(&app, event.data, &event.cause, Utc::now()).await
}

async fn payments_requested(app: Arc<App>, event: Event<PaymentsRequested>) -> Handled {
    checks::payments(&app, event.data.user_id, &event.cause, Utc::now()).await
}

async fn subscriptions_requested(app: Arc<App>, event: Event<SubscriptionsRequested>) -> Handled {
    checks::subscriptions(&app, event.data.user_id, &event.cause, Utc::now()).await
}

async fn cabinet_requested(app: Arc<App>, event: Event<CabinetRequested>) -> Handled {
    let token = Token::generate();
    cabinet::requested(&app, event.data.user_id, &token, &event.cause, Utc::now()).await
}

async fn join_requested(app: Arc<App>, event: Event<JoinRequested>) -> Handled {
    joining::requested(&app, event.data, &event.cause, Utc::now()).await
}

async fn payment_routed(app: Arc<App>, event: Event<PaymentRouted>) -> Handled {
    routing::payment_routed(&app, event.data, &event.cause, Utc::now()).await
}

async fn payment_refused(app: Arc<App>, event: Event<PaymentRefused>) -> Handled {
    routing::payment_refused(&app, event.data, &event.cause, Utc::now()).await
}

async fn delivery_failed(app: Arc<App>, event: Event<DeliveryFailed>) -> Handled {
    routing::delivery_failed(&app, event.data, &event.cause, Utc::now()).await
}

async fn chat_regained(app: Arc<App>, event: Event<ChatRegained>) -> Handled {
    held::chat_regained(&app, event.data.chat_id, Utc::now()).await
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_action_has_a_handler() {
        assert_eq!(super::handlers().unhandled(), Vec::<&str>::new());
    }
}
