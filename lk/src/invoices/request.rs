//! A wish to buy becomes an invoice, or a refusal with its reason.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::InvoiceId;
use geobot_shared::money::Money;
use geobot_shared::route_token::GrantSource;
use geobot_shared::topics::lk_sync_tg::InvoiceRequested;
use geobot_shared::topics::states::{InvoiceStatus, Routing};
use geobot_shared::topics::tg_robokassa::{InvoiceReady, InvoiceRefused, RefusalReason};
use geobot_shared::topics::{InfoIn, TgRobokassa};
use sea_orm::DatabaseTransaction;
use serde_json::json;
use tracing::info;

use super::announce;
use crate::accounts;
use crate::app::App;
use crate::payment::settle::{self, Confirmation};
use crate::promo;
use crate::store::accounts as people;
use crate::store::invoices::{self, Funds, Invoice, Receipt};
use crate::store::products::{self, Product};
use crate::store::promos;

/// An unpaid invoice of this age is offered again when the same thing is wanted.
const OFFERED_AGAIN_FOR: TimeDelta = TimeDelta::hours(1);
/// Numbers tried before the record is given back for later.
const NUMBER_TRIES: usize = 5;

/// What a wish to buy comes to: what is bought, at which price.
struct Bargain {
    product: Product,
    price: Money,
    promo: Option<promos::Model>,
}

/// Answers a wish to buy: tg_robokassa `invoice_ready`, `payment_confirmed` where nothing is left to pay, or
/// `invoice_refused`.
///
/// # Errors
/// The database's.
pub async fn requested(
    app: &App,
    wish: InvoiceRequested,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let refusal = match decide(app, &txn, &wish, cause, now).await? {
        Ok(bargain) => offer(app, &txn, &wish, bargain, cause, now).await?.err(),
        Err(reason) => Some(reason),
    };
    if let Some(reason) = refusal {
        refuse(app, &txn, &wish, reason, cause, now).await?;
    }
    Ok(app.commit(txn).await?)
}

async fn decide(
    app: &App,
    txn: &DatabaseTransaction,
    wish: &InvoiceRequested,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<Result<Bargain, RefusalReason>, HandleError> {
    if accounts::ensure(app, txn, wish.user_id, cause, now)
        .await?
        .blocked
    {
        return Ok(Err(RefusalReason::UserBlocked));
    }
    let product = products::find(txn, wish.product_id).await?;
    let Some(product) = product.filter(Product::is_for_sale) else {
        return Ok(Err(RefusalReason::ProductUnavailable));
    };
    let full = product.item.price;
    let Some(typed) = &wish.promo_code else {
        return Ok(Ok(Bargain {
            product,
            price: full,
            promo: None,
        }));
    };
    // Of two wishes of one person at the same moment, the second finds what the first has got.
    people::hold(txn, wish.user_id).await?;
    let Some(promo) = promo::find(txn, typed, now).await? else {
        return Ok(Err(RefusalReason::PromoRefused));
    };
    let price = promo::discounted(&promo, full);
    if !price.is_positive()
        && promo::has_for_nothing(txn, wish.user_id, wish.product_id, now).await?
    {
        return Ok(Err(RefusalReason::PromoRefused));
    }
    Ok(Ok(Bargain {
        price,
        promo: Some(promo),
        product,
    }))
}

async fn refuse(
    app: &App,
    txn: &DatabaseTransaction,
    wish: &InvoiceRequested,
    reason: RefusalReason,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let refused = InvoiceRefused {
        user_id: wish.user_id,
        chat_id: wish.chat_id,
        product_id: wish.product_id,
        reason,
    };
    app.outbox
        .put::<TgRobokassa>(txn, refused, cause, 0, now)
        .await?;
    info!(user_id = %wish.user_id, product_id = %wish.product_id, ?reason, "invoice_refused");
    let event = InfoIn::new(
        "invoice_refused",
        "A wish to buy was refused",
        json!({"user_id": wish.user_id, "product_id": wish.product_id, "reason": reason}),
    );
    announce::log(&app.outbox, txn, event, cause, now).await
}

async fn offer(
    app: &App,
    txn: &DatabaseTransaction,
    wish: &InvoiceRequested,
    bargain: Bargain,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<Result<(), RefusalReason>, HandleError> {
    let wanted = wanted(app, wish, &bargain, cause, now);
    let open = invoices::find_open_like(txn, &wanted, now - OFFERED_AGAIN_FOR).await?;
    let invoice = match open {
        Some(open) => open,
        None => {
            let promo = match bargain.promo {
                Some(promo) => match promo::take(app, txn, promo, wish.user_id, now).await? {
                    Some(promo) => Some(promo),
                    None => return Ok(Err(RefusalReason::PromoRefused)),
                },
                None => None,
            };
            make(app, txn, wanted, promo, cause, now).await?
        }
    };
    if !invoice.amount.is_positive() {
        give_free(app, txn, &invoice, now).await?;
        return Ok(Ok(()));
    }
    let ready = InvoiceReady {
        invoice_id: invoice.id,
        user_id: invoice.user,
        chat_id: wish.chat_id,
        product_id: invoice.product,
        pay_url: app.settings.links.url(invoice.id),
        title: invoice.title,
        amount: invoice.amount,
        full_price: invoice.full_price,
        promo_code: invoice.promo_code,
        mode: invoice.mode,
        expires_at: invoice.expires_at,
    };
    app.outbox
        .put::<TgRobokassa>(txn, ready, cause, 0, now)
        .await?;
    Ok(Ok(()))
}

/// The invoice as it would be made; everything that may change later is fixed here.
fn wanted(
    app: &App,
    wish: &InvoiceRequested,
    bargain: &Bargain,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Invoice {
    let product = &bargain.product;
    let promo = bargain.promo.as_ref();
    // Nothing paid, nothing to receipt.
    let receipt = bargain
        .price
        .is_positive()
        .then(|| app.settings.receipts.terms(product))
        .flatten();
    Invoice {
        id: InvoiceId::generate(now, rand::random()),
        version: 1,
        user: wish.user_id,
        chat: wish.chat_id,
        product: wish.product_id,
        title: product.item.title.clone(),
        amount: bargain.price,
        full_price: promo.map(|_| product.item.price),
        promo_code: promo.map(|promo| promo.code.clone()),
        days: product.days,
        receipt,
        mode: app.settings.new_invoices,
        status: InvoiceStatus::Created,
        routing: Routing::Waiting,
        cause: None,
        story: cause.correlation_id.clone(),
        delivery: product.delivery.clone(),
        created_at: now,
        expires_at: now + app.settings.invoice_ttl,
        paid_at: None,
        republish_count: 0,
        funds: Funds::default(),
        source: None,
        op_key: None,
        check_count: 0,
        asked_at: None,
        check_for: None,
        delivery_round: 0,
    }
}

async fn make(
    app: &App,
    txn: &DatabaseTransaction,
    wanted: Invoice,
    promo: Option<promos::Model>,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<Invoice, HandleError> {
    let made = insert_under_free_number(txn, wanted, now).await?;
    if let Some(promo) = promo {
        promo::enter(app, txn, promo, &made, cause, now).await?;
    }
    announce::changed(&app.outbox, txn, &made, cause, now).await?;
    info!(invoice_id = %made.id, user_id = %made.user, amount = made.amount.kopecks(), "invoice_created");
    let event = InfoIn::new(
        "invoice_created",
        "An invoice was made",
        json!({
            "invoice_id": made.id,
            "user_id": made.user,
            "product_id": made.product,
            "amount": made.amount,
            "full_price": made.full_price,
            "mode": made.mode,
        }),
    );
    announce::log(&app.outbox, txn, event, cause, now).await?;
    Ok(made)
}

/// A code took all off the price: the invoice is paid at once, by LK's word.
async fn give_free(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let free = Confirmation {
        receipt: Receipt {
            source: GrantSource::Promo,
            amount: Money::ZERO,
            op_key: None,
        },
        reason: "free by promo code",
    };
    match settle::confirm(app, txn, invoice.id, &free, now).await? {
        Some(paid) => {
            info!(invoice_id = %paid.id, user_id = %paid.user, "invoice_free");
            Ok(())
        }
        None => Err(HandleError::transient("the invoice changed meanwhile")),
    }
}

/// Two invoices of one second share a number once in two million times; then another is tried.
async fn insert_under_free_number(
    txn: &DatabaseTransaction,
    mut invoice: Invoice,
    now: DateTime<Utc>,
) -> Result<Invoice, HandleError> {
    for _ in 0..NUMBER_TRIES {
        if invoices::insert(txn, &invoice).await? {
            return Ok(invoice);
        }
        invoice.id = InvoiceId::generate(now, rand::random());
    }
    Err(HandleError::transient("no free invoice number was found"))
}
