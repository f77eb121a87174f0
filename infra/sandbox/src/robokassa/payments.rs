//! The payments the stand-in knows: opened, paid, declined, refunded; what was called back and what the shop said.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::amount::Amount;
use super::attempt::Attempt;
use super::receipt;
use super::refunds::Refund;
use super::request::{PageError, PaymentRequest, ReturnTo};
use super::second_receipts::SecondReceipt;
use crate::clock;
use crate::faults::Lost;

/// Payments kept; the oldest go first.
const KEPT: usize = 20_000;
/// Calls of one kind remembered for one payment.
const KEPT_ATTEMPTS: usize = 50;

/// A live and a test payment may carry the same number.
pub(crate) type Key = (i64, bool);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Open,
    Paid,
    Declined,
}

/// One payment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) inv_id: i64,
    pub(crate) is_test: bool,
    /// As the link said it.
    pub(crate) out_sum: String,
    pub(crate) state: State,
    pub(crate) description: String,
    pub(crate) shp: Vec<(String, String)>,
    pub(crate) email: String,
    pub(crate) culture: String,
    /// The fiscal receipt's JSON.
    #[serde(default)]
    pub(crate) receipt: Option<String>,
    #[serde(default)]
    pub(crate) success: Option<ReturnTo>,
    #[serde(default)]
    pub(crate) fail: Option<ReturnTo>,
    /// Proves that a decision comes from the page that was shown.
    pub(crate) page_key: String,
    pub(crate) opened_at: String,
    #[serde(default)]
    pub(crate) changed_at: Option<String>,
    /// OpStateExt's State.Code; nothing before the person confirmed.
    #[serde(default)]
    pub(crate) op_state: Option<u16>,
    #[serde(default)]
    pub(crate) op_key: Option<String>,
    /// What ResultURL is told instead of the amount.
    #[serde(default)]
    pub(crate) told_sum: Option<String>,
    /// ResultURL calls that the shop has not taken yet.
    #[serde(default)]
    pub(crate) due: u32,
    #[serde(default)]
    pub(crate) callbacks: Vec<Attempt>,
    /// The link's own ResultURL2.
    #[serde(default)]
    pub(crate) result_url2: Option<String>,
    /// ResultURL2 has still to be told.
    #[serde(default)]
    pub(crate) notice_due: bool,
    /// The ResultURL2 calls.
    #[serde(default)]
    pub(crate) notices: Vec<Attempt>,
    #[serde(default)]
    pub(crate) refunds: Vec<Refund>,
    #[serde(default)]
    pub(crate) second_receipts: Vec<SecondReceipt>,
}

impl Payment {
    pub(crate) fn key(&self) -> Key {
        (self.inv_id, self.is_test)
    }

    /// The sum in callbacks: six decimals live, two in test.
    pub(crate) fn result_sum(&self) -> String {
        let usual = || Amount::parse(&self.out_sum).map(|amount| amount.text(self.is_test));
        self.told_sum
            .clone()
            .or_else(usual)
            .unwrap_or_else(|| self.out_sum.clone())
    }

    /// What was paid.
    pub(crate) fn amount(&self) -> Amount {
        Amount::parse(&self.out_sum).unwrap_or_default()
    }

    /// The control API's form.
    pub(crate) fn view(&self) -> Value {
        let now = clock::unix_millis();
        let shp: Map<_, _> = self
            .shp
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let mut view = json!({
            "inv_id": self.inv_id, "out_sum": self.out_sum, "state": self.state, "is_test": self.is_test,
            "description": self.description, "shp": shp, "callbacks": self.callbacks, "callbacks_due": self.due,
            "opened_at": self.opened_at,
            "result_url2": self.notices, "result_url2_due": self.notice_due,
            "refunds": self.refunds.iter().map(|refund| refund.view(now)).collect::<Vec<_>>(),
            "second_receipts": self.second_receipts.iter().map(|receipt| receipt.view(now)).collect::<Vec<_>>(),
        });
        for (name, value) in [
            ("op_key", json!(self.op_key)),
            ("op_state", json!(self.op_state)),
            ("changed_at", json!(self.changed_at)),
            ("receipt", json!(self.receipt.as_deref().map(receipt::view))),
        ] {
            if !value.is_null() {
                view[name] = value;
            }
        }
        view
    }
}

/// Why a payment cannot be decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotPay {
    #[error("there is no payment {0}: its link was not opened")]
    NotOpened(i64),
    #[error("payment {0} is already paid (error 40)")]
    Paid(i64),
    #[error("payment {0} is not paid: there is nothing to call back")]
    NotPaid(i64),
}

/// How a person pays.
#[derive(Debug, Clone)]
pub(crate) struct How {
    /// ResultURL calls at once.
    pub(crate) copies: u32,
    /// Text that stands for OutSum in the callbacks, signed.
    pub(crate) told_sum: Option<String>,
    /// These calls are never made.
    pub(crate) lost: Lost,
    /// There is a ResultURL2 to tell, in the shop's settings.
    pub(crate) has_result_url2: bool,
}

fn keep(attempts: &mut Vec<Attempt>, attempt: Attempt) {
    attempts.push(attempt);
    if attempts.len() > KEPT_ATTEMPTS {
        attempts.remove(0);
    }
}

/// All payments.
#[derive(Debug, Default)]
pub(crate) struct Payments {
    payments: BTreeMap<Key, Payment>,
    order: VecDeque<Key>,
}

impl Payments {
    pub(crate) fn restored(saved: Vec<Payment>) -> Self {
        let order = saved.iter().map(Payment::key).collect();
        Self {
            payments: saved
                .into_iter()
                .map(|payment| (payment.key(), payment))
                .collect(),
            order,
        }
    }

    /// A link was opened. A declined payment is open again; a paid live one is error 40.
    pub(crate) fn open(&mut self, request: PaymentRequest) -> Result<Payment, PageError> {
        let inv_id = request.inv_id.unwrap_or_else(|| self.own_number());
        let key = (inv_id, request.is_test);
        let known = self.payments.get(&key);
        if !request.is_test && known.is_some_and(|payment| payment.state == State::Paid) {
            return Err(PageError::REPEATED);
        }
        let payment = Payment {
            inv_id,
            is_test: request.is_test,
            out_sum: request.out_sum,
            state: State::Open,
            description: request.description,
            shp: request.shp,
            email: request.email,
            culture: request.culture,
            receipt: request.receipt,
            success: request.success,
            fail: request.fail,
            page_key: uuid::Uuid::new_v4().simple().to_string(),
            opened_at: clock::stamp(),
            changed_at: None,
            // The earlier try stays cancelled until this one is confirmed.
            op_state: known.and_then(|payment| payment.op_state),
            op_key: None,
            told_sum: None,
            due: 0,
            callbacks: known
                .map(|payment| payment.callbacks.clone())
                .unwrap_or_default(),
            result_url2: request.result_url2,
            notice_due: false,
            notices: known
                .map(|payment| payment.notices.clone())
                .unwrap_or_default(),
            refunds: Vec::new(),
            second_receipts: Vec::new(),
        };
        if self.payments.insert(key, payment.clone()).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.payments.remove(&oldest);
        }
        Ok(payment)
    }

    /// Robokassa: without InvId it gives its own number.
    fn own_number(&self) -> i64 {
        let first = clock::first_id(clock::unix_now());
        (first..)
            .find(|id| {
                !self.payments.contains_key(&(*id, false))
                    && !self.payments.contains_key(&(*id, true))
            })
            .unwrap_or(first)
    }

    /// The payment, if it can still be decided.
    pub(crate) fn payable(&mut self, key: Key) -> Result<&mut Payment, CannotPay> {
        match self.payments.get_mut(&key) {
            Some(payment) if payment.state == State::Paid => Err(CannotPay::Paid(key.0)),
            Some(payment) => Ok(payment),
            None => Err(CannotPay::NotOpened(key.0)),
        }
    }

    /// The payment, if it is paid.
    fn paid(&mut self, key: Key) -> Result<&mut Payment, CannotPay> {
        match self.payments.get_mut(&key) {
            Some(payment) if payment.state == State::Paid => Ok(payment),
            Some(_) => Err(CannotPay::NotPaid(key.0)),
            None => Err(CannotPay::NotOpened(key.0)),
        }
    }

    /// The person pays.
    pub(crate) fn pay(&mut self, key: Key, how: &How) -> Result<Payment, CannotPay> {
        let payment = self.payable(key)?;
        payment.state = State::Paid;
        payment.changed_at = Some(clock::stamp());
        payment.op_key = Some(uuid::Uuid::new_v4().to_string().to_ascii_uppercase());
        payment.op_state = Some(100);
        payment.told_sum.clone_from(&how.told_sum);
        payment.due = if how.lost.result_url { 0 } else { how.copies };
        // Robokassa: ResultURL2 is not told of test payments.
        payment.notice_due = !payment.is_test
            && !how.lost.result_url2
            && (how.has_result_url2 || payment.result_url2.is_some());
        Ok(payment.clone())
    }

    /// The person declines; the link may be opened and paid later.
    pub(crate) fn decline(&mut self, key: Key) -> Result<Payment, CannotPay> {
        self.set(key, Some(State::Declined), 10)
    }

    /// The person confirmed, the bank has not answered.
    pub(crate) fn confirm(&mut self, key: Key) -> Result<Payment, CannotPay> {
        self.set(key, None, 5)
    }

    fn set(&mut self, key: Key, state: Option<State>, op_state: u16) -> Result<Payment, CannotPay> {
        let payment = self.payable(key)?;
        payment.state = state.unwrap_or(payment.state);
        payment.op_state = Some(op_state);
        payment.changed_at = Some(clock::stamp());
        Ok(payment.clone())
    }

    /// ResultURL is called again for a paid payment, as if the shop's answer had been lost.
    pub(crate) fn call_again(&mut self, key: Key, copies: u32) -> Result<Payment, CannotPay> {
        let payment = self.paid(key)?;
        payment.due += copies;
        Ok(payment.clone())
    }

    /// ResultURL2 is told again of a paid payment.
    pub(crate) fn notify_again(&mut self, key: Key) -> Result<Payment, CannotPay> {
        let payment = self.paid(key)?;
        payment.notice_due = !payment.is_test;
        Ok(payment.clone())
    }

    /// Notes a ResultURL2 call; nothing more is due when it was taken or was the last.
    pub(crate) fn note_notice(
        &mut self,
        key: Key,
        attempt: Attempt,
        last: bool,
    ) -> Option<Payment> {
        let payment = self.payments.get_mut(&key)?;
        payment.notice_due &= !attempt.accepted && !last;
        keep(&mut payment.notices, attempt);
        Some(payment.clone())
    }

    /// Notes a ResultURL call; nothing when the payment was forgotten meanwhile.
    pub(crate) fn note(&mut self, key: Key, attempt: Attempt) -> Option<Payment> {
        let payment = self.payments.get_mut(&key)?;
        if attempt.accepted {
            payment.due = payment.due.saturating_sub(1);
        }
        keep(&mut payment.callbacks, attempt);
        Some(payment.clone())
    }

    /// The stand-in stops calling for one copy.
    pub(crate) fn give_up(&mut self, key: Key) {
        if let Some(payment) = self.payments.get_mut(&key) {
            payment.due = payment.due.saturating_sub(1);
        }
    }

    /// A paid live payment that fits. Robokassa: the services know no test payments.
    pub(crate) fn find_paid(&mut self, fits: impl Fn(&Payment) -> bool) -> Option<&mut Payment> {
        self.payments
            .values_mut()
            .find(|payment| payment.state == State::Paid && !payment.is_test && fits(payment))
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Payment> {
        self.payments.get(&key)
    }

    /// The payment with this number: of the mode asked for, else the live one, else the test one.
    pub(crate) fn find(&self, inv_id: i64, is_test: Option<bool>) -> Option<&Payment> {
        match is_test {
            Some(is_test) => self.get((inv_id, is_test)),
            None => self
                .get((inv_id, false))
                .or_else(|| self.get((inv_id, true))),
        }
    }

    /// In the order in which they were first opened.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Payment> {
        self.order.iter().filter_map(|key| self.payments.get(key))
    }

    pub(crate) fn forget(&mut self) {
        self.payments.clear();
        self.order.clear();
    }
}
