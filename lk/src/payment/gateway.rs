//! The seam to whoever takes the money. A gateway is a folder in `gateways/`; nothing else of LK knows its protocol.
//!
//! Three kinds of answers that must never be mixed up: what is certain (an amount, a refusal), what may be asked
//! again ([`Unanswered`]), and what may not ([`RefundStart::Unknown`]).

use futures_util::future::BoxFuture;
use geobot_shared::i18n::Language;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::{Money, MoneyError};
use geobot_shared::robokassa::form::Fields;
use url::Url;

use crate::store::invoices::Invoice;

/// What a person's browser sends to the gateway, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayForm {
    /// The gateway's page.
    pub action: Url,
    /// The signed fields, in order.
    pub fields: Fields,
}

/// There is no form. Something is wrong with the settings or with the invoice; the person is asked to come later.
#[derive(Debug, thiserror::Error)]
#[error("no form for the payment: {0}")]
pub struct NoPayForm(pub String);

/// Which payment a callback speaks of; nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPayment {
    /// The invoice; `None` for a number that LK never gives.
    pub invoice: Option<InvoiceId>,
    /// The number as the gateway writes it.
    pub number: String,
}

/// Why a callback is not believed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallbackDoubt {
    /// It has not the form of a callback.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The signature is wrong. Names the password and algorithm it failed under, and no values.
    #[error("{0}")]
    BadSignature(String),
    /// There is nothing to verify it with: the settings lack this mode's secrets.
    #[error("{0}")]
    NoSecrets(String),
}

/// A callback whose signature was verified: this money has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCallback {
    /// The number as it came.
    pub number: String,
    /// The amount's text, as it came and was signed.
    pub sum_text: String,
    /// The amount; an error is a payment whose sum can't be ours.
    pub amount: Result<Money, MoneyError>,
    /// All parameters as they came.
    pub raw: Fields,
    /// The answer that ends the gateway's repeats.
    pub answer: String,
}

/// How a payment stands, in the gateway's words made plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The gateway has no such payment (yet).
    NotFound,
    /// On its way.
    Pending,
    /// On its way, and a person should look. The text is the gateway's state.
    Suspicious(String),
    /// No money came of this attempt, or it went back; the invoice can still be paid.
    Failed(String),
    /// The money is there.
    Paid {
        /// What the buyer paid; more than asked where the buyer pays the commission.
        paid: Option<Money>,
        /// What the shop is credited with; less than asked where the shop pays the commission.
        credited: Option<Money>,
    },
}

/// The gateway's answer about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentReport {
    /// How it stands.
    pub standing: Standing,
    /// The operation's key, which a refund needs.
    pub op_key: Option<String>,
}

/// A question that got no answer. Questions change nothing, so it may be asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The network, a time-out, a fault of theirs: ask again later.
    #[error("{0}")]
    Later(String),
    /// They do not accept who we are; asking again is useless until the settings are right.
    #[error("{0}")]
    Settings(String),
}

/// Money that is to go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundOrder {
    /// The operation's key.
    pub op_key: String,
    /// How much; `None` for all of the operation.
    pub sum: Option<Money>,
}

/// What became of the one call that starts a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStart {
    /// Taken on; its state is asked for by this id.
    Accepted {
        /// The gateway's id.
        request_id: String,
    },
    /// Not taken: final, nothing moves.
    Refused(String),
    /// The call never left this machine: it may be made again.
    NotSent(String),
    /// It may or may not have been taken. Never repeated by itself.
    Unknown(String),
}

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundProgress {
    /// The money went back.
    Finished,
    /// Being worked on.
    Processing,
    /// It will not happen.
    Cancelled,
}

/// The gateway's answer about a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundReport {
    /// How far it is.
    pub progress: RefundProgress,
    /// The sum, where the gateway names it.
    pub amount: Option<Money>,
}

/// Whoever takes the money.
pub trait PaymentGateway: Send + Sync + 'static {
    /// The name in the ledger, in logs and in metrics.
    fn name(&self) -> &'static str;

    /// The form that takes a person to the payment. `route_token` comes back with the callback.
    ///
    /// # Errors
    /// [`NoPayForm`].
    fn pay_form(
        &self,
        invoice: &Invoice,
        route_token: &str,
        language: Language,
    ) -> Result<PayForm, NoPayForm>;

    /// Which payment a callback speaks of. `fields` are decoded exactly once.
    ///
    /// # Errors
    /// [`CallbackDoubt::Malformed`].
    fn name_payment(&self, fields: &Fields) -> Result<NamedPayment, CallbackDoubt>;

    /// Verifies a callback with the secrets of `mode`: that of the invoice, never that of the request.
    ///
    /// # Errors
    /// [`CallbackDoubt`].
    fn verify_callback(
        &self,
        fields: Fields,
        mode: Mode,
    ) -> Result<VerifiedCallback, CallbackDoubt>;

    /// Asks how the payment of a live invoice stands.
    ///
    /// # Errors
    /// [`Unanswered`].
    fn ask_payment(&self, invoice: InvoiceId) -> BoxFuture<'_, Result<PaymentReport, Unanswered>>;

    /// Whether refunds can be started at all; the text says what is missing.
    ///
    /// # Errors
    /// For staff, what to set up.
    fn refunds_possible(&self) -> Result<(), String>;

    /// Starts a refund. Called at most once per refund.
    fn start_refund(&self, order: RefundOrder) -> BoxFuture<'_, RefundStart>;

    /// Asks how far a refund is.
    ///
    /// # Errors
    /// [`Unanswered`].
    fn ask_refund(&self, request_id: String) -> BoxFuture<'_, Result<RefundReport, Unanswered>>;
}
