//! `arm_sync_tg` (read also as `orm_sync_tg`), BOT → ARM: what happens in the chats, for the staff's pages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::define::{keyed, topic};
use super::lk_sync_tg::{PaymentRefused, PaymentRouted, UserStarted};
use super::states::Task;
use crate::ids::{ChatId, TelegramUserId};

topic! {
    /// BOT → ARM: what happens in the chats, for the staff's pages.
    pub enum ArmSyncTg, "arm_sync_tg", aliases: ["orm_sync_tg"], from: [Bot], to: [Arm], {
        /// A person pressed Start.
        "user_started" => UserStarted(UserStarted),
        /// A person wrote something that is no command.
        "message_received" => MessageReceived(MessageReceived),
        /// What became of messages that were to be sent.
        "delivery_report" => DeliveryReport(DeliveryReport),
        /// A person can't be written to.
        "user_unreachable" => UserUnreachable(UserUnreachable),
        /// A paid invoice reached the person.
        "payment_routed" => PaymentRouted(PaymentRouted),
        /// The bot does not believe a payment record.
        "payment_refused" => PaymentRefused(PaymentRefused),
        /// The bot asks for a job.
        "task_requested" => TaskRequested(Task),
    }
}

/// A free message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageReceived {
    /// Who wrote.
    pub user_id: TelegramUserId,
    /// Where.
    pub chat_id: ChatId,
    /// Telegram's number of the message in that chat.
    pub message_id: i64,
    /// The text, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What became of messages, each recipient by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryReport {
    /// One per message.
    pub deliveries: Vec<DeliveryOutcome>,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryOutcome {
    /// The message-id of the record that asked for it.
    pub request_id: String,
    /// To whom.
    pub chat_id: ChatId,
    /// The broadcast it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast_id: Option<String>,
    /// How it ended.
    pub outcome: SendOutcome,
    /// Telegram's number of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<i64>,
    /// What Telegram said when it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How the sending of one message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SendOutcome {
    /// Telegram took it.
    Sent,
    /// Telegram refused it.
    Failed,
    /// Telegram may or may not have taken it.
    Unknown,
}

/// A person can't be written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserUnreachable {
    /// The person.
    pub user_id: TelegramUserId,
    /// What Telegram said.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

keyed! {
    MessageReceived => user_id,
    DeliveryReport => "`chat_id` of the first delivery", |it| it.deliveries.first().map(|d| d.chat_id.to_string()),
    UserUnreachable => user_id,
}
