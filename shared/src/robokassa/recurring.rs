//! A further payment of a recurring series: no page, the card of the first payment is charged.

use super::base_string::BaseString;
use super::form::Fields;
use super::link::LinkError;
use super::link_base::LinkBase;
use super::receipt::Receipt;
use super::secrets::Credentials;
use super::shp;
use crate::ids::{InvoiceId, Mode};
use crate::money::Money;

/// Where it is sent by POST, below the payment address (`https://auth.robokassa.ru/Merchant`).
pub const PATH: &str = "/Recurring";

/// A further payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecurringCharge {
    /// The price.
    pub amount: Money,
    /// A new invoice.
    pub invoice: InvoiceId,
    /// The first invoice of the series. Robokassa: not signed.
    pub parent: InvoiceId,
    /// What is shown to the buyer.
    pub description: String,
    /// The fiscal receipt.
    pub receipt: Option<Receipt>,
    /// `Shp_` parameters, as with a payment request.
    pub shp: Vec<(String, String)>,
}

impl RecurringCharge {
    /// The fields of the form, signed, and the base string.
    ///
    /// # Errors
    /// [`LinkError`] for a sum of 0, a receipt that does not add up, ambiguous `Shp_` parameters, and in test mode.
    pub fn sign(&self, credentials: &Credentials<'_>) -> Result<(Fields, BaseString), LinkError> {
        if !self.amount.is_positive() {
            return Err(LinkError::SumNotPositive);
        }
        if credentials.mode() == Mode::Test {
            return Err(LinkError::NotInTestMode);
        }
        let mut fields: Fields = vec![
            ("MerchantLogin".into(), credentials.login().into()),
            ("InvoiceID".into(), self.invoice.to_string()),
            ("PreviousInvoiceID".into(), self.parent.to_string()),
            ("OutSum".into(), self.amount.to_out_sum()),
            ("Description".into(), self.description.clone()),
        ];
        if let Some(receipt) = &self.receipt {
            if receipt.total() != self.amount {
                return Err(LinkError::ReceiptSum);
            }
            fields.push(("Receipt".into(), receipt.value()));
        }
        shp::check(&self.shp)?;
        fields.extend_from_slice(&self.shp);
        let base = LinkBase::from_fields(&fields).base_string(credentials.password1());
        fields.push(("SignatureValue".into(), base.sign(credentials.hash())));
        Ok((fields, base))
    }
}

/// Whether the answer says that the operation was made (`OK1001`, also seen as `OK+1001`). The card is not charged
/// yet: ResultURL or OpStateExt tells.
#[must_use]
pub fn was_created(answer: &str, invoice: InvoiceId) -> bool {
    answer
        .trim()
        .strip_prefix("OK")
        .map(|rest| rest.strip_prefix('+').unwrap_or(rest))
        .is_some_and(|number| number == invoice.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robokassa::form;
    use crate::robokassa::test_shop;

    #[test]
    fn the_parent_is_sent_and_not_signed() {
        let shop = test_shop::demo();
        let charge = RecurringCharge {
            amount: Money::from_kopecks(10_000),
            invoice: InvoiceId::new(200_002).unwrap(),
            parent: InvoiceId::new(200_001).unwrap(),
            description: "Подписка".to_owned(),
            receipt: None,
            shp: vec![("Shp_route".to_owned(), "abc".to_owned())],
        };
        let (fields, base) = charge.sign(&shop.credentials(Mode::Live).unwrap()).unwrap();
        assert_eq!(
            base.masked(),
            "demo_shop:100.00:200002:<live Password#1>:Shp_route=abc"
        );
        assert_eq!(form::value(&fields, "Shp_route"), Some("abc"));
        assert_eq!(form::value(&fields, "PreviousInvoiceID"), Some("200001"));
        assert_eq!(form::value(&fields, "InvId"), None);
        assert_eq!(
            charge
                .sign(&shop.credentials(Mode::Test).unwrap())
                .unwrap_err(),
            LinkError::NotInTestMode
        );
    }

    #[test]
    fn only_an_ok_for_this_invoice_counts() {
        let invoice = InvoiceId::new(7).unwrap();
        assert!(was_created("OK7\n", invoice) && was_created("OK+7", invoice));
        for answer in ["OK", "OK71", "ERROR 34", "ok7", ""] {
            assert!(!was_created(answer, invoice), "{answer}");
        }
    }
}
