//! `lk_sync_tg`, BOT → LK: what people did in the chat, and what the bot wants to know.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::define::{keyed, topic};
use super::states::NotifySettings;
use crate::ids::{ChatId, InvoiceId, ProductId, TelegramUserId};

topic! {
    /// BOT → LK: what people did in the chat, and what the bot wants to know.
    pub enum LkSyncTg, "lk_sync_tg", aliases: [], from: [Bot], to: [Lk], {
        /// A person pressed Start.
        "user_started" => UserStarted(UserStarted),
        /// A person changed language or settings.
        "profile_changed" => ProfileChanged(ProfileChanged),
        /// The bot has no catalogue; answered by tg_notify `catalog_changed`.
        "catalog_requested" => CatalogRequested(CatalogRequested),
        /// The bot's Redis is empty; answered by tg_notify `people_known`, page by page.
        "people_requested" => PeopleRequested(PeopleRequested),
        /// A person wants to buy; answered by tg_robokassa `invoice_ready` or `invoice_refused`.
        "invoice_requested" => InvoiceRequested(InvoiceRequested),
        /// A person says to have paid; answered by tg_notify.
        "payment_check_requested" => PaymentCheckAsked(PaymentCheckAsked),
        /// A person wants their payments; answered by tg_notify.
        "payments_requested" => PaymentsRequested(PaymentsRequested),
        /// A person wants their subscriptions; answered by tg_notify.
        "subscriptions_requested" => SubscriptionsRequested(SubscriptionsRequested),
        /// A person wants to sign in to the cabinet; answered by tg_notify.
        "cabinet_requested" => CabinetRequested(CabinetRequested),
        /// A person asks to join a chat; answered by tg_notify `join_answered`.
        "join_requested" => JoinRequested(JoinRequested),
        /// A paid invoice reached the person.
        "payment_routed" => PaymentRouted(PaymentRouted),
        /// The bot does not believe a payment record.
        "payment_refused" => PaymentRefused(PaymentRefused),
        /// The person could not get what was bought.
        "delivery_failed" => DeliveryFailed(DeliveryFailed),
        /// The bot may act in a chat again; what was held for the lack of it can be delivered.
        "chat_regained" => ChatRegained(ChatRegained),
    }
}

/// A person pressed Start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserStarted {
    /// The person.
    pub user_id: TelegramUserId,
    /// Where to write to.
    pub chat_id: ChatId,
    /// As in Telegram.
    #[serde(default)]
    pub first_name: String,
    /// As in Telegram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// As in Telegram, without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `ru` or `en`.
    #[serde(default)]
    pub language: String,
    /// What stood behind /start (a campaign, a product).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Absent fields stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileChanged {
    /// The person.
    pub user_id: TelegramUserId,
    /// `ru` or `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What the person wants to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<NotifySettings>,
}

/// A wish for the languages, settings and blocks of all people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PeopleRequested {
    /// Names the request; it stands in every page of the answer.
    pub request_id: Uuid,
}

/// A wish for the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CatalogRequested {}

/// A wish to buy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceRequested {
    /// The person.
    pub user_id: TelegramUserId,
    /// Where the pay button goes.
    pub chat_id: ChatId,
    /// What.
    pub product_id: ProductId,
    /// A promo code the person typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promo_code: Option<String>,
}

/// "I have paid."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentCheckAsked {
    /// The person.
    pub user_id: TelegramUserId,
    /// Which invoice.
    pub invoice_id: InvoiceId,
}

/// "My payments."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentsRequested {
    /// The person.
    pub user_id: TelegramUserId,
}

/// "My subscriptions."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionsRequested {
    /// The person.
    pub user_id: TelegramUserId,
}

/// A wish for a sign-in link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CabinetRequested {
    /// The person.
    pub user_id: TelegramUserId,
}

/// A wish to join a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JoinRequested {
    /// The person.
    pub user_id: TelegramUserId,
    /// The chat.
    pub chat_id: ChatId,
}

/// A paid invoice reached the person. Every copy of a payment record is answered with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentRouted {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The person.
    pub user_id: TelegramUserId,
    /// When it was routed for the first time.
    pub at: DateTime<Utc>,
}

/// The bot does not believe a payment record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentRefused {
    /// The invoice the record speaks of.
    pub invoice_id: InvoiceId,
    /// The person the record speaks of.
    pub user_id: TelegramUserId,
    /// What is wrong with it.
    pub reason: String,
}

/// The person could not get what was bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryFailed {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The person.
    pub user_id: TelegramUserId,
    /// Why, in words for staff. Begins with `unreachable` when the person has to start the bot again first.
    pub cause: String,
}

/// Whether a cause of [`DeliveryFailed`] ends when the person starts the bot again. Bot API: such refusals begin with
/// `Forbidden:`.
#[must_use]
pub fn is_unreachable(cause: &str) -> bool {
    cause.starts_with("unreachable") || cause.starts_with("Forbidden:")
}

/// The bot was made an administrator of a chat (again).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatRegained {
    /// The chat.
    pub chat_id: ChatId,
}

keyed! {
    UserStarted => user_id,
    ProfileChanged => user_id,
    CatalogRequested => none,
    InvoiceRequested => user_id,
    PaymentCheckAsked => user_id,
    PeopleRequested => request_id,
    PaymentsRequested => user_id,
    SubscriptionsRequested => user_id,
    CabinetRequested => user_id,
    JoinRequested => user_id,
    PaymentRouted => user_id,
    PaymentRefused => user_id,
    DeliveryFailed => user_id,
    ChatRegained => chat_id,
}
