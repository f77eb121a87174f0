//! ResultURL's decision: parse, find the invoice, verify with *its* mode, settle. `OK` only for what is stored.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::ids::Mode;
use geobot_shared::robokassa::form::Fields;
use tracing::{debug, error};

use super::forged::Forged;
use super::gateway::{CallbackDoubt, NamedPayment, VerifiedCallback};
use super::settle;
use crate::app::App;
use crate::store::callbacks::Verdict;
use crate::store::invoices;

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
        }
    }
}

/// Takes a ResultURL call: `fields` decoded exactly once, of the query for GET, of the body alone for POST.
///
/// # Errors
/// [`CallbackRefused`] says why Robokassa gets no `OK`.
pub async fn accept_callback(
    app: &App,
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
        Err(refused @ (CallbackRefused::Malformed(_) | CallbackRefused::Unverifiable)) => {
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
    app: &App,
    fields: Fields,
    remote: IpAddr,
    now: DateTime<Utc>,
) -> Result<Accepted, CallbackRefused> {
    let named = app.gateway.name_payment(&fields)?;
    let invoice = match named.invoice {
        Some(id) => invoices::find(&app.db, id).await?,
        None => None,
    };
    let Some(invoice) = invoice else {
        // Nothing says which mode it would have: only real money is worth an alert.
        let callback = match verify(app, &named, fields, Mode::Live, remote, now) {
            Err(CallbackDoubt::NoSecrets(_)) => return Err(CallbackRefused::Unverifiable),
            verified => verified?,
        };
        let verdict = settle::unknown(app, &callback, remote, now).await?;
        return Ok(accepted(callback, verdict));
    };
    // Promise P5: the mode is the invoice's. What the request says of it is not signed and not looked at.
    let callback = verify(app, &named, fields, invoice.mode, remote, now)?;
    let verdict = settle::known(app, &invoice, &callback, remote, now).await?;
    Ok(accepted(callback, verdict))
}

fn verify(
    app: &App,
    named: &NamedPayment,
    fields: Fields,
    mode: Mode,
    remote: IpAddr,
    now: DateTime<Utc>,
) -> Result<VerifiedCallback, CallbackDoubt> {
    app.gateway
        .verify_callback(fields, mode)
        .inspect_err(|doubt| {
            if let CallbackDoubt::BadSignature(reason) = doubt {
                app.forged.keep(Forged {
                    at: now,
                    remote,
                    number: named.number.clone(),
                    reason: reason.clone(),
                });
            }
        })
}

fn accepted(callback: VerifiedCallback, verdict: Verdict) -> Accepted {
    Accepted {
        answer: callback.answer,
        verdict,
    }
}
