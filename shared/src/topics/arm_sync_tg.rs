//! `arm_sync_tg` (read also as `orm_sync_tg`), BOT → ARM: what happens in the chats, for the staff's pages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::define::{keyed, topic};
use super::lk_sync_tg::{PaymentRefused, PaymentRouted, UserStarted};
use super::states::{StoredFile, Task};
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
        /// The bot was made an administrator of a chat, or its rights there changed, or it is one no longer.
        "chat_changed" => ChatChanged(ChatChanged),
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
    /// Pictures and files that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A picture or file in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attachment {
    /// What it is in Telegram.
    pub kind: AttachmentKind,
    /// The file; absent when its bytes could not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<StoredFile>,
    /// Why they could not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// What an attachment is in Telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttachmentKind {
    /// A picture, shown in the chat.
    Photo,
    /// A file.
    Document,
    /// A voice message.
    Voice,
    /// A video.
    Video,
    /// Music.
    Audio,
}

/// A chat in which the bot is more than a guest, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatChanged {
    /// The chat.
    pub chat_id: ChatId,
    /// Its name in Telegram.
    pub title: String,
    /// What it is.
    pub kind: ChatKind,
    /// Its public name, without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The bot is an administrator.
    pub admin: bool,
    /// The bot may make invite links and answer requests to join.
    pub can_invite: bool,
    /// The bot may take people out.
    pub can_restrict: bool,
    /// When this was so; an older one changes nothing.
    pub at: DateTime<Utc>,
}

/// What a chat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Where only administrators write.
    Channel,
    /// A group, small or large.
    Group,
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
    /// It was not sent: its broadcast was cancelled.
    Cancelled,
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
    ChatChanged => chat_id,
}
