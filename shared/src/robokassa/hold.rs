//! Confirming and cancelling a hold. The hold itself is a payment request with `StepByStep=true`.

use super::base_string::BaseString;
use super::form::Fields;
use super::link::LinkError;
use super::link_base::LinkBase;
use super::receipt::Receipt;
use super::secrets::Credentials;
use crate::ids::{InvoiceId, Mode};
use crate::money::Money;

/// Where a hold is confirmed by POST, below the payment address.
pub const CONFIRM_PATH: &str = "/Payment/Confirm";
/// Where a hold is cancelled by POST, below the payment address.
pub const CANCEL_PATH: &str = "/Payment/Cancel";

/// The form that takes the held money, or a smaller sum. Once only; then the ordinary ResultURL call comes.
///
/// # Errors
/// [`LinkError`] for a sum of 0, a receipt that does not add up, and in test mode.
pub fn confirm(
    invoice: InvoiceId,
    amount: Money,
    receipt: Option<&Receipt>,
    credentials: &Credentials<'_>,
) -> Result<(Fields, BaseString), LinkError> {
    let mut fields = start(invoice, amount, credentials)?;
    if let Some(receipt) = receipt {
        if receipt.total() != amount {
            return Err(LinkError::ReceiptSum);
        }
        fields.push(("Receipt".into(), receipt.value()));
    }
    let base = LinkBase::from_fields(&fields).base_string(credentials.password1());
    fields.push(("SignatureValue".into(), base.sign(credentials.hash())));
    Ok((fields, base))
}

/// The form that lets the held money go. Robokassa: `OutSum` is sent and its slot in the base string is empty.
///
/// # Errors
/// [`LinkError`] for a sum of 0, and in test mode.
pub fn cancel(
    invoice: InvoiceId,
    amount: Money,
    credentials: &Credentials<'_>,
) -> Result<(Fields, BaseString), LinkError> {
    let mut fields = start(invoice, amount, credentials)?;
    let base = LinkBase {
        out_sum: "",
        ..LinkBase::from_fields(&fields)
    }
    .base_string(credentials.password1());
    fields.push(("SignatureValue".into(), base.sign(credentials.hash())));
    Ok((fields, base))
}

fn start(
    invoice: InvoiceId,
    amount: Money,
    credentials: &Credentials<'_>,
) -> Result<Fields, LinkError> {
    if !amount.is_positive() {
        return Err(LinkError::SumNotPositive);
    }
    if credentials.mode() == Mode::Test {
        return Err(LinkError::NotInTestMode);
    }
    Ok(vec![
        ("MerchantLogin".into(), credentials.login().into()),
        ("InvoiceID".into(), invoice.to_string()),
        ("OutSum".into(), amount.to_out_sum()),
    ])
}

/// Whether the answer is the JSON text `"success: true"`.
#[must_use]
pub fn was_accepted(answer: &str) -> bool {
    serde_json::from_str::<String>(answer.trim()).is_ok_and(|text| text == "success: true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robokassa::form;
    use crate::robokassa::receipt::{Quantity, ReceiptItem, Tax};
    use crate::robokassa::test_shop;

    #[test]
    fn confirming_signs_the_sum_and_cancelling_leaves_its_slot_empty() {
        let shop = test_shop::demo();
        let live = shop.credentials(Mode::Live).unwrap();
        let invoice = InvoiceId::new(7).unwrap();
        let amount = Money::from_kopecks(100);
        let (_, base) = confirm(invoice, amount, None, &live).unwrap();
        assert_eq!(base.masked(), "demo_shop:1.00:7:<live Password#1>");
        let (fields, base) = cancel(invoice, amount, &live).unwrap();
        assert_eq!(base.masked(), "demo_shop::7:<live Password#1>");
        assert_eq!(form::value(&fields, "OutSum"), Some("1.00"));

        let line = ReceiptItem::new("x", Quantity::pieces(1), amount, Tax::None);
        let receipt = Receipt::new(None, vec![line]).unwrap();
        let (_, base) = confirm(invoice, amount, Some(&receipt), &live).unwrap();
        assert!(base.masked().contains(":7:%7B%22items"));
        assert_eq!(
            confirm(invoice, Money::from_kopecks(99), Some(&receipt), &live).unwrap_err(),
            LinkError::ReceiptSum
        );
        let test = shop.credentials(Mode::Test).unwrap();
        assert_eq!(
            cancel(invoice, amount, &test).unwrap_err(),
            LinkError::NotInTestMode
        );
    }

    #[test]
    fn only_the_text_success_counts() {
        assert!(was_accepted("\"success: true\"\n"));
        for answer in ["\"success: false\"", "success: true", "true", ""] {
            assert!(!was_accepted(answer), "{answer}");
        }
    }
}
