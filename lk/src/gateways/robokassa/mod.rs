//! Robokassa behind LK's seam. The protocol's pure functions are in `geobot_shared::robokassa`; the network is here.

mod client;
pub mod notified;
mod pay_form;
mod refund;
mod state;

use futures_util::future::BoxFuture;
use geobot_shared::i18n::Language;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::robokassa::form::Fields;
use geobot_shared::robokassa::{ShopSecrets, UnverifiedCallback};
use url::Url;

pub use client::ClientError;
pub use pay_form::ROUTE;

use self::client::Client;
use crate::payment::gateway::{
    CallbackDoubt, NamedPayment, NoPayForm, PayForm, PaymentGateway, PaymentReport, RefundOrder,
    RefundReport, RefundStart, Unanswered, VerifiedCallback,
};
use crate::settings::Checked;
use crate::store::invoices::Invoice;

/// The shop in Robokassa.
pub struct Robokassa {
    shop: ShopSecrets,
    pay_page: Url,
    op_state: Url,
    refund_create: Url,
    refund_state: Url,
    client: Client,
}

impl Robokassa {
    /// The shop of the settings.
    ///
    /// # Errors
    /// [`ClientError`] when no HTTP client can be made.
    pub fn new(settings: &Checked) -> Result<Robokassa, ClientError> {
        let near = settings
            .op_state
            .host_str()
            .is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"));
        Ok(Robokassa {
            shop: settings.shop.clone(),
            pay_page: settings.pay_page.clone(),
            op_state: settings.op_state.clone(),
            refund_create: settings.refund_create.clone(),
            refund_state: settings.refund_state.clone(),
            client: Client::new(near)?,
        })
    }
}

fn read(fields: Fields) -> Result<UnverifiedCallback, CallbackDoubt> {
    UnverifiedCallback::parse(fields).map_err(|error| CallbackDoubt::Malformed(error.to_string()))
}

impl PaymentGateway for Robokassa {
    fn name(&self) -> &'static str {
        "robokassa"
    }

    fn pay_form(
        &self,
        invoice: &Invoice,
        route_token: &str,
        language: Language,
    ) -> Result<PayForm, NoPayForm> {
        let fields = pay_form::fields(&self.shop, invoice, route_token, language)
            .map_err(|error| NoPayForm(error.to_string()))?;
        Ok(PayForm {
            action: self.pay_page.clone(),
            fields,
        })
    }

    fn name_payment(&self, fields: &Fields) -> Result<NamedPayment, CallbackDoubt> {
        let callback = read(fields.clone())?;
        Ok(NamedPayment {
            invoice: callback.invoice(),
            number: callback.inv_id().to_string(),
        })
    }

    fn verify_callback(
        &self,
        fields: Fields,
        mode: Mode,
    ) -> Result<VerifiedCallback, CallbackDoubt> {
        let credentials = self
            .shop
            .credentials(mode)
            .map_err(|error| CallbackDoubt::NoSecrets(error.to_string()))?;
        let verified = read(fields)?
            .verify(&credentials)
            .map_err(|error| CallbackDoubt::BadSignature(error.to_string()))?;
        Ok(VerifiedCallback {
            answer: verified.answer(),
            number: verified.inv_id_text,
            sum_text: verified.out_sum_text,
            amount: verified.amount,
            raw: verified.raw,
        })
    }

    fn ask_payment(&self, invoice: InvoiceId) -> BoxFuture<'_, Result<PaymentReport, Unanswered>> {
        Box::pin(state::ask(self, invoice))
    }

    fn refunds_possible(&self) -> Result<(), String> {
        refund::possible(self)
    }

    fn start_refund(&self, order: RefundOrder) -> BoxFuture<'_, RefundStart> {
        Box::pin(refund::start(self, order))
    }

    fn ask_refund(&self, request_id: String) -> BoxFuture<'_, Result<RefundReport, Unanswered>> {
        Box::pin(refund::ask(self, request_id))
    }
}
