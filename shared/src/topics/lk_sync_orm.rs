//! `lk_sync_orm`, ARM → LK: what staff decided.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::define::{keyed, topic};
use super::states::ProductState;
use crate::ids::{InvoiceId, ProductId, TelegramUserId};
use crate::money::Money;

topic! {
    /// ARM → LK: what staff decided.
    pub enum LkSyncOrm, "lk_sync_orm", aliases: [], from: [Arm], to: [Lk], {
        /// A product as it is now.
        "product_upserted" => ProductUpserted(ProductState),
        /// A product can no longer be bought.
        "product_archived" => ProductArchived(ProductArchived),
        /// Keys for the stock of a product.
        "keys_uploaded" => KeysUploaded(KeysUploaded),
        /// A promo code as it is now.
        "promo_upserted" => PromoUpserted(PromoUpserted),
        /// Staff changed a person's profile.
        "user_updated" => UserUpdated(UserUpdated),
        /// Staff blocked a person.
        "user_blocked" => UserBlocked(UserBlocked),
        /// Staff lifted a block.
        "user_unblocked" => UserUnblocked(UserUnblocked),
        /// Staff answered a person who wrote in the cabinet.
        "support_answered" => SupportAnswered(SupportAnswered),
        /// Ask Robokassa about an invoice now.
        "payment_check_requested" => PaymentCheckRequested(PaymentCheckRequested),
        /// Staff decided about a payment of another amount.
        "mismatch_resolved" => MismatchResolved(MismatchResolved),
        /// Give money back.
        "refund_requested" => RefundRequested(RefundRequested),
        /// Staff found out what became of a refund that got no answer.
        "refund_resolved" => RefundResolved(RefundResolved),
        /// Money went back in Robokassa's own pages.
        "refund_recorded" => RefundRecorded(RefundRecorded),
        /// Deliver a held invoice again.
        "delivery_retry_requested" => DeliveryRetryRequested(DeliveryRetryRequested),
        /// Staff gave the person by hand what was paid for.
        "delivered_by_hand" => DeliveredByHand(DeliveredByHand),
        /// Correct a balance by hand.
        "balance_adjusted" => BalanceAdjusted(BalanceAdjusted),
        /// A token of the public API.
        "token_upserted" => TokenUpserted(TokenUpserted),
        /// Send your whole state.
        "snapshot_requested" => SnapshotRequested(SnapshotRequested),
    }
}

/// A product leaves the menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProductArchived {
    /// The product.
    pub product_id: ProductId,
    /// Its version after this change.
    pub version: i64,
}

/// The most keys in one record.
pub const MOST_KEYS: usize = 500;

/// Keys for the stock of a product. One that the product has already is not taken again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeysUploaded {
    /// The product.
    pub product_id: ProductId,
    /// Names the upload: its records, and the log's lines about it.
    pub upload_id: Uuid,
    /// The keys, at most 500.
    pub keys: Vec<String>,
}

impl std::fmt::Debug for KeysUploaded {
    /// A key is money: it never gets into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeysUploaded")
            .field("product_id", &self.product_id)
            .field("upload_id", &self.upload_id)
            .field("keys", &format_args!("{} keys", self.keys.len()))
            .finish()
    }
}

/// A promo code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromoUpserted {
    /// What people type; compared without regard to letter case.
    pub code: String,
    /// Grows with every change.
    pub version: i64,
    /// Percent off, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Kopecks off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// How often it may be used in all; without limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Once per person.
    #[serde(default)]
    pub once_per_person: bool,
    /// Valid from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    /// Valid until.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    /// False: no longer taken.
    pub active: bool,
}

/// A profile changed by staff. Absent fields stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserUpdated {
    /// The person.
    pub user_id: TelegramUserId,
    /// `ru` or `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserBlocked {
    /// The person.
    pub user_id: TelegramUserId,
    /// Why, for the audit.
    #[serde(default)]
    pub reason: String,
}

/// The end of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserUnblocked {
    /// The person.
    pub user_id: TelegramUserId,
}

/// An answer of support.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SupportAnswered {
    /// The person.
    pub user_id: TelegramUserId,
    /// The answer.
    pub text: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A question to Robokassa.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentCheckRequested {
    /// The invoice.
    pub invoice_id: InvoiceId,
}

/// A decision about a mismatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MismatchResolved {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// True: the person gets what was bought.
    pub accepted: bool,
    /// Who decided.
    pub staff: String,
    /// Why.
    pub reason: String,
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundRequested {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// How much, in kopecks.
    pub amount: Money,
    /// Who decided.
    pub staff: String,
    /// Why.
    pub reason: String,
}

/// What became of a refund whose call got no answer, as a person found out in Robokassa's pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundResolved {
    /// The refund, as `invoice_changed` names it.
    pub refund_id: Uuid,
    /// True: the money went back. False: it did not, and will not.
    pub done: bool,
    /// Who found out.
    pub staff: String,
    /// How.
    pub reason: String,
}

/// A refund that was made in Robokassa's own pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundRecorded {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// How much, in kopecks.
    pub amount: Money,
    /// Who enters it.
    pub staff: String,
    /// Why it was made.
    pub reason: String,
}

/// A wish to deliver a held invoice again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryRetryRequested {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Who decided.
    pub staff: String,
    /// Why it should work now.
    pub reason: String,
}

/// A delivery outside of the bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveredByHand {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Who delivered.
    pub staff: String,
    /// How.
    pub reason: String,
}

/// A correction by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BalanceAdjusted {
    /// The person.
    pub user_id: TelegramUserId,
    /// Kopecks to add; negative to take.
    pub amount: i64,
    /// Who decided.
    pub staff: String,
    /// Why.
    pub reason: String,
}

/// A token of the public API, by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenUpserted {
    /// What it is for.
    pub name: String,
    /// SHA-256 of the token, hex.
    pub hash: String,
    /// Grows with every change.
    pub version: i64,
    /// False: no longer taken.
    pub active: bool,
}

/// A wish for LK's whole state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnapshotRequested {}

keyed! {
    ProductState => product_id,
    ProductArchived => product_id,
    KeysUploaded => product_id,
    PromoUpserted => "`code` in lower case", |it| Some(it.code.to_lowercase()),
    UserUpdated => user_id,
    UserBlocked => user_id,
    UserUnblocked => user_id,
    SupportAnswered => user_id,
    PaymentCheckRequested => invoice_id,
    MismatchResolved => invoice_id,
    RefundRequested => invoice_id,
    RefundResolved => refund_id,
    RefundRecorded => invoice_id,
    DeliveryRetryRequested => invoice_id,
    DeliveredByHand => invoice_id,
    BalanceAdjusted => user_id,
    TokenUpserted => name,
    SnapshotRequested => none,
}
