//! Fiscal receipts (54-FZ): what stands in one is fixed when the invoice is made, and goes with the payment form.

use geobot_shared::robokassa::receipt::{
    PaymentMethod, PaymentObject, Quantity, Receipt, ReceiptError, ReceiptItem, Tax, TaxScheme,
};
use serde::{Deserialize, Serialize};

use crate::store::invoices::Invoice;
use crate::store::products::Product;

/// Who makes the receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Receipts {
    /// Nobody through us: the self-employed, or a shop that makes them elsewhere.
    #[default]
    None,
    /// Robokassa, from what stands in the payment form.
    Robokassa {
        /// The seller's tax scheme; `None` for a shop that has one only.
        scheme: Option<TaxScheme>,
    },
}

/// What an invoice's receipt says besides its title and sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The seller's tax scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sno: Option<TaxScheme>,
    /// The VAT.
    tax: Tax,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_object: Option<PaymentObject>,
    /// How far it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_method: Option<PaymentMethod>,
}

impl Receipts {
    /// What an invoice for this product would have in its receipt, as JSON text; `None` when there is no receipt.
    #[must_use]
    pub fn terms(self, product: &Product) -> Option<String> {
        let Receipts::Robokassa { scheme } = self else {
            return None;
        };
        let terms = Terms {
            sno: scheme,
            tax: product.tax,
            payment_object: product.payment_object,
            payment_method: product.payment_method,
        };
        // A struct of words is always JSON.
        serde_json::to_string(&terms).ok()
    }
}

/// Why an invoice's receipt can't be made.
#[derive(Debug, thiserror::Error)]
pub enum NoReceipt {
    /// The stored words are another version's.
    #[error("the invoice's receipt can't be read: {0}")]
    Terms(#[from] serde_json::Error),
    /// Robokassa would refuse it.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

/// The receipt of an invoice: one line, whose sum is the invoice's to the kopeck. `None` for one without.
///
/// # Errors
/// [`NoReceipt`].
pub fn of_invoice(invoice: &Invoice) -> Result<Option<Receipt>, NoReceipt> {
    let Some(text) = &invoice.receipt else {
        return Ok(None);
    };
    let terms: Terms = serde_json::from_str(text)?;
    let mut line = ReceiptItem::new(
        invoice.title.as_str(),
        Quantity::pieces(1),
        invoice.amount,
        terms.tax,
    );
    line.payment_object = terms.payment_object;
    line.payment_method = terms.payment_method;
    Ok(Some(Receipt::new(terms.sno, vec![line])?))
}
