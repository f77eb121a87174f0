//! Settling a callback whose signature is valid: everything it changes and causes is in one transaction (P1, see
//! [`super::group`]), and only the one whose conditional update takes effect credits (P2), be it a callback's or a confirmation's.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, Outgoing};
use geobot_shared::envelope::Level;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_shared::robokassa::form::Fields;
use geobot_shared::route_token::GrantSource;
use geobot_shared::topics::tg_notify::{Notify, NotifyEvent};
use geobot_shared::topics::{ArmSyncLk, InfoIn, TgNotify};
use sea_orm::{DatabaseTransaction, DbErr};
use serde_json::json;
use tracing::{error, info};

use super::gateway::VerifiedCallback;
use super::publish;
use crate::app::App;
use crate::invoices::announce;
use crate::promo;
use crate::stock::{self, Goods};
use crate::store::callbacks::{self, Verdict};
use crate::store::invoices::{self, Invoice, Receipt};
use crate::store::ledger;
use crate::subscriptions;

/// Settles a callback for an invoice of ours. What is read of `invoice` is what never changes of it.
///
/// # Errors
/// The database's: the transaction must then not be committed, and the gateway must repeat.
pub(super) async fn known(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    callback: &VerifiedCallback,
    remote: IpAddr,
    now: DateTime<Utc>,
) -> Result<Verdict, OutboxError> {
    // Promise P4: the amount is compared as a decimal.
    let verdict = if callback.amount == Ok(invoice.amount) {
        match paid_by_callback(app, txn, invoice, now).await? {
            Some(paid) => {
                credit(app, txn, &paid, Proof::Callback(&callback.raw), now).await?;
                Verdict::Credited
            }
            None => settled_before(app, txn, invoice, callback, now).await?,
        }
    } else {
        let why = mismatch_cause(&callback.sum_text, invoice.amount);
        let received = received(callback);
        match invoices::mismatch(txn, invoice.id, &why, received, now).await? {
            Some(held) => {
                alert_mismatch(app, txn, &held, &callback.sum_text, now).await?;
                Verdict::Mismatch
            }
            None => settled_before(app, txn, invoice, callback, now).await?,
        }
    };
    callbacks::insert(txn, callback, Some(invoice.id), remote, verdict, now).await?;
    Ok(verdict)
}

/// Says in the log what became of a callback, once that is committed.
pub(super) fn log(invoice: Option<&Invoice>, callback: &VerifiedCallback, verdict: Verdict) {
    let Some(invoice) = invoice else {
        let (inv_id, out_sum) = (&callback.number, &callback.sum_text);
        error!(inv_id, out_sum, "payment_unknown");
        return;
    };
    match verdict {
        Verdict::Credited => {
            info!(invoice_id = %invoice.id, user_id = %invoice.user, amount = invoice.amount.kopecks(), "payment_credited");
        }
        Verdict::Repeated => info!(invoice_id = %invoice.id, "callback_repeated"),
        Verdict::Mismatch => {
            error!(invoice_id = %invoice.id, out_sum = callback.sum_text, "payment_mismatched");
        }
        Verdict::Unexpected | Verdict::Unknown => {
            error!(invoice_id = %invoice.id, out_sum = callback.sum_text, "callback_unexpected");
        }
    }
}

/// The invoice, if this callback of the right amount is what pays it.
async fn paid_by_callback(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    now: DateTime<Utc>,
) -> Result<Option<Invoice>, DbErr> {
    let receipt = Receipt {
        source: GrantSource::Robokassa,
        amount: invoice.amount,
        op_key: None,
    };
    let republish_at = now + app.settings.republish_after;
    let paid = invoices::pay(txn, invoice.id, &receipt, now, republish_at).await?;
    if paid.is_some() {
        return Ok(paid);
    }
    // A mismatch without a callback was read from the state service, whose sums may be with or without a commission.
    // The signed sum is the truth.
    if callbacks::has_verdict(txn, invoice.id, Verdict::Mismatch).await? {
        return Ok(None);
    }
    invoices::correct_mismatch(txn, invoice.id, &receipt, republish_at).await
}

/// Keeps a valid callback whose invoice is not ours (P3): the money has moved (or would have, in test mode), a person
/// decides.
///
/// # Errors
/// As [`known`].
pub(super) async fn unknown(
    app: &App,
    txn: &DatabaseTransaction,
    callback: &VerifiedCallback,
    mode: Mode,
    remote: IpAddr,
    now: DateTime<Utc>,
) -> Result<Verdict, OutboxError> {
    callbacks::insert(txn, callback, None, remote, Verdict::Unknown, now).await?;
    let level = match mode {
        Mode::Live => Level::Error,
        Mode::Test => Level::Warn,
    };
    let event = InfoIn::new(
        "payment_unknown",
        "A valid payment for an invoice that LK does not have",
        json!({"inv_id": callback.number, "out_sum": callback.sum_text, "mode": mode}),
    )
    .at(level);
    announce::log(&app.outbox, txn, event, &Cause::new_story(), now).await?;
    Ok(Verdict::Unknown)
}

/// A payment that no callback proves: found by asking, notified, free, or accepted by staff.
#[derive(Clone, Debug)]
pub struct Confirmation<'a> {
    /// Why it may be delivered, how much came and by which operation.
    pub receipt: Receipt,
    /// The ledger's reason.
    pub reason: &'a str,
}

/// Pays and credits an invoice exactly as a callback would, under LK's own grant. `None` when it was settled before:
/// whichever of callback and confirmation comes second changes nothing.
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn confirm(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: InvoiceId,
    confirmation: &Confirmation<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Invoice>, OutboxError> {
    let republish_at = now + app.settings.republish_after;
    let receipt = &confirmation.receipt;
    let Some(paid) = invoices::pay(txn, invoice, receipt, now, republish_at).await? else {
        return Ok(None);
    };
    credit(app, txn, &paid, Proof::Grant(confirmation.reason), now).await?;
    Ok(Some(paid))
}

/// What stands behind a payment.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// The gateway's own words.
    Callback(&'a Fields),
    /// LK's word, for this reason.
    Grant(&'a str),
}

/// What an invoice that has just become paid causes: ledger, right, the records for the bot and ARM.
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn credit(
    app: &App,
    txn: &DatabaseTransaction,
    paid: &Invoice,
    proof: Proof<'_>,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let entry = ledger::Entry {
        invoice: Some(paid.id),
        kind: ledger::PAYMENT.to_owned(),
        user: paid.user,
        amount: paid.funds.received.unwrap_or(paid.amount),
        mode: paid.mode,
        reason: match proof {
            Proof::Callback(_) => app.gateway.name(),
            Proof::Grant(reason) => reason,
        },
    };
    ledger::enter(txn, &entry, now).await?;
    let cause = publish::paid(paid);
    let right = subscriptions::begin(app, txn, paid, now).await?;
    promo::paid(app, txn, paid, &cause, now).await?;
    let goods = stock::provide(app, txn, paid.clone(), now).await?;
    // One statement for all records: on the way of a callback each one counts.
    let mut records = Vec::with_capacity(4);
    let paid = match (&goods, proof) {
        (Goods::Ready(paid), Proof::Callback(params)) => {
            records.push(publish::callback_record(app, paid, params.clone(), now)?);
            paid
        }
        (Goods::Ready(paid), Proof::Grant(_)) => {
            publish::payment(app, txn, paid, now).await?;
            paid
        }
        // Credited like any other; the bot is told once there is something to deliver.
        (Goods::SoldOut(held), _) => held,
    };
    let state = announce::state(txn, paid).await?;
    let event = InfoIn::new(
        "payment_credited",
        "A payment was credited",
        json!({
            "invoice_id": paid.id,
            "user_id": paid.user,
            "product_id": paid.product,
            "amount": paid.amount,
            "received": paid.funds.received,
            "source": paid.source,
            "mode": paid.mode,
        }),
    )
    .keyed(cause.correlation_id.clone());
    let service = app.producer.service();
    records.extend([
        Outgoing::caused::<ArmSyncLk>(service, &state.into(), &cause, 0, now)?,
        Outgoing::caused::<ArmSyncLk>(service, &right.into(), &cause, 0, now)?,
        Outgoing::caused::<InfoIn>(service, &event, &cause, 0, now)?,
    ]);
    app.outbox.put_records(txn, records, now).await
}

/// The amount that came, in whole kopecks; `None` for a sum that no account of ours could hold.
fn received(callback: &VerifiedCallback) -> Option<Money> {
    callback.amount.ok().or_else(|| {
        let (rubles, decimals) = callback.sum_text.split_once('.')?;
        // What lies below the kopeck is not ours to give back.
        Money::parse_rubles(&format!("{rubles}.{}", decimals.get(..2)?)).ok()
    })
}

pub(super) fn mismatch_cause(paid: &str, asked: Money) -> String {
    format!("paid {paid} instead of {}", asked.to_out_sum())
}

/// Tells everybody that another amount came.
pub(super) async fn alert_mismatch(
    app: &App,
    txn: &DatabaseTransaction,
    held: &Invoice,
    paid: &str,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let cause = announce::once(held.id, "mismatch", &held.story);
    announce::changed(&app.outbox, txn, held, &cause, now).await?;
    let tell = Notify {
        user_id: held.user,
        event: NotifyEvent::PaymentMismatch {
            invoice_id: held.id,
        },
    };
    app.outbox
        .put::<TgNotify>(txn, tell, &cause, 0, now)
        .await?;
    let event = InfoIn::new(
        "payment_mismatched",
        "Another amount was paid than asked",
        json!({
            "invoice_id": held.id,
            "user_id": held.user,
            "asked": held.amount,
            "out_sum": paid,
        }),
    )
    .at(Level::Error);
    announce::log(&app.outbox, txn, event, &cause, now).await
}

/// The invoice was settled before. A copy of what settled it is expected; anything else is money that nobody asked
/// for, and a person looks at it.
async fn settled_before(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    callback: &VerifiedCallback,
    now: DateTime<Utc>,
) -> Result<Verdict, OutboxError> {
    if callbacks::has_copy(txn, invoice.id, &callback.sum_text).await? {
        return Ok(Verdict::Repeated);
    }
    let current = invoices::find(txn, invoice.id).await?;
    let (status, received, granted) = current
        .as_ref()
        .map_or((invoice.status, None, false), |now| {
            (now.status, now.funds.received, now.source.is_some())
        });
    // The same payment: with its sum written otherwise (100.00, 100.000000), or found by asking before its callback
    // came.
    let same = callback.amount == Ok(invoice.amount) && granted
        || received.is_some() && callback.amount.ok() == received;
    if same {
        return Ok(Verdict::Repeated);
    }
    let event = InfoIn::new(
        "callback_unexpected",
        "A valid callback that differs from the one that settled its invoice",
        json!({
            "invoice_id": invoice.id,
            "status": status,
            "asked": invoice.amount,
            "out_sum": callback.sum_text,
        }),
    )
    .at(Level::Error);
    let what = format!("unexpected:{}", callback.sum_text);
    let cause = announce::once(invoice.id, &what, &invoice.story);
    announce::log(&app.outbox, txn, event, &cause, now).await?;
    Ok(Verdict::Unexpected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received_of(text: &str) -> Option<i64> {
        let callback = VerifiedCallback {
            number: String::new(),
            sum_text: text.to_owned(),
            amount: Money::parse_rubles(text),
            raw: Fields::new(),
            answer: String::new(),
        };
        received(&callback).map(Money::kopecks)
    }

    #[test]
    fn what_came_is_counted_in_whole_kopecks() {
        assert_eq!(received_of("299.00"), Some(29_900));
        assert_eq!(received_of("299.019"), Some(29_901));
        assert_eq!(received_of("299.0000001"), Some(29_900));
        for text in ["1000000000000000.00", "1e3", "-1.00", ""] {
            assert_eq!(received_of(text), None, "{text}");
        }
    }
}
