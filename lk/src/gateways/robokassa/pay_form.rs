//! The form that takes a person's browser to Robokassa.

use geobot_shared::i18n::Language;
use geobot_shared::robokassa::form::Fields;
use geobot_shared::robokassa::link::{Culture, LinkError};
use geobot_shared::robokassa::{PaymentRequest, SecretsError, ShopSecrets};

use crate::receipts::{self, NoReceipt};
use crate::store::invoices::Invoice;

/// The one parameter of ours that Robokassa echoes.
pub const ROUTE: &str = "Shp_route";

/// Why there is no form.
#[derive(Debug, thiserror::Error)]
pub(super) enum FormError {
    /// The invoice's mode has no passwords any more.
    #[error(transparent)]
    Passwords(#[from] SecretsError),
    /// Robokassa would not take it.
    #[error(transparent)]
    Request(#[from] LinkError),
    /// The receipt can't be made.
    #[error(transparent)]
    Receipt(#[from] NoReceipt),
}

/// The signed fields, in order. No `ExpirationDate`: late money is taken (P3), so nothing is gained by refusing it.
pub(super) fn fields(
    shop: &ShopSecrets,
    invoice: &Invoice,
    route_token: &str,
    language: Language,
) -> Result<Fields, FormError> {
    let mut request = PaymentRequest::new(invoice.amount, invoice.id, invoice.title.as_str())
        .with_shp(ROUTE, route_token);
    request.culture = Some(match language {
        Language::Ru => Culture::Ru,
        Language::En => Culture::En,
    });
    request.receipt = receipts::of_invoice(invoice)?;
    let credentials = shop.credentials(invoice.mode)?;
    Ok(request.sign(&credentials)?.fields().to_vec())
}
