//! Keys from a stock: taken in from staff, reserved one per paid invoice within the transaction of its payment, and
//! given later to those who paid when there was none.
//!
//! At the end of every transaction a product has no free key or nobody waits for one; so an invoice that waits needs
//! nothing but new keys.

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::envelope::Level;
use geobot_shared::ids::ProductId;
use geobot_shared::topics::lk_sync_orm::KeysUploaded;
use geobot_shared::topics::states::{Delivery, InvoiceStatus, Routing};
use geobot_shared::topics::tg_notify::{Notify, NotifyEvent};
use geobot_shared::topics::{ArmSyncLk, InfoIn, TgNotify};
use sea_orm::{DatabaseTransaction, DbErr};
use serde_json::json;
use tracing::{error, info, warn};

mod upload;

use self::upload::{checked, written};
use crate::app::App;
use crate::catalog;
use crate::invoices::announce;
use crate::invoices::transitions::DELIVERABLE;
use crate::payment::publish;
use crate::store::invoices::{self, Invoice};
use crate::store::products;
use crate::store::stock::{self, keys, queue};

/// Why an invoice is held that was paid when no key was left.
pub const SOLD_OUT: &str = "sold out";

/// What a paid invoice can be given.
#[derive(Clone, Debug)]
pub enum Goods {
    /// All that is needed is there; the invoice's delivery is what the bot delivers.
    Ready(Invoice),
    /// The stock is empty: the invoice is held until there are new keys.
    SoldOut(Invoice),
}

/// The text around the key, for an invoice whose key is not reserved yet.
#[must_use]
pub fn needs_key(invoice: &Invoice) -> Option<String> {
    match serde_json::from_str(&invoice.delivery) {
        Ok(Delivery::Key { text }) => Some(text),
        _ => None,
    }
}

/// Reserves what an invoice that has just become paid needs from a stock, within the transaction that pays it.
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn provide(
    app: &App,
    txn: &DatabaseTransaction,
    paid: Invoice,
    now: DateTime<Utc>,
) -> Result<Goods, OutboxError> {
    let Some(text) = needs_key(&paid) else {
        return Ok(Goods::Ready(paid));
    };
    let cause = announce::once(paid.id, "key", &paid.story);
    let mut held = stock::lock(txn, paid.product).await?;
    let goods = match keys::take(txn, paid.product, paid.id, now).await? {
        Some(key) => {
            held.free -= 1;
            held.given += 1;
            warn_of_low_stock(app, txn, paid.product, held.free, &cause, now).await?;
            let delivery = written(&text, &key)?;
            Goods::Ready(invoices::set_delivery(txn, paid, delivery).await?)
        }
        None => {
            held.waiting += 1;
            queue::enter(txn, paid.product, paid.id, paid.paid_at.unwrap_or(now)).await?;
            Goods::SoldOut(hold(app, txn, paid, &cause, now).await?)
        }
    };
    follow(app, txn, held, &cause, now).await?;
    Ok(goods)
}

/// Takes keys in from staff, and gives them first to those who have paid and wait.
///
/// # Errors
/// The database's; [`HandleError::BadData`] for keys that ARM does not send. It names no key.
pub async fn keys_uploaded(
    app: &App,
    upload: KeysUploaded,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let secrets = checked(&upload)?;
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let product = upload.product_id;
    let mut held = stock::lock(&txn, product).await?;
    let added = keys::add(&txn, product, upload.upload_id, &secrets, now).await?;
    held.free += added.cast_signed();
    for id in queue::waiting(&txn, product).await? {
        let waiting = invoices::lock(&txn, id).await?;
        let Some(invoice) = waiting.filter(still_waits) else {
            // Refunded or delivered by hand meanwhile.
            queue::leave(&txn, id).await?;
            held.waiting -= 1;
            continue;
        };
        // While a refund is on its way nothing is delivered; the place in the queue stays.
        if held.free > 0 && DELIVERABLE.contains(&invoice.status) {
            deliver(app, &txn, invoice, now).await?;
            queue::leave(&txn, id).await?;
            held.free -= 1;
            held.given += 1;
            held.waiting -= 1;
        }
    }
    let known = secrets.len() as u64 - added;
    info!(product_id = %product, upload_id = %upload.upload_id, added, known, free = held.free, "keys_uploaded");
    let event = InfoIn::new(
        "keys_uploaded",
        "Keys were added to a product's stock",
        json!({"product_id": product, "upload_id": upload.upload_id, "added": added, "known": known, "free": held.free}),
    );
    announce::log(&app.outbox, &txn, event, cause, now).await?;
    follow(app, &txn, held, cause, now).await?;
    Ok(app.commit(txn).await?)
}

/// Fills a waiting invoice's key in and publishes it: a delivery that begins anew.
async fn deliver(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: Invoice,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let Some(text) = needs_key(&invoice) else {
        return Err(HandleError::transient("an invoice in the queue has a key"));
    };
    let Some(key) = keys::take(txn, invoice.product, invoice.id, now).await? else {
        return Err(HandleError::transient("the stock's counter is wrong"));
    };
    let delivery = written(&text, &key)?;
    let invoice = invoices::set_delivery(txn, invoice, delivery).await?;
    let next = now + app.settings.republish_after;
    let Some(again) = invoices::deliver_again(txn, &invoice, next).await? else {
        return Err(HandleError::transient("the invoice changed meanwhile"));
    };
    publish::payment(app, txn, &again, now).await?;
    let cause = announce::once(again.id, "restocked", &again.story);
    announce::changed(&app.outbox, txn, &again, &cause, now).await?;
    info!(invoice_id = %again.id, user_id = %again.user, "held_payment_restocked");
    Ok(())
}

/// Whether an invoice in the queue is still to get a key, now or later.
fn still_waits(invoice: &Invoice) -> bool {
    invoice.routing == Routing::Held
        && invoice.status != InvoiceStatus::Refunded
        && needs_key(invoice).is_some()
}

async fn hold(
    app: &App,
    txn: &DatabaseTransaction,
    paid: Invoice,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<Invoice, OutboxError> {
    let held = invoices::set_routing(txn, &paid, Routing::Held, Some(SOLD_OUT)).await?;
    let held = held.ok_or(DbErr::RecordNotUpdated)?;
    error!(invoice_id = %held.id, user_id = %held.user, product_id = %held.product, "payment_without_stock");
    metrics::counter!("geobot_payments_held_total", "event" => "sold_out").increment(1);
    let event = InfoIn::new(
        "payment_held",
        "An invoice was paid and no key is left for it",
        json!({"invoice_id": held.id, "user_id": held.user, "product_id": held.product, "cause": SOLD_OUT}),
    )
    .at(Level::Error);
    announce::log(&app.outbox, txn, event, cause, now).await?;
    // Nothing goes to the bot until there is a key, so the person would hear nothing at all.
    let told = Notify {
        user_id: held.user,
        event: NotifyEvent::PaymentState {
            invoice: held.state(),
        },
    };
    app.outbox.put::<TgNotify>(txn, told, cause, 0, now).await?;
    Ok(held)
}

/// Warns staff when the last key was taken, and when the number they asked to be warned of is reached.
async fn warn_of_low_stock(
    app: &App,
    txn: &DatabaseTransaction,
    product: ProductId,
    free: i64,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let known = products::find(txn, product).await?;
    let limit = known.as_ref().and_then(|known| known.low_stock);
    let (name, message, level) = if free == 0 {
        (
            "stock_sold_out",
            "The last key was sold: the product is hidden",
            Level::Error,
        )
    } else if limit == Some(free) {
        ("stock_low", "Few keys are left", Level::Warn)
    } else {
        return Ok(());
    };
    warn!(product_id = %product, free, event = name, "stock_is_low");
    let title = known.map(|known| known.item.title).unwrap_or_default();
    let event = InfoIn::new(
        name,
        message,
        json!({"product_id": product, "title": title, "free": free}),
    )
    .at(level);
    announce::log(&app.outbox, txn, event, cause, now).await
}

/// Writes the changed stock, tells ARM, and hides or shows the product.
async fn follow(
    app: &App,
    txn: &DatabaseTransaction,
    changed: stock::Model,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let saved = stock::save(txn, changed).await?;
    let state = saved.state()?;
    let product = state.product_id;
    app.outbox
        .put::<ArmSyncLk>(txn, state, cause, 0, now)
        .await?;
    if let Some(product) = products::follow_stock(txn, product, now).await? {
        info!(product_id = %product.item.product_id, shown = product.item.active, "product_followed_its_stock");
        catalog::tell(app, txn, vec![product.item], 0, cause, now).await?;
    }
    Ok(())
}
