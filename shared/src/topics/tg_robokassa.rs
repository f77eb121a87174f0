//! `tg_robokassa`, LK → BOT: invoices and payments. The bot trusts no record here; see promise P6.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::define::{keyed, topic};
use super::states::Delivery;
use crate::ids::{ChatId, InvoiceId, Mode, ProductId, TelegramUserId};
use crate::money::Money;
use crate::route_token::{Grant, GrantClaims, GrantSource};

topic! {
    /// LK → BOT: invoices and payments. The bot checks the signatures of each record here.
    pub enum TgRobokassa, "tg_robokassa", aliases: [], from: [Lk], to: [Bot], {
        /// An invoice with its pay button.
        "invoice_ready" => InvoiceReady(InvoiceReady),
        /// There will be no invoice.
        "invoice_refused" => InvoiceRefused(InvoiceRefused),
        /// The time to pay is over.
        "invoice_expired" => InvoiceExpired(InvoiceExpired),
        /// Robokassa says it is paid.
        "payment_callback" => PaymentCallback(PaymentCallback),
        /// It is paid, without Robokassa's signature.
        "payment_confirmed" => PaymentConfirmed(PaymentConfirmed),
        /// Money went back.
        "refund_done" => RefundDone(RefundDone),
        /// A right has ended.
        "access_revoked" => AccessRevoked(AccessRevoked),
    }
}

/// An invoice with its pay button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceReady {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Who pays.
    pub user_id: TelegramUserId,
    /// Where the button goes.
    pub chat_id: ChatId,
    /// What is bought.
    pub product_id: ProductId,
    /// Its title.
    pub title: String,
    /// How much, in kopecks.
    pub amount: Money,
    /// The price before the promo code, in kopecks; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_price: Option<Money>,
    /// The promo code, as staff writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promo_code: Option<String>,
    /// LK's own signed page, which leads to Robokassa.
    pub pay_url: String,
    /// Live money or a test.
    pub mode: Mode,
    /// Until when it is offered.
    pub expires_at: DateTime<Utc>,
}

/// There will be no invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceRefused {
    /// Who wanted to pay.
    pub user_id: TelegramUserId,
    /// Where to answer.
    pub chat_id: ChatId,
    /// What was wanted.
    pub product_id: ProductId,
    /// Why not.
    pub reason: RefusalReason,
}

/// Why there is no invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// There is no such product, or no longer.
    ProductUnavailable,
    /// Staff blocked the person.
    UserBlocked,
    /// The promo code is not taken.
    PromoRefused,
}

/// The time to pay is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceExpired {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Who did not pay.
    pub user_id: TelegramUserId,
}

/// Robokassa's own words, and what LK grants because of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentCallback {
    /// Robokassa's parameters as they came, in their order, decoded once.
    pub params: Vec<(String, String)>,
    /// What LK says is paid for.
    pub granted: Granted,
}

/// A payment that Robokassa did not sign: found by the reconciler, free by promo code, or accepted by staff.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentConfirmed {
    /// The route token that LK put, or would have put, into the link.
    pub route_token: String,
    /// What LK says is paid for.
    pub granted: Granted,
}

/// What LK says is paid for, under its grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Granted {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Whose it is.
    pub user_id: TelegramUserId,
    /// What was bought.
    pub product_id: ProductId,
    /// For how much, in kopecks.
    pub amount: Money,
    /// Live money or a test.
    pub mode: Mode,
    /// Why it may be delivered.
    pub source: GrantSource,
    /// The product's title, for the message. Not signed: nothing is decided by it.
    pub title: String,
    /// What is to be delivered: [`Delivery`] as JSON text. It stays text because its bytes are signed.
    pub delivery: String,
    /// LK's signature over all of this but the title.
    pub grant: Grant,
}

impl Granted {
    /// What the grant must cover.
    pub fn claims(&self) -> GrantClaims<'_> {
        GrantClaims {
            invoice: self.invoice_id,
            user: self.user_id,
            product: self.product_id,
            amount: self.amount,
            mode: self.mode,
            source: self.source,
            delivery: self.delivery.as_bytes(),
        }
    }
}

/// Reads what is to be delivered. Check the grant first: it covers these bytes.
///
/// # Errors
/// When the text is not a [`Delivery`] that this version knows.
pub fn read_delivery(text: &str) -> Result<Delivery, serde_json::Error> {
    serde_json::from_str(text)
}

/// Money went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundDone {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Who gets it.
    pub user_id: TelegramUserId,
    /// How much, in kopecks.
    pub amount: Money,
    /// All of it.
    pub whole: bool,
}

/// A right has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessRevoked {
    /// The invoice that gave it.
    pub invoice_id: InvoiceId,
    /// Whose it was.
    pub user_id: TelegramUserId,
    /// The chat to leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<ChatId>,
    /// Why.
    pub reason: String,
}

keyed! {
    InvoiceReady => user_id,
    InvoiceRefused => user_id,
    InvoiceExpired => user_id,
    PaymentCallback => "`granted.user_id`", |it| Some(it.granted.user_id.to_string()),
    PaymentConfirmed => "`granted.user_id`", |it| Some(it.granted.user_id.to_string()),
    RefundDone => user_id,
    AccessRevoked => user_id,
}
