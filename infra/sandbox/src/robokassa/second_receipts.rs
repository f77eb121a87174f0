//! Second receipts of a payment: attached, waiting for a while, then registered.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::amount::Amount;
use super::payments::{Payment, Payments};

/// Robokassa: at most two receipts of one operation, the first one included.
const MOST_RECEIPTS: usize = 2;

/// One second receipt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SecondReceipt {
    /// The shop's own number of it.
    pub(crate) id: i64,
    pub(crate) total: Amount,
    /// Unix milliseconds.
    pub(crate) ready_at: i64,
}

impl SecondReceipt {
    pub(crate) fn is_registered(&self, now: i64) -> bool {
        now >= self.ready_at
    }

    /// The control API's form.
    pub(crate) fn view(&self, now: i64) -> Value {
        let state = match self.is_registered(now) {
            true => "registered",
            false => "waiting",
        };
        json!({"id": self.id, "total": self.total.text(false), "state": state})
    }
}

impl Payments {
    /// Attaches a second receipt to the payment `origin`.
    ///
    /// # Errors
    /// What Robokassa says to it.
    pub(crate) fn attach(
        &mut self,
        origin: i64,
        receipt: SecondReceipt,
    ) -> Result<Payment, &'static str> {
        let is_taken = self.all().any(|payment| {
            let known = payment.second_receipts.iter();
            payment.inv_id == receipt.id || known.clone().any(|known| known.id == receipt.id)
        });
        let payment = self
            .find_paid(|payment| payment.inv_id == origin)
            .ok_or("the first receipt was not found")?;
        if is_taken {
            return Err("a receipt with this id already exists");
        }
        let first = usize::from(payment.receipt.is_some());
        if first + payment.second_receipts.len() >= MOST_RECEIPTS {
            return Err("this operation already has two receipts");
        }
        if receipt.total > payment.amount() {
            return Err("the total is more than was paid");
        }
        payment.second_receipts.push(receipt);
        Ok(payment.clone())
    }

    pub(crate) fn find_receipt(&self, id: i64) -> Option<&SecondReceipt> {
        self.all()
            .flat_map(|payment| &payment.second_receipts)
            .find(|receipt| receipt.id == id)
    }
}
