//! `tg_send`, LK, ARM, WORKER → BOT: messages for chats.

use serde::{Deserialize, Serialize};

use super::define::{keyed, topic};
use super::states::StoredFile;
use crate::ids::ChatId;

topic! {
    /// LK, ARM, WORKER → BOT: messages for chats.
    pub enum TgSend, "tg_send", aliases: [], from: [Lk, Arm, Worker], to: [Bot], {
        /// A text.
        "send_message" => SendMessage(SendMessage),
        /// A picture.
        "send_photo" => SendPhoto(SendPhoto),
        /// A file.
        "send_document" => SendDocument(SendDocument),
        /// Another text for a message that was sent.
        "edit_message" => EditMessage(EditMessage),
        /// A message goes away.
        "delete_message" => DeleteMessage(DeleteMessage),
    }
}

/// Which messages go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody waits for it.
    Interactive,
    /// Somebody should know it soon.
    #[default]
    Notify,
    /// One of many.
    Bulk,
}

/// How the text is marked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Markup {
    /// Bot API: HTML style.
    #[serde(rename = "HTML", alias = "html")]
    Html,
    /// Bot API: MarkdownV2 style.
    #[serde(rename = "MarkdownV2")]
    MarkdownV2,
}

/// One button under a message: it opens an address or comes back as a click.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Button {
    /// What stands on it.
    pub text: String,
    /// What it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What comes back; at most 64 bytes (Bot API).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_data: Option<String>,
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SendMessage {
    /// Where to.
    pub chat_id: ChatId,
    /// What; 1 to 4,096 characters.
    pub text: String,
    /// Plain text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse_mode: Option<Markup>,
    /// Rows of buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Vec<Button>>,
    /// Which messages go first.
    #[serde(default)]
    pub priority: Priority,
    /// The broadcast it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast_id: Option<String>,
}

/// A file by its bytes: kept in the shop's file store, or here in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum FileContent {
    /// In the file store.
    Stored(StoredFile),
    /// In the record. Kafka takes about 1 MB in all, so at most some 700 KB of bytes.
    Inline(InlineFile),
}

/// A small file in a record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InlineFile {
    /// What people see as its name.
    pub name: String,
    /// Its bytes, base64 with padding (RFC 4648, section 4).
    pub base64: String,
}

impl std::fmt::Debug for InlineFile {
    /// Without the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InlineFile")
            .field("name", &self.name)
            .field("base64", &format_args!("{} characters", self.base64.len()))
            .finish()
    }
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SendPhoto {
    /// Where to.
    pub chat_id: ChatId,
    /// A file_id or an address that Telegram can fetch; empty when the bytes are given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub photo: String,
    /// Its bytes; absent when a file_id or an address is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<FileContent>,
    /// The line under it; at most 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Plain text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse_mode: Option<Markup>,
    /// Which messages go first.
    #[serde(default)]
    pub priority: Priority,
    /// The broadcast it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast_id: Option<String>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SendDocument {
    /// Where to.
    pub chat_id: ChatId,
    /// A file_id or an address that Telegram can fetch; empty when the bytes are given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub document: String,
    /// Its bytes; absent when a file_id or an address is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<FileContent>,
    /// The line under it; at most 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Plain text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse_mode: Option<Markup>,
    /// Which messages go first.
    #[serde(default)]
    pub priority: Priority,
    /// The broadcast it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast_id: Option<String>,
}

/// Another text for a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EditMessage {
    /// Where.
    pub chat_id: ChatId,
    /// Which message.
    pub message_id: i64,
    /// The new text.
    pub text: String,
    /// Plain text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse_mode: Option<Markup>,
    /// Rows of buttons; none takes the old ones away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Vec<Button>>,
}

/// A message goes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteMessage {
    /// Where.
    pub chat_id: ChatId,
    /// Which message.
    pub message_id: i64,
}

keyed! {
    SendMessage => chat_id,
    SendPhoto => chat_id,
    SendDocument => chat_id,
    EditMessage => chat_id,
    DeleteMessage => chat_id,
}
