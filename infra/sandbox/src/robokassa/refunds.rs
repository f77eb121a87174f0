//! Refunds of a payment: asked for, in processing for a while, then finished, or cancelled by hand.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::amount::Amount;
use super::payments::{Payment, Payments};
use crate::clock;

/// Refunds kept of one payment; a refund is at least a kopeck, so that only an odd test comes here.
const MOST_REFUNDS: usize = 1_000;

/// How far a refund is, in Robokassa's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundState {
    Processing,
    Finished,
    Canceled,
}

impl RefundState {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Finished => "finished",
            Self::Canceled => "canceled",
        }
    }
}

/// One refund.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) request_id: String,
    pub(crate) amount: Amount,
    made_at: String,
    /// Unix milliseconds.
    finishes_at: i64,
    /// Decided by hand; `Processing` keeps it there.
    #[serde(default)]
    decided: Option<RefundState>,
}

impl Refund {
    pub(crate) fn state(&self, now: i64) -> RefundState {
        self.decided.unwrap_or(match now >= self.finishes_at {
            true => RefundState::Finished,
            false => RefundState::Processing,
        })
    }

    /// The control API's form.
    pub(crate) fn view(&self, now: i64) -> Value {
        json!({
            "request_id": self.request_id, "amount": self.amount.text(false), "state": self.state(now),
            "made_at": self.made_at,
        })
    }
}

/// Why a refund is not taken on, in Robokassa's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CannotRefund {
    OperationNotFound,
    NotEnoughOperationFunds,
}

impl CannotRefund {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::OperationNotFound => "OperationNotFound",
            Self::NotEnoughOperationFunds => "NotEnoughOperationFunds",
        }
    }
}

/// Why a refund cannot be decided by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotDecide {
    #[error("there is no refund with this request id")]
    Unknown,
    #[error("this refund has already ended")]
    Ended,
}

impl Payment {
    /// What was paid and neither went back nor is on its way.
    pub(crate) fn refundable(&self, now: i64) -> Amount {
        self.refunds
            .iter()
            .filter(|refund| refund.state(now) != RefundState::Canceled)
            .fold(self.amount(), |left, refund| left.less(refund.amount))
    }
}

impl Payments {
    /// What a refund of this operation would be: the sum asked for, or all of it.
    pub(crate) fn refund_sum(
        &mut self,
        op_key: &str,
        asked: Option<Amount>,
        now: i64,
    ) -> Result<Amount, CannotRefund> {
        let payment = self.operation(op_key)?;
        // Without a sum the whole operation goes back: not what a partial refund has left of it.
        let sum = asked.unwrap_or(payment.amount());
        let fits = sum <= payment.refundable(now) && payment.refunds.len() < MOST_REFUNDS;
        match fits {
            true => Ok(sum),
            false => Err(CannotRefund::NotEnoughOperationFunds),
        }
    }

    /// Takes on a refund that will be finished at `finishes_at` (unix milliseconds).
    pub(crate) fn refund(
        &mut self,
        op_key: &str,
        asked: Option<Amount>,
        now: i64,
        finishes_at: i64,
    ) -> Result<(Payment, String), CannotRefund> {
        let amount = self.refund_sum(op_key, asked, now)?;
        let payment = self.operation(op_key)?;
        let request_id = uuid::Uuid::new_v4().to_string();
        payment.refunds.push(Refund {
            request_id: request_id.clone(),
            amount,
            made_at: clock::stamp(),
            finishes_at,
            decided: None,
        });
        Ok((payment.clone(), request_id))
    }

    fn operation(&mut self, op_key: &str) -> Result<&mut Payment, CannotRefund> {
        self.find_paid(|payment| payment.op_key.as_deref() == Some(op_key))
            .ok_or(CannotRefund::OperationNotFound)
    }

    pub(crate) fn find_refund(&self, request_id: &str) -> Option<&Refund> {
        self.all()
            .flat_map(|payment| &payment.refunds)
            .find(|refund| refund.request_id.eq_ignore_ascii_case(request_id))
    }

    /// Decides a refund that is in processing.
    pub(crate) fn decide_refund(
        &mut self,
        request_id: &str,
        state: RefundState,
        now: i64,
    ) -> Result<Payment, CannotDecide> {
        let is_it = |refund: &Refund| refund.request_id.eq_ignore_ascii_case(request_id);
        let payment = self
            .find_paid(|payment| payment.refunds.iter().any(is_it))
            .ok_or(CannotDecide::Unknown)?;
        let refund = payment.refunds.iter_mut().find(|refund| is_it(refund));
        let refund = refund.ok_or(CannotDecide::Unknown)?;
        if refund.state(now) != RefundState::Processing {
            return Err(CannotDecide::Ended);
        }
        refund.decided = Some(state);
        Ok(payment.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_finishes_a_refund_unless_it_was_decided_by_hand() {
        let mut refund = Refund {
            request_id: "x".into(),
            amount: Amount::of_kopecks(100),
            made_at: String::new(),
            finishes_at: 1_000,
            decided: None,
        };
        assert_eq!(refund.state(999), RefundState::Processing);
        assert_eq!(refund.state(1_000), RefundState::Finished);
        for decided in [RefundState::Processing, RefundState::Canceled] {
            refund.decided = Some(decided);
            assert_eq!(refund.state(2_000), decided);
        }
    }
}
