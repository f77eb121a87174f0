//! What staff decide about a payment. ARM checks what it knows and asks LK; LK has the last word.

use chrono::{DateTime, Utc};
use geobot_shared::bus::dedupe;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::ids::InvoiceId;
use geobot_shared::money::Money;
use geobot_shared::sql;
use geobot_shared::topics::LkSyncOrm;
use geobot_shared::topics::lk_sync_orm::{
    DeliveredByHand, DeliveryRetryRequested, MismatchResolved, PaymentCheckRequested,
    RefundRecorded, RefundRequested, RefundResolved,
};
use geobot_shared::topics::states::{InvoiceStatus, RefundStage, Routing};
use sea_orm::DbErr;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::deeds::{self, Told};
use crate::store::audit::Deed;
use crate::store::invoices::{self, Model};

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 300;

/// What is to be done with a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask Robokassa now.
    CheckNow,
    /// Another amount came; it is taken as it is.
    AcceptMismatch,
    /// Another amount came; nothing is delivered for it.
    RejectMismatch,
    /// Give so much back.
    Refund(Money),
    /// So much was given back in Robokassa's own pages.
    RecordRefund(Money),
    /// A refund that got no answer was made (true) or was not.
    ResolveRefund(Uuid, bool),
    /// Deliver again.
    DeliverAgain,
    /// It was delivered outside of the bot.
    DeliveredByHand,
}

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// There is no such invoice, or no such refund of it.
    #[error("there is no such payment")]
    NotFound,
    /// The invoice is in no state for it.
    #[error("the payment is in no state for this")]
    NotNow,
    /// Zero, or more than can be given back.
    #[error("the amount must be above 0 and at most {} rubles", Money::from_kopecks(*.0).to_out_sum())]
    Amount(i64),
    /// A decision needs a reason.
    #[error("a reason has 1 to {LONGEST_REASON} characters")]
    Reason,
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for DecisionError {
    fn from(error: DbErr) -> DecisionError {
        DecisionError::Outbox(error.into())
    }
}

impl Decision {
    /// The deed in the audit.
    const fn deed(self) -> &'static str {
        match self {
            Decision::CheckNow => "payment_check_requested",
            Decision::AcceptMismatch => "mismatch_accepted",
            Decision::RejectMismatch => "mismatch_rejected",
            Decision::Refund(_) => "refund_requested",
            Decision::RecordRefund(_) => "refund_recorded",
            Decision::ResolveRefund(_, true) => "refund_resolved_done",
            Decision::ResolveRefund(_, false) => "refund_resolved_not_done",
            Decision::DeliverAgain => "delivery_retry_requested",
            Decision::DeliveredByHand => "delivered_by_hand",
        }
    }

    /// Whether it must be explained.
    pub const fn needs_reason(self) -> bool {
        !matches!(self, Decision::CheckNow)
    }

    /// Checks it against what ARM knows of the invoice.
    ///
    /// # Errors
    /// [`DecisionError`].
    pub fn fits(self, invoice: &Model) -> Result<(), DecisionError> {
        let status = InvoiceStatus::from_name(&invoice.status).ok_or(DecisionError::NotNow)?;
        let possible = Possible::of(invoice, status);
        let allowed = match self {
            Decision::CheckNow => possible.check,
            Decision::AcceptMismatch | Decision::RejectMismatch => possible.resolve,
            Decision::Refund(amount) | Decision::RecordRefund(amount) => {
                let most = invoice.refundable();
                if possible.refund && !(1..=most).contains(&amount.kopecks()) {
                    return Err(DecisionError::Amount(most));
                }
                possible.refund
            }
            Decision::ResolveRefund(id, _) => {
                let refunds = invoice.refunds()?;
                let refund = refunds.iter().find(|refund| refund.refund_id == id);
                refund.ok_or(DecisionError::NotFound)?.state == RefundStage::Unknown
            }
            Decision::DeliverAgain | Decision::DeliveredByHand => possible.deliver,
        };
        if allowed {
            Ok(())
        } else {
            Err(DecisionError::NotNow)
        }
    }

    fn record(self, invoice: InvoiceId, staff: &str, reason: &str) -> LkSyncOrm {
        let (staff, reason) = (staff.to_owned(), reason.to_owned());
        let invoice_id = invoice;
        match self {
            Decision::CheckNow => PaymentCheckRequested { invoice_id }.into(),
            Decision::AcceptMismatch | Decision::RejectMismatch => MismatchResolved {
                invoice_id,
                accepted: self == Decision::AcceptMismatch,
                staff,
                reason,
            }
            .into(),
            Decision::Refund(amount) => RefundRequested {
                invoice_id,
                amount,
                staff,
                reason,
            }
            .into(),
            Decision::RecordRefund(amount) => RefundRecorded {
                invoice_id,
                amount,
                staff,
                reason,
            }
            .into(),
            Decision::ResolveRefund(refund_id, done) => RefundResolved {
                refund_id,
                done,
                staff,
                reason,
            }
            .into(),
            Decision::DeliverAgain => DeliveryRetryRequested {
                invoice_id,
                staff,
                reason,
            }
            .into(),
            Decision::DeliveredByHand => DeliveredByHand {
                invoice_id,
                staff,
                reason,
            }
            .into(),
        }
    }

    fn detail(self, reason: &str) -> String {
        match self {
            Decision::Refund(amount) | Decision::RecordRefund(amount) => {
                format!("{} RUB: {reason}", amount.to_out_sum())
            }
            Decision::ResolveRefund(id, _) => format!("refund {id}: {reason}"),
            _ => reason.to_owned(),
        }
    }
}

/// What can be decided about an invoice as ARM knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Possible {
    /// Robokassa can be asked.
    pub check: bool,
    /// Another amount came, and nobody has decided.
    pub resolve: bool,
    /// Money can be given back.
    pub refund: bool,
    /// It is paid, and the person does not have it.
    pub deliver: bool,
}

impl Possible {
    /// For an invoice in this state.
    pub fn of(invoice: &Model, status: InvoiceStatus) -> Possible {
        use InvoiceStatus::{Mismatch, Paid, PartlyRefunded, Refunding};
        Possible {
            // Robokassa: OpStateExt knows live payments only.
            check: status.is_payable() && invoice.mode == "live",
            resolve: status == Mismatch,
            refund: matches!(status, Paid | PartlyRefunded | Mismatch | Refunding)
                && invoice.refundable() > 0,
            deliver: matches!(status, Paid | PartlyRefunded)
                && invoice.routing != Routing::Delivered.as_str(),
        }
    }
}

/// A reason as it is kept: one line, not empty, not too long.
///
/// # Errors
/// [`DecisionError::Reason`].
pub fn reason(text: &str) -> Result<String, DecisionError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let reason = words.join(" ").replace('\0', "");
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(DecisionError::Reason);
    }
    Ok(reason)
}

/// Asks LK for what staff decided. The form's own number makes a second press of the button harmless.
///
/// # Errors
/// [`DecisionError`].
pub async fn decide(
    app: &App,
    staff: &str,
    invoice: InvoiceId,
    decision: Decision,
    why: &str,
    form: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DecisionError> {
    let why = if decision.needs_reason() {
        reason(why)?
    } else {
        String::new()
    };
    let cause = deeds::story_of(form);
    let transaction = sql::begin(&app.db).await?;
    let row = invoices::get(&transaction, invoice)
        .await?
        .ok_or(DecisionError::NotFound)?;
    if !dedupe::first_time(&transaction, &cause.message_id, now).await? {
        transaction.rollback().await?;
        return Ok(());
    }
    decision.fits(&row)?;
    let record = decision.record(invoice, staff, &why);
    let told = Told {
        deed: Deed {
            staff,
            action: decision.deed(),
            object: ("payment", &invoice.to_string()),
            detail: &decision.detail(&why),
        },
        fields: json!({ "invoice_id": invoice, "user_id": row.user_id }),
    };
    Ok(deeds::commit::<LkSyncOrm>(app, transaction, record, told, &cause, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_some_length() {
        assert_eq!(
            reason("  по просьбе \r\n клиента ").unwrap(),
            "по просьбе клиента"
        );
        for bad in ["", " \n ", "\0", &"x".repeat(LONGEST_REASON + 1)] {
            assert!(matches!(reason(bad), Err(DecisionError::Reason)), "{bad:?}");
        }
    }
}
