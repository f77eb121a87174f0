//! `tg_notify`, LK, ARM → BOT: events that the bot tells people in their language, and the states it keeps in Redis.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::define::{keyed, topic};
use super::states::{CatalogItem, EntitlementState, InvoiceState, UserState};
use crate::ids::{ChatId, InvoiceId, ProductId, TelegramUserId};

topic! {
    /// LK, ARM, LOGGER → BOT: events that the bot tells people in their language, and the states it keeps in Redis.
    pub enum TgNotify, "tg_notify", aliases: [], from: [Lk, Arm, Logger], to: [Bot], {
        /// Tell a person.
        "notify" => Notify(Notify),
        /// Products for the menu: those that changed, or all of them on request.
        "catalog_changed" => CatalogChanged(CatalogChanged),
        /// A page of all people, on request.
        "people_known" => PeopleKnown(PeopleKnown),
        /// A person's block or settings.
        "user_state_changed" => UserStateChanged(UserStateChanged),
        /// Whether a person may join a chat.
        "join_answered" => JoinAnswered(JoinAnswered),
        /// Something went wrong; staff hears of it in a digest.
        "staff_alert" => StaffAlert(StaffAlert),
        /// The shop closes for maintenance or opens again.
        "maintenance_changed" => MaintenanceChanged(MaintenanceChanged),
    }
}

/// Something to tell a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Notify {
    /// Whom.
    pub user_id: TelegramUserId,
    /// What.
    #[serde(flatten)]
    pub event: NotifyEvent,
}

/// What can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum NotifyEvent {
    /// How an invoice stands: the answer to "I have paid", and told when it is paid and can't be given yet.
    PaymentState {
        /// The invoice as it is now.
        invoice: InvoiceState,
    },
    /// The answer to "my payments", newest first.
    Payments {
        /// The invoices.
        invoices: Vec<InvoiceState>,
    },
    /// The answer to "my subscriptions".
    Subscriptions {
        /// The rights.
        entitlements: Vec<EntitlementState>,
    },
    /// Money came, but another amount than asked: staff looks at it.
    PaymentMismatch {
        /// The invoice.
        invoice_id: InvoiceId,
    },
    /// Support has answered.
    SupportAnswer {
        /// The answer.
        text: String,
    },
    /// A right ends soon; told once, to those who want reminders.
    SubscriptionEndsSoon {
        /// The product's title when it was bought.
        title: String,
        /// When it ends.
        ends_at: DateTime<Utc>,
        /// What to buy again.
        product_id: ProductId,
    },
    /// A right has ended.
    SubscriptionEnded {
        /// The product's title when it was bought.
        title: String,
        /// What to buy again.
        product_id: ProductId,
    },
    /// The answer to a wish to sign in to the cabinet.
    CabinetLink {
        /// Signs in once.
        url: String,
        /// Until when.
        expires_at: DateTime<Utc>,
    },
    /// The city of the place that the person sent.
    CityFound {
        /// Its name.
        city: String,
        /// ISO 3166-1 alpha-2.
        country: String,
    },
    /// No city could be found for the place that the person sent.
    CityNotFound,
}

/// Products for the menu.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CatalogChanged {
    /// Each with its version; those not named stay as they are.
    pub products: Vec<CatalogItem>,
}

/// A person's block and language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UserStateChanged(pub UserState);

/// A page of all people. The pages of one request have one key, so `last` comes last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PeopleKnown {
    /// The request that this answers.
    pub request_id: Uuid,
    /// Some of the people.
    pub people: Vec<UserState>,
    /// No page follows.
    #[serde(default)]
    pub last: bool,
}

/// Whether a person may join a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JoinAnswered {
    /// The person.
    pub user_id: TelegramUserId,
    /// The chat.
    pub chat_id: ChatId,
    /// The person has bought access, and it has not ended.
    pub approved: bool,
}

/// Errors of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StaffAlert {
    /// Which service speaks.
    pub service: String,
    /// The event's name, as in `info_in`.
    pub action: String,
    /// The line for people, of the first of them.
    pub message: String,
    /// How many there were.
    pub count: u64,
    /// When the first of them was.
    pub first_at: DateTime<Utc>,
    /// When the last of them was.
    pub last_at: DateTime<Utc>,
}

/// The shop closes or opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MaintenanceChanged {
    /// Closed.
    pub on: bool,
    /// Grows with every change.
    pub version: i64,
    /// When it is likely to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

keyed! {
    Notify => user_id,
    CatalogChanged => "`product_id` of the only product; none when there are several", |it| match it.products.as_slice() { [one] => Some(one.product_id.to_string()), _ => None },
    PeopleKnown => request_id,
    JoinAnswered => user_id,
    StaffAlert => "the word `alerts`", |_it| Some("alerts".to_owned()),
    UserStateChanged => "`user_id`", |it| Some(it.0.user_id.to_string()),
    MaintenanceChanged => "the word `maintenance`", |_it| Some("maintenance".to_owned()),
}
