//! ResultURL2: a signed notification without `OutSum`. It pays an invoice only where its sum is the one that was asked
//! for; otherwise it is a hint to ask at once. In any case it tells the operation's key.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::envelope::Level;
use geobot_shared::ids::Mode;
use geobot_shared::money::Money;
use geobot_shared::robokassa::certificate::SigningCertificate;
use geobot_shared::robokassa::result_url2::{Notification, NotificationError, NotifiedState};
use geobot_shared::route_token::GrantSource;
use geobot_shared::sql;
use geobot_shared::topics::InfoIn;
use sea_orm::DatabaseTransaction;
use serde_json::json;
use tracing::{info, warn};

use crate::app::App;
use crate::invoices::announce;
use crate::payment::settle::{self, Confirmation};
use crate::store::invoices::{self, Invoice, Receipt};
use crate::store::notifications::{self, Kept};

/// Why a notification is not answered with success.
#[derive(Debug, thiserror::Error)]
pub enum NotificationRefused {
    /// It is not believed. Answer 400.
    #[error(transparent)]
    NotBelieved(#[from] NotificationError),
    /// It could not be stored. Answer 503, so that Robokassa repeats.
    #[error("the notification could not be stored: {0}")]
    NotStored(#[from] OutboxError),
}

/// What was made of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notified {
    /// It paid its invoice.
    Credited,
    /// Its invoice was settled before.
    Repeated,
    /// The state service is asked at once: the sum is not the one that was asked for, or the money is only held.
    AskedAbout,
    /// A person looks at it: the invoice is not ours, or not one that moves money.
    Unexpected,
}

impl Notified {
    /// The word in the database and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Notified::Credited => "credited",
            Notified::Repeated => "repeated",
            Notified::AskedAbout => "asked_about",
            Notified::Unexpected => "unexpected",
        }
    }
}

/// Takes the body of a ResultURL2 call, the bare token.
///
/// # Errors
/// [`NotificationRefused`] says why Robokassa gets no success.
pub async fn take(
    app: &App,
    certificate: &SigningCertificate,
    body: &str,
    remote: IpAddr,
    now: DateTime<Utc>,
) -> Result<Notified, NotificationRefused> {
    let login = app.settings.shop.login();
    let notification = Notification::receive(body, certificate, login, now)?;
    Ok(settle(app, &notification, body.trim(), remote, now).await?)
}

async fn settle(
    app: &App,
    it: &Notification,
    body: &str,
    remote: IpAddr,
    now: DateTime<Utc>,
) -> Result<Notified, OutboxError> {
    let txn = sql::begin(&app.db).await?;
    let invoice = match it.invoice() {
        Some(id) => invoices::find(&txn, id).await?,
        None => None,
    };
    let notified = match &invoice {
        Some(invoice) if invoice.mode == Mode::Live => {
            invoices::note_op_key(&txn, invoice.id, &it.op_key).await?;
            live(app, &txn, invoice, it, now).await?
        }
        // Robokassa sends none in test mode (P5), and none for what it does not have.
        Some(_) | None => Notified::Unexpected,
    };
    let kept = Kept {
        invoice: invoice.as_ref().map(|invoice| invoice.id),
        inv_id: it.inv_id,
        op_key: &it.op_key,
        state: match it.state {
            NotifiedState::Paid => "paid",
            NotifiedState::Held => "held",
        },
        inc_sum: sum(it).map(Money::to_out_sum),
        body,
        remote,
        verdict: notified.as_str(),
    };
    let first = notifications::insert(&txn, &kept, now).await?;
    if first && notified == Notified::Unexpected {
        let event = InfoIn::new(
            "notification_unexpected",
            "A valid notification of a payment that LK does not expect",
            json!({"inv_id": it.inv_id, "state": kept.state, "inc_sum": kept.inc_sum}),
        )
        .at(Level::Error);
        announce::log(&app.outbox, &txn, event, &Cause::new_story(), now).await?;
        warn!(inv_id = it.inv_id, "notification_unexpected");
    }
    app.commit(txn).await?;
    info!(
        inv_id = it.inv_id,
        verdict = notified.as_str(),
        first,
        "notification_taken"
    );
    Ok(notified)
}

fn sum(it: &Notification) -> Option<Money> {
    it.inc_sum
        .as_ref()
        .and_then(|sum| sum.as_ref().ok())
        .copied()
}

async fn live(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    it: &Notification,
    now: DateTime<Utc>,
) -> Result<Notified, OutboxError> {
    if !invoice.status.is_payable() {
        return Ok(Notified::Repeated);
    }
    // The buyer may have paid the commission on top: then only the state service tells what the shop gets.
    if it.state == NotifiedState::Held || sum(it) != Some(invoice.amount) {
        invoices::check_at_once(txn, invoice.id, now).await?;
        return Ok(Notified::AskedAbout);
    }
    let confirmation = Confirmation {
        receipt: Receipt {
            source: GrantSource::Reconciler,
            amount: invoice.amount,
            op_key: Some(it.op_key.clone()),
        },
        reason: "robokassa: notified by ResultURL2",
    };
    let paid = settle::confirm(app, txn, invoice.id, &confirmation, now).await?;
    Ok(match paid {
        Some(_) => Notified::Credited,
        None => Notified::Repeated,
    })
}
