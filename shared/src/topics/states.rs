//! States that travel on several topics. Each carries a version; a reader that holds a newer one ignores the older.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, InvoiceId, Mode, ProductId, TelegramUserId};
use crate::money::Money;
use crate::robokassa::receipt::{PaymentMethod, PaymentObject, Tax};

/// What a product is and what it gives; ARM's truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProductState {
    /// The product.
    pub product_id: ProductId,
    /// Grows with every change.
    pub version: i64,
    /// What people see on the button and in the receipt.
    pub title: String,
    /// What people read before they buy.
    #[serde(default)]
    pub description: String,
    /// The price, in kopecks.
    pub price: Money,
    /// What a payment gives.
    pub delivery: Delivery,
    /// False: it can no longer be bought. What was bought stays.
    #[serde(default = "yes")]
    pub active: bool,
    /// Where it stands in the menu; smaller first.
    #[serde(default)]
    pub position: i32,
    /// How long the right holds, in days; forever when absent. A delivery with days of its own has the last word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Staff is warned when so many keys are left; only for [`Delivery::Key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_stock: Option<u32>,
    /// The VAT in the receipt (54-FZ).
    #[serde(default)]
    pub tax: Tax,
    /// What it is in the receipt; the shop's setting in Robokassa when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_object: Option<PaymentObject>,
    /// How far it is paid in the receipt; the shop's setting in Robokassa when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<PaymentMethod>,
}

fn yes() -> bool {
    true
}

/// What a person gets for the money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Delivery {
    /// A text, sent as it is.
    Text {
        /// The text, at most 4,096 characters.
        text: String,
    },
    /// A one-time link into a private chat in which the bot is an admin.
    InviteLink {
        /// The chat.
        chat_id: ChatId,
        /// How long the person may stay, in days; forever when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        days: Option<u32>,
    },
    /// A file that Telegram fetches from an address.
    File {
        /// Where the file is.
        url: String,
        /// The line under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
    },
    /// A file whose bytes the shop keeps itself.
    StoredFile {
        /// The file.
        file: StoredFile,
        /// The line under it; at most 1,024 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
    },
    /// A call to another system, which gives the person what was bought (see [`super::tasks::DeliverWebhook`]).
    Webhook {
        /// What is called.
        url: String,
        /// What the person reads once the call is on its way; a standard line when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A key from the product's stock, one per invoice. LK reserves it and grants the bot a text with the key in it,
    /// so this kind travels between ARM and LK only.
    Key {
        /// What the person reads; [`KEY_PLACE`] stands where the key goes.
        text: String,
    },
}

/// A file in the shop's file store (`geobot_shared::files`), named by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StoredFile {
    /// SHA-256 of its bytes, 64 hex digits in lower case; the name under which it is kept.
    pub sha256: String,
    /// What people see as its name.
    pub name: String,
    /// How long it is, in bytes.
    pub size: u64,
    /// Its media type, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// Where the key goes in the text of [`Delivery::Key`]; a text without it gets the key on a line of its own.
pub const KEY_PLACE: &str = "{key}";
/// The longest key of a stock, in characters.
pub const LONGEST_KEY: usize = 500;

/// A person, as LK knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserState {
    /// The person's Telegram id.
    pub user_id: TelegramUserId,
    /// Grows with every change.
    pub version: i64,
    /// As in Telegram.
    #[serde(default)]
    pub first_name: String,
    /// As in Telegram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// As in Telegram, without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The language the person reads: `ru` or `en`.
    #[serde(default)]
    pub language: String,
    /// Blocked by staff: the bot answers nothing but the refusal.
    #[serde(default)]
    pub blocked: bool,
    /// What the person wants to be told.
    #[serde(default)]
    pub settings: NotifySettings,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}

/// What a person wants to be told. Answers and payments always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotifySettings {
    /// News of the shop: broadcasts.
    #[serde(default = "yes")]
    pub news: bool,
    /// Reminders, such as that a subscription ends soon.
    #[serde(default = "yes")]
    pub reminders: bool,
}

impl Default for NotifySettings {
    fn default() -> Self {
        NotifySettings {
            news: true,
            reminders: true,
        }
    }
}

/// The states of an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Made; the pay page was not opened yet.
    Created,
    /// The pay page was opened.
    Pending,
    /// Paid and credited.
    Paid,
    /// Money came, but another amount than asked: a person decides.
    Mismatch,
    /// The time to pay is over; a late payment is still taken.
    Expired,
    /// Withdrawn; a late payment is still taken.
    Cancelled,
    /// A refund is on its way.
    Refunding,
    /// All of the money went back.
    Refunded,
    /// Some of the money went back.
    PartlyRefunded,
}

impl InvoiceStatus {
    /// The word on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            InvoiceStatus::Created => "created",
            InvoiceStatus::Pending => "pending",
            InvoiceStatus::Paid => "paid",
            InvoiceStatus::Mismatch => "mismatch",
            InvoiceStatus::Expired => "expired",
            InvoiceStatus::Cancelled => "cancelled",
            InvoiceStatus::Refunding => "refunding",
            InvoiceStatus::Refunded => "refunded",
            InvoiceStatus::PartlyRefunded => "partly_refunded",
        }
    }

    /// Reads the word; `None` for one that is not known.
    pub fn from_name(name: &str) -> Option<InvoiceStatus> {
        use InvoiceStatus::*;
        [
            Created,
            Pending,
            Paid,
            Mismatch,
            Expired,
            Cancelled,
            Refunding,
            Refunded,
            PartlyRefunded,
        ]
        .into_iter()
        .find(|s| s.as_str() == name)
    }

    /// Whether a valid payment turns this state into `paid` (promise P3).
    pub fn is_payable(self) -> bool {
        matches!(
            self,
            InvoiceStatus::Created
                | InvoiceStatus::Pending
                | InvoiceStatus::Expired
                | InvoiceStatus::Cancelled
        )
    }
}

/// What became of a paid invoice on its way to the person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Not answered by the bot yet.
    #[default]
    Waiting,
    /// The person has what was paid for.
    Delivered,
    /// Refused or undeliverable; the cause stands beside it.
    Held,
}

impl Routing {
    /// The word on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Routing::Waiting => "waiting",
            Routing::Delivered => "delivered",
            Routing::Held => "held",
        }
    }

    /// Reads the word; `None` for one that is not known.
    pub fn from_name(name: &str) -> Option<Routing> {
        [Routing::Waiting, Routing::Delivered, Routing::Held]
            .into_iter()
            .find(|r| r.as_str() == name)
    }
}

/// An invoice; LK's truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceState {
    /// The invoice, Robokassa's InvId.
    pub invoice_id: InvoiceId,
    /// Grows with every change.
    pub version: i64,
    /// Who pays.
    pub user_id: TelegramUserId,
    /// What is bought.
    pub product_id: ProductId,
    /// The product's title when the invoice was made.
    pub title: String,
    /// What is to be paid, in kopecks.
    pub amount: Money,
    /// The price before the promo code, in kopecks; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_price: Option<Money>,
    /// The promo code, as staff writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promo_code: Option<String>,
    /// Live money or a test.
    pub mode: Mode,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// What became of it in the bot, once paid.
    #[serde(default)]
    pub routing: Routing,
    /// Why it is held or in mismatch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the money came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<DateTime<Utc>>,
    /// Where its money stands; in JSON these fields stand beside the others.
    #[serde(flatten)]
    pub funds: InvoiceFunds,
}

/// Where an invoice's money stands, in kopecks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvoiceFunds {
    /// What came; absent while nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Money>,
    /// What went back.
    #[serde(default)]
    pub refunded: Money,
    /// What is set aside for refunds that are on their way.
    #[serde(default)]
    pub reserved: Money,
    /// Every refund that was asked for, the oldest first; refused ones too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<RefundEntry>,
}

/// Money on its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundEntry {
    /// The refund.
    pub refund_id: uuid::Uuid,
    /// How much, in kopecks.
    pub amount: Money,
    /// How far it is.
    pub state: RefundStage,
    /// Why it was refused or is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Who decided.
    pub staff: String,
    /// Why.
    pub reason: String,
    /// When it was asked for.
    pub at: DateTime<Utc>,
}

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefundStage {
    /// The sum is set aside; Robokassa was not called yet.
    Reserved,
    /// Robokassa is being called.
    Calling,
    /// Robokassa has taken it on and works on it.
    Requested,
    /// The call got no answer: the money may or may not go back. A person finds out and says so (`refund_resolved`).
    Unknown,
    /// The money went back.
    Done,
    /// It will not go back; nothing is set aside any more.
    Refused,
}

impl RefundStage {
    /// The word on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            RefundStage::Reserved => "reserved",
            RefundStage::Calling => "calling",
            RefundStage::Requested => "requested",
            RefundStage::Unknown => "unknown",
            RefundStage::Done => "done",
            RefundStage::Refused => "refused",
        }
    }

    /// Reads the word; `None` for one that is not known.
    pub fn from_name(name: &str) -> Option<RefundStage> {
        use RefundStage::*;
        [Reserved, Calling, Requested, Unknown, Done, Refused]
            .into_iter()
            .find(|stage| stage.as_str() == name)
    }
}

/// A person's right to something bought; LK's truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EntitlementState {
    /// The invoice that gave it.
    pub invoice_id: InvoiceId,
    /// Grows with every change.
    pub version: i64,
    /// Whose it is.
    pub user_id: TelegramUserId,
    /// To what.
    pub product_id: ProductId,
    /// The product's title when it was bought.
    pub title: String,
    /// Since when.
    pub starts_at: DateTime<Utc>,
    /// Until when; forever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    /// Taken back (refund, end).
    #[serde(default)]
    pub revoked: bool,
}

/// One product as the bot's menu needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CatalogItem {
    /// The product.
    pub product_id: ProductId,
    /// Grows with every change.
    pub version: i64,
    /// The button's text.
    pub title: String,
    /// What people read before they buy.
    #[serde(default)]
    pub description: String,
    /// The price, in kopecks.
    pub price: Money,
    /// False: it leaves the menu.
    pub active: bool,
    /// Where it stands in the menu; smaller first.
    #[serde(default)]
    pub position: i32,
}

/// A job that somebody asks for or that is handed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// The task; UUID.
    pub task_id: uuid::Uuid,
    /// What kind of job.
    pub kind: String,
    /// What the job needs to know.
    #[serde(default)]
    pub args: serde_json::Value,
}
