//! ResultURL's decision: parse, verify, find the invoice, settle what is signed for *its* mode. `OK` only for what is
//! stored. Only what the gateway has signed gets as far as the database's one writer.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::ids::Mode;
use geobot_shared::robokassa::form::Fields;
use sea_orm::DatabaseTransaction;
use tracing::{debug, error};

use super::forged::Forged;
use super::gateway::{CallbackDoubt, NamedPayment, VerifiedCallback};
use super::group;
use super::settle;
use crate::app::App;
use crate::store::callbacks::Verdict;
use crate::store::invoices::{self, Invoice};

/// A callback that is stored, with what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The answer that ends Robokassa's repeats: `OK{InvId}`.
    pub answer: String,
    /// What was made of it.
    pub verdict: Verdict,
}

/// Why a callback is not answered OK.
#[derive(Debug, thiserror::Error)]
pub enum CallbackRefused {
    /// Not a callback at all. Answer 400.
    #[error("{0}")]
    Malformed(String),
    /// Not signed by the gateway for this invoice's mode. Answer 400; nothing was written.
    #[error("{0}")]
    BadSignature(String),
    /// The invoice is not ours, and the shop has no live passwords to verify it with. Answer 400.
    #[error("the invoice is not known and the shop has no live passwords")]
    Unverifiable,
    /// It could not be stored. Answer 503, so that the gateway repeats.
    #[error("the callback could not be stored: {0}")]
    NotStored(#[from] OutboxError),
    /// The invoice's mode has no passwords any more, so it can't be verified. Answer 503: once the setting is back,
    /// the repeat pays.
    #[error("the callback can't be verified: {0}")]
    NoPasswords(String),
    /// As [`CallbackRefused::NoPasswords`], perhaps: too many of them come at once to look at each. Answer 503.
    #[error("too many callbacks that can't be verified come at once")]
    NotLookedAt,
}

impl From<CallbackDoubt> for CallbackRefused {
    fn from(doubt: CallbackDoubt) -> CallbackRefused {
        match doubt {
            CallbackDoubt::Malformed(why) => CallbackRefused::Malformed(why),
            CallbackDoubt::BadSignature(why) => CallbackRefused::BadSignature(why),
            CallbackDoubt::NoSecrets(why) => CallbackRefused::NoPasswords(why),
        }
    }
}

impl From<sea_orm::DbErr> for CallbackRefused {
    fn from(error: sea_orm::DbErr) -> CallbackRefused {
        CallbackRefused::NotStored(error.into())
    }
}

impl CallbackRefused {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            CallbackRefused::Malformed(_) => "malformed",
            CallbackRefused::BadSignature(_) | CallbackRefused::Unverifiable => "bad_signature",
            CallbackRefused::NotStored(_) | CallbackRefused::NoPasswords(_) => "unavailable",
            CallbackRefused::NotLookedAt => "busy",
        }
    }
}

/// A callback that the gateway has signed, for one mode or another.
pub(super) struct Signed {
    pub(super) named: NamedPayment,
    remote: IpAddr,
    at: DateTime<Utc>,
    live: Result<VerifiedCallback, CallbackDoubt>,
    test: Result<VerifiedCallback, CallbackDoubt>,
}

impl Signed {
    fn under(&self, mode: Mode) -> &Result<VerifiedCallback, CallbackDoubt> {
        match mode {
            Mode::Live => &self.live,
            Mode::Test => &self.test,
        }
    }

    /// The callback as signed for an invoice's mode, and that mode. Promise P5: the mode is the invoice's. What the
    /// request says of it is not signed and not looked at. Without an invoice, the mode is the one that has signed.
    fn of(&self, invoice: Option<&Invoice>) -> Result<(Mode, &VerifiedCallback), CallbackRefused> {
        let mode = match (invoice, &self.live, &self.test) {
            (Some(invoice), _, _) => invoice.mode,
            (None, Err(_), Ok(_)) => Mode::Test,
            (None, _, _) => Mode::Live,
        };
        match (invoice, self.under(mode)) {
            (_, Ok(callback)) => Ok((mode, callback)),
            (None, Err(CallbackDoubt::NoSecrets(_))) => Err(CallbackRefused::Unverifiable),
            (_, Err(doubt)) => Err(doubt.clone().into()),
        }
    }
}

/// Takes a ResultURL call: `fields` decoded exactly once, of the query for GET, of the body alone for POST.
///
/// # Errors
/// [`CallbackRefused`] says why Robokassa gets no `OK`.
pub async fn accept_callback(
    app: &Arc<App>,
    fields: Fields,
    remote: IpAddr,
    now: DateTime<Utc>,
) -> Result<Accepted, CallbackRefused> {
    let result = decide(app, fields, remote, now).await;
    let verdict = match &result {
        Ok(accepted) => accepted.verdict.as_str(),
        Err(refused) => refused.as_str(),
    };
    metrics::counter!("geobot_callbacks_total", "verdict" => verdict).increment(1);
    match &result {
        Err(
            refused @ (CallbackRefused::Malformed(_)
            | CallbackRefused::Unverifiable
            | CallbackRefused::NotLookedAt),
        ) => {
            // Anybody can send these, so they are counted and not logged.
            debug!(%remote, %refused, "callback_refused");
        }
        Err(refused @ (CallbackRefused::NotStored(_) | CallbackRefused::NoPasswords(_))) => {
            error!(%remote, %refused, "callback_not_stored");
        }
        // Sampled and logged by `forged`, at a bounded rate.
        Err(CallbackRefused::BadSignature(_)) | Ok(_) => {}
    }
    result
}

async fn decide(
    app: &Arc<App>,
    fields: Fields,
    remote: IpAddr,
    now: DateTime<Utc>,
) -> Result<Accepted, CallbackRefused> {
    let named = app.gateway.name_payment(&fields)?;
    let number = named.number.clone();
    let signed = Signed {
        named,
        remote,
        at: now,
        live: app.gateway.verify_callback(fields.clone(), Mode::Live),
        test: app.gateway.verify_callback(fields, Mode::Test),
    };
    let result = if signed.live.is_ok() || signed.test.is_ok() {
        group::settle(app, signed).await
    } else {
        Err(why_unsigned(app, &signed).await?)
    };
    if let Err(CallbackRefused::BadSignature(reason)) = &result {
        app.forged.keep(Forged {
            at: now,
            remote,
            number,
            reason: reason.clone(),
        });
    }
    result
}

/// Why a callback that is signed for no mode is refused. The database is asked, by a read, only where a mode has no
/// passwords: its payments are to come again. One at a time: anybody can send these, and SQLite has one connection for
/// them and for payments.
async fn why_unsigned(app: &App, signed: &Signed) -> Result<CallbackRefused, CallbackRefused> {
    let may_be_genuine = [&signed.live, &signed.test]
        .iter()
        .any(|result| matches!(result, Err(CallbackDoubt::NoSecrets(_))));
    let invoice = match signed.named.invoice {
        Some(id) if may_be_genuine => {
            let Ok(_turn) = app.forged.lookups.try_acquire() else {
                return Ok(CallbackRefused::NotLookedAt);
            };
            invoices::find(&app.db, id).await?
        }
        _ => None,
    };
    match signed.of(invoice.as_ref()) {
        Err(refused) => Ok(refused),
        // Neither mode is signed.
        Ok(_) => Ok(CallbackRefused::Unverifiable),
    }
}

/// Settles a callback within a transaction that the caller commits. The inner error is a refusal that changes nothing.
///
/// # Errors
/// The database's: then the transaction must not be committed.
pub(super) async fn settle_one(
    app: &App,
    txn: &DatabaseTransaction,
    signed: &Signed,
    invoice: Option<&Invoice>,
) -> Result<Result<Accepted, CallbackRefused>, OutboxError> {
    let (mode, callback) = match signed.of(invoice) {
        Ok(verified) => verified,
        Err(refused) => return Ok(Err(refused)),
    };
    let (remote, at) = (signed.remote, signed.at);
    let verdict = match invoice {
        Some(invoice) => settle::known(app, txn, invoice, callback, remote, at).await?,
        None => settle::unknown(app, txn, callback, mode, remote, at).await?,
    };
    Ok(Ok(Accepted {
        answer: callback.answer.clone(),
        verdict,
    }))
}

/// Says in the log what was committed.
pub(super) fn log_settled(signed: &Signed, invoice: Option<&Invoice>, verdict: Verdict) {
    if let Ok((_, callback)) = signed.of(invoice) {
        settle::log(invoice, callback, verdict);
    }
}
