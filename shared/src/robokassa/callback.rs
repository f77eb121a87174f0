//! ResultURL: Robokassa's call from server to server, the only proof of payment.

use super::form::{self, Fields};
use super::secrets::{Credentials, ShopSecrets};
use super::signed_return::{self, BadSignature, MalformedReturn, SignedReturn};
use crate::ids::{InvoiceId, Mode};
use crate::money::{Money, MoneyError};

/// Why a callback is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// It has not the form of a callback.
    #[error("malformed callback: {0}")]
    Malformed(#[from] MalformedReturn),
    /// It has the form, and the signature is wrong.
    #[error("forged callback: {0}")]
    BadSignature(#[from] BadSignature),
}

/// A callback of the right form. It tells which invoice to look up, and nothing else, until it is verified with the
/// credentials of *that invoice's* mode: `IsTest` is not signed, and a test callback must never pay a live invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCallback(SignedReturn);

impl UnverifiedCallback {
    /// Takes the parameters, decoded exactly once: of the query for GET, of the body alone for POST.
    ///
    /// # Errors
    /// [`MalformedReturn`] says what is wrong.
    pub fn parse(fields: Fields) -> Result<Self, MalformedReturn> {
        SignedReturn::parse(fields).map(Self)
    }

    /// Takes the text of a query or of a form body.
    ///
    /// # Errors
    /// [`MalformedReturn`] says what is wrong.
    pub fn from_form(text: &str) -> Result<Self, MalformedReturn> {
        Self::parse(form::decode(text))
    }

    /// The invoice to look up; `None` for a number that we never give.
    #[must_use]
    pub fn invoice(&self) -> Option<InvoiceId> {
        self.0.invoice()
    }

    /// `InvId`, also where it is none of ours.
    #[must_use]
    pub const fn inv_id(&self) -> u64 {
        self.0.inv_id
    }

    /// Verifies the signature (Password#2) in constant time.
    ///
    /// # Errors
    /// [`BadSignature`]: not signed with these credentials.
    pub fn verify(&self, credentials: &Credentials<'_>) -> Result<ResultCallback, BadSignature> {
        self.0.check(credentials.password2(), credentials.hash())?;
        let received = &self.0;
        Ok(ResultCallback {
            mode: credentials.mode(),
            out_sum_text: received.out_sum_text.clone(),
            amount: received.amount(),
            inv_id_text: received.inv_id_text.clone(),
            inv_id: received.inv_id,
            shp: received.shp.clone(),
            raw: received.raw.clone(),
        })
    }

    /// Verifies a callback whose invoice is not known (a restored backup, a payment made in Robokassa's own pages): as
    /// live, then as test. The mode of the result says which; it pays no invoice by itself. `None`: not signed with
    /// any Password#2 of the shop.
    #[must_use]
    pub fn verify_in_any_mode(&self, shop: &ShopSecrets) -> Option<ResultCallback> {
        [Mode::Live, Mode::Test]
            .into_iter()
            .filter_map(|mode| shop.credentials(mode).ok())
            .find_map(|credentials| self.verify(&credentials).ok())
    }
}

/// A callback whose signature was verified: this money has moved (or, in test mode, would have).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResultCallback {
    /// The mode whose credentials verified it.
    pub mode: Mode,
    /// `OutSum` as received and signed. Robokassa: six decimals live, usually two in test mode.
    pub out_sum_text: String,
    /// `OutSum` as an amount. An error is a payment whose sum cannot be ours: a mismatch, never a refusal.
    pub amount: Result<Money, MoneyError>,
    /// `InvId` as received, to be echoed.
    pub inv_id_text: String,
    /// `InvId`, up to 2^63-1.
    pub inv_id: u64,
    /// The shop's own parameters, signed, in the order received.
    pub shp: Vec<(String, String)>,
    /// All parameters as received, unsigned ones (`Fee`, `EMail`, `PaymentMethod`, …) included.
    pub raw: Fields,
}

impl ResultCallback {
    /// Parses and verifies in one step, for a reader who knows the mode beforehand.
    ///
    /// # Errors
    /// [`CallbackError`] tells a malformed callback from a forged one.
    pub fn receive(fields: Fields, credentials: &Credentials<'_>) -> Result<Self, CallbackError> {
        Ok(UnverifiedCallback::parse(fields)?.verify(credentials)?)
    }

    /// The invoice, or `None` for a number that we never give (a payment made in Robokassa's own pages).
    #[must_use]
    pub fn invoice(&self) -> Option<InvoiceId> {
        InvoiceId::new(self.inv_id).ok()
    }

    /// The value of a signed `Shp_` parameter, by its exact name.
    #[must_use]
    pub fn shp_value(&self, name: &str) -> Option<&str> {
        form::value(&self.shp, name)
    }

    /// The value of any parameter, for information only: most are not signed.
    #[must_use]
    pub fn raw_value(&self, name: &str) -> Option<&str> {
        form::value(&self.raw, name)
    }

    /// The answer that ends Robokassa's repeats. Only for what is stored.
    #[must_use]
    pub fn answer(&self) -> String {
        format!("OK{}", self.inv_id_text)
    }
}

/// Signs a ResultURL call as Robokassa does: upper-case hex. For stand-ins and tests.
#[must_use]
pub fn sign_result(
    out_sum: &str,
    inv_id: &str,
    shp: &[(String, String)],
    credentials: &Credentials<'_>,
) -> String {
    signed_return::base_string(out_sum, inv_id, shp, credentials.password2())
        .sign(credentials.hash())
        .to_ascii_uppercase()
}

#[cfg(test)]
mod tests;
