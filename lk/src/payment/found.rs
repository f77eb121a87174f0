//! Settling what the gateway answered to a question, or said by itself without a sum that can be compared: exactly as
//! a callback would, but under LK's own grant.

use chrono::{DateTime, Utc};
use geobot_shared::bus::dedupe;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::envelope::Level;
use geobot_shared::ids::Mode;
use geobot_shared::money::Money;
use geobot_shared::route_token::GrantSource;
use geobot_shared::sql;
use geobot_shared::topics::tg_notify::{Notify, NotifyEvent};
use geobot_shared::topics::{InfoIn, TgNotify};
use sea_orm::DatabaseTransaction;
use serde_json::json;
use tracing::{error, info, warn};

use super::gateway::{PaymentReport, Standing};
use super::settle::{self, Confirmation};
use crate::app::App;
use crate::invoices::announce;
use crate::store::invoices::{self, AskedBy, Invoice, Receipt};

/// What a report meant for its invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is paid now.
    Credited,
    /// Another amount came.
    Mismatch,
    /// Somebody else has settled it meanwhile.
    Repeated,
    /// Nothing is decided: it is asked about again.
    Undecided,
}

impl Outcome {
    /// The word in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Credited => "credited",
            Outcome::Mismatch => "mismatch",
            Outcome::Repeated => "repeated",
            Outcome::Undecided => "undecided",
        }
    }
}

/// Settles the gateway's answer about `invoice`, as it was when the question was claimed; whoever waits for the answer
/// is told.
///
/// # Errors
/// The database's; then nothing of it holds.
pub async fn settle_report(
    app: &App,
    invoice: &Invoice,
    report: &PaymentReport,
    now: DateTime<Utc>,
) -> Result<Outcome, OutboxError> {
    // Promise P5: the gateway's state service knows live operations only.
    if invoice.mode != Mode::Live {
        return Ok(Outcome::Undecided);
    }
    let txn = sql::begin(&app.db).await?;
    if let Some(op_key) = &report.op_key {
        invoices::note_op_key(&txn, invoice.id, op_key).await?;
    }
    let outcome = match &report.standing {
        Standing::Paid { paid, credited } => {
            paid_report(app, &txn, invoice, *paid, *credited, now).await?
        }
        Standing::Suspicious(state) => {
            alert_once(app, &txn, invoice, state, now).await?;
            Outcome::Undecided
        }
        Standing::Failed(state) => {
            info!(invoice_id = %invoice.id, state, "payment_attempt_failed");
            Outcome::Undecided
        }
        Standing::NotFound | Standing::Pending => Outcome::Undecided,
    };
    tell_waiting(app, &txn, invoice, &report.standing, outcome, now).await?;
    app.commit(txn).await?;
    metrics::counter!("geobot_payment_checks_total", "outcome" => outcome.as_str()).increment(1);
    Ok(outcome)
}

/// The money is there. What was asked for must be what the buyer paid or what the shop is credited with: either side
/// may bear the commission.
async fn paid_report(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    paid: Option<Money>,
    credited: Option<Money>,
    now: DateTime<Utc>,
) -> Result<Outcome, OutboxError> {
    let asked = Some(invoice.amount);
    if paid == asked || credited == asked {
        let reason = format!("{}: found by asking", app.gateway.name());
        let confirmation = Confirmation {
            receipt: Receipt {
                source: GrantSource::Reconciler,
                amount: invoice.amount,
                op_key: None,
            },
            reason: &reason,
        };
        let settled = settle::confirm(app, txn, invoice.id, &confirmation, now).await?;
        return Ok(match settled {
            Some(paid) => {
                info!(invoice_id = %paid.id, user_id = %paid.user, amount = paid.amount.kopecks(), "payment_found");
                Outcome::Credited
            }
            None => Outcome::Repeated,
        });
    }
    let Some(received) = paid.or(credited) else {
        alert_once(app, txn, invoice, "done, without a sum", now).await?;
        return Ok(Outcome::Undecided);
    };
    let shown = received.to_out_sum();
    let why = settle::mismatch_cause(&shown, invoice.amount);
    match invoices::mismatch(txn, invoice.id, &why, Some(received), now).await? {
        Some(held) => {
            settle::alert_mismatch(app, txn, &held, &shown, now).await?;
            error!(invoice_id = %held.id, received = received.kopecks(), "payment_mismatched");
            Ok(Outcome::Mismatch)
        }
        None => Ok(Outcome::Repeated),
    }
}

/// A state that a person should look at, told once per invoice and state.
async fn alert_once(
    app: &App,
    txn: &DatabaseTransaction,
    invoice: &Invoice,
    state: &str,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let what = format!("state:{state}");
    let cause = announce::once(invoice.id, &what, &invoice.story);
    if !dedupe::first_time(txn, &cause.message_id, now).await? {
        return Ok(());
    }
    warn!(invoice_id = %invoice.id, state, "payment_suspicious");
    let event = InfoIn::new(
        "payment_suspicious",
        "The gateway holds a payment in a state that a person should look at",
        json!({"invoice_id": invoice.id, "user_id": invoice.user, "state": state}),
    )
    .at(Level::Error);
    announce::log(&app.outbox, txn, event, &cause, now).await
}

async fn tell_waiting(
    app: &App,
    txn: &DatabaseTransaction,
    asked: &Invoice,
    standing: &Standing,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let Some(by) = asked.check_for else {
        return Ok(());
    };
    let what = format!("checked:{}", asked.check_count);
    let cause = announce::once(asked.id, &what, &asked.story);
    match by {
        AskedBy::Staff => {
            let event = InfoIn::new(
                "payment_checked",
                "The gateway was asked about a payment",
                json!({
                    "invoice_id": asked.id,
                    "answer": word(standing),
                    "outcome": outcome.as_str(),
                }),
            );
            announce::log(&app.outbox, txn, event, &cause, now).await
        }
        AskedBy::Person => {
            let current = invoices::find(txn, asked.id).await?;
            let Some(current) = current.filter(|current| current.status != asked.status) else {
                return Ok(());
            };
            let tell = Notify {
                user_id: current.user,
                event: NotifyEvent::PaymentState {
                    invoice: current.state(),
                },
            };
            app.outbox.put::<TgNotify>(txn, tell, &cause, 0, now).await
        }
    }
}

fn word(standing: &Standing) -> &str {
    match standing {
        Standing::NotFound => "not_found",
        Standing::Pending => "pending",
        Standing::Suspicious(state) | Standing::Failed(state) => state,
        Standing::Paid { .. } => "paid",
    }
}
