//! Promo codes: what a code takes off a price, and how often it may.
//!
//! A use is counted when the invoice is made, in its transaction, and given back when the invoice is let go unpaid. A
//! late payment (P3) counts again, also beyond the limit: the money has moved.

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::{InvoiceId, ProductId, TelegramUserId};
use geobot_shared::route_token::GrantSource;
use geobot_shared::topics::lk_sync_orm::PromoUpserted;
use geobot_shared::topics::tg_robokassa::InvoiceExpired;
use geobot_shared::topics::{ArmSyncLk, InfoIn, TgRobokassa};
use sea_orm::DatabaseTransaction;
use serde_json::json;
use tracing::info;

mod rules;

pub use self::rules::{LONGEST_CODE, discounted};

use self::rules::fault;
use crate::app::App;
use crate::invoices::announce;
use crate::invoices::transitions::Step;
use crate::store::entitlements;
use crate::store::invoices::{self, Invoice};
use crate::store::promos::{self, Model};

/// ARM made or changed a code.
///
/// # Errors
/// The database's; [`HandleError::BadData`] for a code that can't be.
pub async fn promo_upserted(
    app: &App,
    promo: PromoUpserted,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    if let Some(why) = fault(&promo) {
        return Err(HandleError::BadData(why.to_owned()));
    }
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    if promos::take_over(&txn, &promo).await? {
        info!(
            version = promo.version,
            active = promo.active,
            "promo_taken"
        );
    }
    Ok(app.commit(txn).await?)
}

/// The code that a person typed, held until the end of the transaction; `None` when it is not taken now.
///
/// # Errors
/// The database's.
pub async fn find(
    txn: &DatabaseTransaction,
    typed: &str,
    now: DateTime<Utc>,
) -> Result<Option<Model>, OutboxError> {
    let key = promos::key(typed);
    if key.is_empty() || key.chars().count() > LONGEST_CODE || key.contains('\0') {
        return Ok(None);
    }
    let known = promos::lock(txn, &key).await?;
    Ok(known.filter(|promo| promo.is_valid(now)))
}

/// The code as it may be used for a new invoice; `None` when its limit or the person's once is used up.
///
/// What the same person has open with the same code is withdrawn for it: whoever changed their mind, or lost the link,
/// is not shut out by an invoice that they will not pay.
///
/// # Errors
/// The database's; [`HandleError::Transient`] when such an invoice was paid at this moment.
pub async fn take(
    app: &App,
    txn: &DatabaseTransaction,
    promo: Model,
    user: TelegramUserId,
    now: DateTime<Utc>,
) -> Result<Option<Model>, HandleError> {
    let mut open = Vec::new();
    let mut settled = false;
    for id in promos::uses_of(txn, &promo.code_key, user).await? {
        let invoice = invoices::find(txn, id).await?;
        if invoice.is_some_and(|invoice| Step::Cancel.apply(invoice.status).is_ok()) {
            open.push(id);
        } else {
            settled = true;
        }
    }
    let others = promo.used - open.len() as i64;
    let limit_is_used = promo.use_limit.is_some_and(|limit| others >= limit);
    if limit_is_used || promo.once_per_person && settled {
        return Ok(None);
    }
    let mut promo = promo;
    for id in open {
        withdraw(app, txn, id, now).await?;
        promo = promos::count(txn, promo, -1).await?;
    }
    Ok(Some(promo))
}

/// Whether a person still has what a code gave them for nothing. The same is not given once more until that has ended:
/// a code of the whole price without limits would hand out a product's stock to one person.
///
/// # Errors
/// The database's.
pub async fn has_for_nothing(
    txn: &DatabaseTransaction,
    user: TelegramUserId,
    product: ProductId,
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    for right in entitlements::live_of(txn, user, product, now).await? {
        let invoice = invoices::find(txn, right.invoice_id).await?;
        if invoice.is_some_and(|invoice| invoice.source == Some(GrantSource::Promo)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Cancels an open invoice in whose place its owner wants another.
async fn withdraw(
    app: &App,
    txn: &DatabaseTransaction,
    id: InvoiceId,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let Some(cancelled) = invoices::cancel(txn, id).await? else {
        return Err(HandleError::transient("the invoice changed meanwhile"));
    };
    promos::set_released(txn, id, true).await?;
    let cause = announce::once(id, "withdrawn", &cancelled.story);
    let gone = InvoiceExpired {
        invoice_id: id,
        user_id: cancelled.user,
    };
    app.outbox
        .put::<TgRobokassa>(txn, gone, &cause, 0, now)
        .await?;
    announce::changed(&app.outbox, txn, &cancelled, &cause, now).await?;
    info!(invoice_id = %id, "invoice_withdrawn");
    Ok(())
}

/// Enters the use of a code that [`take`] allowed.
///
/// # Errors
/// The database's.
pub async fn enter(
    app: &App,
    txn: &DatabaseTransaction,
    promo: Model,
    invoice: &Invoice,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    promos::enter_use(txn, &promo.code_key, invoice.id, invoice.user, now).await?;
    let counted = promos::count(txn, promo, 1).await?;
    tell(app, txn, &counted, cause, now).await
}

/// An invoice was let go unpaid: its use counts no longer. Nothing happens to one without a code.
///
/// # Errors
/// The database's.
pub async fn let_go(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    recount(app, txn, invoice, true, cause, now).await
}

/// An invoice was paid: a use that did not count any more counts again. Nothing happens to one without a code.
///
/// # Errors
/// The database's.
pub async fn paid(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    recount(app, txn, invoice, false, cause, now).await
}

async fn recount(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    released: bool,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let Some(code) = &invoice.promo_code else {
        return Ok(());
    };
    if !promos::set_released(txn, invoice.id, released).await? {
        return Ok(());
    }
    let Some(promo) = promos::lock(txn, &promos::key(code)).await? else {
        return Ok(());
    };
    let counted = promos::count(txn, promo, if released { -1 } else { 1 }).await?;
    if !released {
        let event = InfoIn::new(
            "promo_used_late",
            "An invoice that was let go was paid after all, with its promo code",
            json!({"invoice_id": invoice.id, "used": counted.used, "limit": counted.use_limit}),
        );
        announce::log(&app.outbox, txn, event, cause, now).await?;
    }
    tell(app, txn, &counted, cause, now).await
}

async fn tell(
    app: &App,
    txn: &DatabaseTransaction,
    promo: &Model,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    app.outbox
        .put::<ArmSyncLk>(txn, promo.use_state(), cause, 0, now)
        .await
}
