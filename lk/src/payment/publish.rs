//! The record that tells the bot of a payment, under LK's grant over what is to be delivered (P6): the gateway's own
//! words where there are some (`payment_callback`), else the grant alone (`payment_confirmed`).

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, Outgoing, PublishError};
use geobot_shared::robokassa::form::Fields;
use geobot_shared::route_token::{Grant, GrantSource, RouteKeys, RouteToken};
use geobot_shared::topics::TgRobokassa;
use geobot_shared::topics::tg_robokassa::{Granted, PaymentCallback, PaymentConfirmed};
use sea_orm::ConnectionTrait;
use tracing::error;

use crate::app::App;
use crate::invoices::announce;
use crate::store::callbacks;
use crate::store::invoices::Invoice;

/// The identity of an invoice's payment; every record of it derives its message-id from here.
#[must_use]
pub fn paid(invoice: &Invoice) -> Cause {
    announce::once(invoice.id, "paid", &invoice.story)
}

/// The token that goes into an invoice's payment link and comes back with its callback.
#[must_use]
pub fn route_token(invoice: &Invoice, keys: &RouteKeys) -> String {
    RouteToken::new(
        keys,
        invoice.id,
        invoice.user,
        invoice.product,
        invoice.amount,
        invoice.mode,
    )
    .sign(keys)
}

/// Enters the record of a payment. The same one, with the same message-id, however often it is made. False when there
/// is nothing to publish: the invoice is not granted, or the callback that paid it is gone.
///
/// # Errors
/// [`OutboxError`].
pub async fn payment(
    app: &App,
    db: &impl ConnectionTrait,
    invoice: &Invoice,
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    match invoice.source {
        Some(GrantSource::Robokassa) => {
            let Some(params) = callbacks::paying_params(db, invoice.id).await? else {
                // Can't be: both are written in one transaction. Somebody has edited the database.
                error!(invoice_id = %invoice.id, "paying_callback_missing");
                return Ok(false);
            };
            callback(app, db, invoice, params, now).await?;
        }
        Some(source) => confirmed(app, db, invoice, source, now).await?,
        None => {
            error!(invoice_id = %invoice.id, "payment_without_grant");
            return Ok(false);
        }
    }
    Ok(true)
}

/// Enters tg_robokassa `payment_callback` with the gateway's parameters, untouched.
///
/// # Errors
/// [`OutboxError`].
pub async fn callback(
    app: &App,
    db: &impl ConnectionTrait,
    invoice: &Invoice,
    params: Fields,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let record = callback_record(app, invoice, params, now)?;
    app.outbox.put_record(db, record, now).await
}

/// The record that [`callback`] enters.
///
/// # Errors
/// When it can't be written as JSON.
pub fn callback_record(
    app: &App,
    invoice: &Invoice,
    params: Fields,
    now: DateTime<Utc>,
) -> Result<Outgoing, PublishError> {
    let record = PaymentCallback {
        params,
        granted: granted(invoice, GrantSource::Robokassa, &app.settings.route_keys),
    };
    record_of(app, invoice, &record.into(), now)
}

/// Enters tg_robokassa `payment_confirmed`: LK's word alone.
///
/// # Errors
/// [`OutboxError`].
pub async fn confirmed(
    app: &App,
    db: &impl ConnectionTrait,
    invoice: &Invoice,
    source: GrantSource,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let keys = &app.settings.route_keys;
    let record = PaymentConfirmed {
        route_token: route_token(invoice, keys),
        granted: granted(invoice, source, keys),
    };
    let record = record_of(app, invoice, &record.into(), now)?;
    app.outbox.put_record(db, record, now).await
}

fn record_of(
    app: &App,
    invoice: &Invoice,
    record: &TgRobokassa,
    now: DateTime<Utc>,
) -> Result<Outgoing, PublishError> {
    // The time in the record is that of the payment, in every copy.
    let at = invoice.paid_at.unwrap_or(now);
    Outgoing::caused::<TgRobokassa>(app.producer.service(), record, &paid(invoice), 0, at)
}

fn granted(invoice: &Invoice, source: GrantSource, keys: &RouteKeys) -> Granted {
    let mut granted = Granted {
        invoice_id: invoice.id,
        user_id: invoice.user,
        product_id: invoice.product,
        amount: invoice.amount,
        mode: invoice.mode,
        source,
        title: invoice.title.clone(),
        delivery: invoice.delivery.clone(),
        grant: Grant {
            key_id: 0,
            mac: String::new(),
        },
    };
    granted.grant = Grant::sign(&granted.claims(), keys);
    granted
}
