//! The life of an invoice: which step leads from which state to which. The SQL conditions of
//! [`crate::store::invoices`] are made from these functions, so the two can't differ.

use geobot_shared::topics::states::{InvoiceStatus, Routing};

use crate::store::invoices::Funds;

/// What can happen to an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The pay page was opened.
    Open,
    /// The amount that was asked for came.
    Pay,
    /// Another amount came.
    PayOtherAmount,
    /// A person takes another amount than was asked for.
    AcceptAmount,
    /// The time to pay is over.
    Expire,
    /// It was withdrawn.
    Cancel,
}

/// An invoice in this state does not take this step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an invoice that is {} does not take the step {step:?}", status.as_str())]
pub struct StepRefused {
    /// Where the invoice stands.
    pub status: InvoiceStatus,
    /// What was to happen.
    pub step: Step,
}

/// Every state of an invoice.
pub const ALL_STATES: [InvoiceStatus; 9] = [
    InvoiceStatus::Created,
    InvoiceStatus::Pending,
    InvoiceStatus::Paid,
    InvoiceStatus::Mismatch,
    InvoiceStatus::Expired,
    InvoiceStatus::Cancelled,
    InvoiceStatus::Refunding,
    InvoiceStatus::Refunded,
    InvoiceStatus::PartlyRefunded,
];

impl Step {
    /// The state after this step.
    ///
    /// # Errors
    /// [`StepRefused`] when that state does not take it.
    pub fn apply(self, status: InvoiceStatus) -> Result<InvoiceStatus, StepRefused> {
        use InvoiceStatus::{Created, Mismatch, Pending};
        let allowed = match self {
            Step::Open => status == Created,
            // Promise P3: late money is money.
            Step::Pay | Step::PayOtherAmount => status.is_payable(),
            Step::AcceptAmount => status == Mismatch,
            Step::Expire | Step::Cancel => matches!(status, Created | Pending),
        };
        if allowed {
            Ok(self.target())
        } else {
            Err(StepRefused { status, step: self })
        }
    }

    /// The one state that this step leads to.
    #[must_use]
    pub const fn target(self) -> InvoiceStatus {
        match self {
            Step::Open => InvoiceStatus::Pending,
            Step::Pay | Step::AcceptAmount => InvoiceStatus::Paid,
            Step::PayOtherAmount => InvoiceStatus::Mismatch,
            Step::Expire => InvoiceStatus::Expired,
            Step::Cancel => InvoiceStatus::Cancelled,
        }
    }

    /// The states that take this step.
    #[must_use]
    pub fn sources(self) -> Vec<InvoiceStatus> {
        ALL_STATES
            .into_iter()
            .filter(|&status| self.apply(status).is_ok())
            .collect()
    }
}

/// The states in which money may go back: it came, and not all of it went back yet. A refund that is on its way does
/// not stop another one; the sums do.
pub const REFUNDABLE: [InvoiceStatus; 4] = [
    InvoiceStatus::Paid,
    InvoiceStatus::PartlyRefunded,
    InvoiceStatus::Mismatch,
    InvoiceStatus::Refunding,
];

/// The states in which a granted invoice is delivered. While a refund is on its way, nothing is.
pub const DELIVERABLE: [InvoiceStatus; 2] = [InvoiceStatus::Paid, InvoiceStatus::PartlyRefunded];

/// Where an invoice stands once its money has moved. `granted`: it may be delivered; otherwise it is a mismatch that
/// nobody accepted.
#[must_use]
pub fn after_refunds(granted: bool, funds: &Funds) -> InvoiceStatus {
    if funds.reserved.is_positive() {
        InvoiceStatus::Refunding
    } else if is_whole(funds) {
        InvoiceStatus::Refunded
    } else if funds.refunded.is_positive() {
        InvoiceStatus::PartlyRefunded
    } else if granted {
        InvoiceStatus::Paid
    } else {
        InvoiceStatus::Mismatch
    }
}

/// Whether all that came went back.
#[must_use]
pub fn is_whole(funds: &Funds) -> bool {
    let all = |received| funds.refunded.is_positive() && received <= funds.refunded;
    funds.received.is_some_and(all)
}

/// What the bot can answer about a paid invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotAnswer {
    /// The person has it.
    Routed,
    /// It was refused or could not be delivered.
    Failed,
}

/// Why an answer of the bot changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerRefused {
    /// Nothing was published for it: the answer can't be right.
    #[error("an invoice that is {} has nothing to be routed", .0.as_str())]
    NotPaid(InvoiceStatus),
    /// The person has it already; a later failure takes nothing back.
    #[error("the person has it already")]
    AlreadyDelivered,
}

/// What became of a paid invoice after an answer of the bot. What was held may be delivered later. `granted`: LK has
/// said that it may be delivered.
///
/// # Errors
/// [`AnswerRefused`] when the answer changes nothing.
pub fn route(
    granted: bool,
    status: InvoiceStatus,
    routing: Routing,
    answer: BotAnswer,
) -> Result<Routing, AnswerRefused> {
    use InvoiceStatus::{Paid, PartlyRefunded, Refunded, Refunding};
    if !granted || !matches!(status, Paid | Refunding | Refunded | PartlyRefunded) {
        return Err(AnswerRefused::NotPaid(status));
    }
    match (routing, answer) {
        (Routing::Delivered, _) => Err(AnswerRefused::AlreadyDelivered),
        (Routing::Waiting | Routing::Held, BotAnswer::Routed) => Ok(Routing::Delivered),
        (Routing::Waiting | Routing::Held, BotAnswer::Failed) => Ok(Routing::Held),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geobot_shared::money::Money;

    #[test]
    fn the_list_of_states_is_whole() {
        for (index, state) in ALL_STATES.iter().enumerate() {
            assert_eq!(InvoiceStatus::from_name(state.as_str()), Some(*state));
            assert!(!ALL_STATES[..index].contains(state));
        }
    }

    #[test]
    fn money_is_taken_from_created_pending_expired_and_cancelled() {
        use InvoiceStatus::*;
        let payable = vec![Created, Pending, Expired, Cancelled];
        assert_eq!(Step::Pay.sources(), payable);
        assert_eq!(Step::PayOtherAmount.sources(), payable);
        assert_eq!(
            Step::Pay.apply(Paid),
            Err(StepRefused {
                status: Paid,
                step: Step::Pay
            })
        );
    }

    #[test]
    fn only_an_open_invoice_expires_or_is_cancelled() {
        use InvoiceStatus::*;
        assert_eq!(Step::Expire.sources(), vec![Created, Pending]);
        assert_eq!(Step::Cancel.sources(), vec![Created, Pending]);
        assert_eq!(Step::Open.sources(), vec![Created]);
    }

    #[test]
    fn what_was_held_may_be_delivered_and_what_was_delivered_stays() {
        use InvoiceStatus::{Created, Mismatch, Paid};
        assert_eq!(
            route(true, Paid, Routing::Held, BotAnswer::Routed),
            Ok(Routing::Delivered)
        );
        assert_eq!(
            route(true, Paid, Routing::Waiting, BotAnswer::Failed),
            Ok(Routing::Held)
        );
        assert_eq!(
            route(true, Paid, Routing::Delivered, BotAnswer::Failed),
            Err(AnswerRefused::AlreadyDelivered)
        );
        // A mismatch that nobody accepted, of which a part went back.
        let status = InvoiceStatus::PartlyRefunded;
        assert_eq!(
            route(false, status, Routing::Waiting, BotAnswer::Routed),
            Err(AnswerRefused::NotPaid(status))
        );
        for unpaid in [Created, Mismatch] {
            assert_eq!(
                route(true, unpaid, Routing::Waiting, BotAnswer::Routed),
                Err(AnswerRefused::NotPaid(unpaid))
            );
        }
    }

    #[test]
    fn the_status_follows_from_where_the_money_is() {
        use InvoiceStatus::*;
        let money = Money::from_kopecks;
        let of = |granted, refunded, reserved| {
            let funds = Funds {
                received: Some(money(100)),
                refunded: money(refunded),
                reserved: money(reserved),
                refund_count: 1,
            };
            after_refunds(granted, &funds)
        };
        assert_eq!(of(true, 0, 0), Paid);
        assert_eq!(of(false, 0, 0), Mismatch);
        assert_eq!(of(true, 0, 1), Refunding);
        assert_eq!(of(true, 99, 1), Refunding);
        assert_eq!(of(true, 99, 0), PartlyRefunded);
        assert_eq!(of(false, 99, 0), PartlyRefunded);
        assert_eq!(of(true, 100, 0), Refunded);
    }
}
