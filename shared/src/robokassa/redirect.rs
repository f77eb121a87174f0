//! SuccessURL and FailURL: the buyer's browser comes back. For pages only; neither proves or changes anything.

use super::callback::CallbackError;
use super::form::{self, Fields};
use super::secrets::Credentials;
use super::shp;
use super::signed_return::{self, MalformedReturn, SignedReturn};
use crate::ids::InvoiceId;
use crate::money::{Money, MoneyError};

/// The buyer came back after paying. Robokassa: signed with Password#1; it may come before ResultURL, without it, or
/// again and again, so the invoice's own state is what a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SuccessReturn {
    /// `OutSum` as received.
    pub out_sum_text: String,
    /// `OutSum` as an amount.
    pub amount: Result<Money, MoneyError>,
    /// `InvId`.
    pub inv_id: u64,
    /// The shop's own parameters.
    pub shp: Vec<(String, String)>,
}

impl SuccessReturn {
    /// Parses and verifies the parameters, decoded exactly once.
    ///
    /// # Errors
    /// [`CallbackError`] tells a malformed redirect from a forged one.
    pub fn receive(fields: Fields, credentials: &Credentials<'_>) -> Result<Self, CallbackError> {
        let received = SignedReturn::parse(fields)?;
        received.check(credentials.password1(), credentials.hash())?;
        Ok(Self {
            amount: received.amount(),
            out_sum_text: received.out_sum_text,
            inv_id: received.inv_id,
            shp: received.shp,
        })
    }

    /// The invoice, or `None` for a number that we never give.
    #[must_use]
    pub fn invoice(&self) -> Option<InvoiceId> {
        InvoiceId::new(self.inv_id).ok()
    }
}

/// The buyer came back without paying. Not signed, and the buyer may still go back and pay: cancel nothing on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailReturn {
    /// `InvId`; `None` for a number that we never give.
    pub invoice: Option<InvoiceId>,
    /// The shop's own parameters.
    pub shp: Vec<(String, String)>,
}

impl FailReturn {
    /// Reads the parameters, decoded exactly once.
    ///
    /// # Errors
    /// [`MalformedReturn`] if there is no `InvId`, more than one, or one that Robokassa could not send.
    pub fn parse(fields: &[(String, String)]) -> Result<Self, MalformedReturn> {
        let inv_id = signed_return::single(fields, "InvId")?;
        let number = signed_return::parse_inv_id(&inv_id).ok_or(MalformedReturn::BadInvId)?;
        Ok(Self {
            invoice: InvoiceId::new(number).ok(),
            shp: shp::select(fields),
        })
    }

    /// The value of a `Shp_` parameter, by its exact name. Not signed.
    #[must_use]
    pub fn shp_value(&self, name: &str) -> Option<&str> {
        form::value(&self.shp, name)
    }
}

/// Signs a SuccessURL redirect as Robokassa does. For stand-ins and tests.
#[must_use]
pub fn sign_success(
    out_sum: &str,
    inv_id: &str,
    shp: &[(String, String)],
    credentials: &Credentials<'_>,
) -> String {
    signed_return::base_string(out_sum, inv_id, shp, credentials.password1())
        .sign(credentials.hash())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Mode;
    use crate::robokassa::callback::sign_result;
    use crate::robokassa::test_shop;

    fn signed(signature: &str) -> Fields {
        form::decode(&format!(
            "OutSum=1.00&InvId=7&SignatureValue={signature}&Culture=ru&Shp_route=a"
        ))
    }

    #[test]
    fn a_success_redirect_is_signed_with_password_1_only() {
        let shop = test_shop::demo();
        let credentials = shop.credentials(Mode::Live).unwrap();
        let shp = vec![("Shp_route".to_owned(), "a".to_owned())];
        let success = sign_success("1.00", "7", &shp, &credentials);
        let read = SuccessReturn::receive(signed(&success), &credentials).unwrap();
        assert_eq!(read.invoice(), InvoiceId::new(7).ok());
        assert_eq!(read.amount, Ok(Money::from_kopecks(100)));
        let result = sign_result("1.00", "7", &shp, &credentials);
        assert!(matches!(
            SuccessReturn::receive(signed(&result), &credentials),
            Err(CallbackError::BadSignature(_))
        ));
    }

    #[test]
    fn a_fail_redirect_needs_only_a_number() {
        let read = FailReturn::parse(&form::decode("InvId=7&OutSum=1.00&Shp_route=a")).unwrap();
        assert_eq!(read.invoice, InvoiceId::new(7).ok());
        assert_eq!(read.shp_value("Shp_route"), Some("a"));
        for text in ["", "InvId=", "InvId=x", "InvId=1&InvId=2"] {
            assert!(FailReturn::parse(&form::decode(text)).is_err(), "{text}");
        }
    }
}
