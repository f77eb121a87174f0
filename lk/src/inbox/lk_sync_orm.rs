//! `lk_sync_orm`, ARM → LK. An action without a flow yet has no handler: its records wait in the dead letters, with
//! an alert, instead of being acknowledged away.

use std::sync::Arc;

use chrono::Utc;
use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::LkSyncOrm;
use geobot_shared::topics::lk_sync_orm::{
    BalanceAdjusted, DeliveredByHand, DeliveryRetryRequested, KeysUploaded, MismatchResolved,
    PaymentCheckRequested, ProductArchived, PromoUpserted, RefundRecorded, RefundRequested,
    RefundResolved, SnapshotRequested, UserBlocked, UserUnblocked, UserUpdated,
};
use geobot_shared::topics::states::ProductState;

use crate::app::App;
use crate::payment::{check_now, mismatch};
use crate::refunds::{by_hand, request};
use crate::{accounts, balance, catalog, held, promo, snapshot, stock};

/// The actions that LK can carry out.
#[must_use]
pub fn handlers() -> Inbox<App, LkSyncOrm> {
    Inbox::new()
        .on(product_upserted)
        .on(product_archived)
        .on(keys_uploaded)
        .on(promo_upserted)
        .on(user_updated)
        .on(user_blocked)
        .on(user_unblocked)
        .on(payment_check_requested)
        .on(mismatch_resolved)
        .on(refund_requested)
        .on(refund_resolved)
        .on(refund_recorded)
        .on(delivery_retry_requested)
        .on(delivered_by_hand)
        .on(balance_adjusted)
        .on(snapshot_requested)
}

async fn product_upserted(app: Arc<App>, event: Event<ProductState>) -> Handled {
    catalog::product_upserted(&app, event.data, &event.cause, Utc::now()).await
}

async fn product_archived(app: Arc<App>, event: Event<ProductArchived>) -> Handled {
    catalog::product_archived(&app, event.data, &event.cause, Utc::now()).await
}

async fn keys_uploaded(app: Arc<App>, event: Event<KeysUploaded>) -> Handled {
    stock::keys_uploaded(&app, event.data, &event.cause, Utc::now()).await
}

async fn promo_upserted(app: Arc<App>, event: Event<PromoUpserted>) -> Handled {
    promo::promo_upserted(&app, event.data, &event.cause, Utc::now()).await
}

async fn user_updated(app: Arc<App>, event: Event<UserUpdated>) -> Handled {
    let UserUpdated { user_id, language } = event.data;
    let wishes = accounts::Wishes {
        language,
        ..accounts::Wishes::default()
    };
    accounts::changed_by_person(&app, user_id, wishes, &event.cause, Utc::now()).await
}

async fn user_blocked(app: Arc<App>, event: Event<UserBlocked>) -> Handled {
    accounts::block(&app, event.data.user_id, true, &event.cause, Utc::now()).await
}

async fn user_unblocked(app: Arc<App>, event: Event<UserUnblocked>) -> Handled {
    accounts::block(&app, event.data.user_id, false, &event.cause, Utc::now()).await
}

async fn snapshot_requested(app: Arc<App>, event: Event<SnapshotRequested>) -> Handled {
    snapshot::send(&app, &event.cause).await
}

async fn payment_check_requested(app: Arc<App>, event: Event<PaymentCheckRequested>) -> Handled {
    check_now::requested(&app, event.data, &event.cause, Utc::now()).await
}

async fn mismatch_resolved(app: Arc<App>, event: Event<MismatchResolved>) -> Handled {
    mismatch::resolved(&app, event.data, &event.cause, Utc::now()).await
}

async fn refund_requested(app: Arc<App>, event: Event<RefundRequested>) -> Handled {
    request::requested(&app, event.data, &event.cause, Utc::now()).await
}

async fn refund_resolved(app: Arc<App>, event: Event<RefundResolved>) -> Handled {
    by_hand::resolved(&app, event.data, &event.cause, Utc::now()).await
}

async fn refund_recorded(app: Arc<App>, event: Event<RefundRecorded>) -> Handled {
    by_hand::recorded(&app, event.data, &event.cause, Utc::now()).await
}

async fn delivery_retry_requested(app: Arc<App>, event: Event<DeliveryRetryRequested>) -> Handled {
    held::retry_requested(&app, event.data, &event.cause, Utc::now()).await
}

async fn delivered_by_hand(app: Arc<App>, event: Event<DeliveredByHand>) -> Handled {
    held::delivered_by_hand(&app, event.data, &event.cause, Utc::now()).await
}

async fn balance_adjusted(app: Arc<App>, event: Event<BalanceAdjusted>) -> Handled {
    balance::adjusted(&app, event.data, &event.cause, Utc::now()).await
}
