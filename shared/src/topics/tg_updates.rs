//! `tg_updates` (internal), BOT → BOT: one Telegram update each, so that none is lost and replicas share the work.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::define::{keyed, topic};

topic! {
    /// BOT → BOT (internal): one Telegram update each, so that none is lost and replicas share the work.
    pub enum TgUpdates, "tg_updates", aliases: [], from: [Bot], to: [Bot], {
        /// An update as Telegram sent it.
        "update" => Update(Update),
    }
}

/// An update as Telegram sent it, untouched: a newer Bot API loses nothing on the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Update {
    /// Telegram's number.
    pub update_id: i64,
    /// The chat, or the person where there is no chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<i64>,
    /// Telegram's JSON.
    pub update: Box<RawValue>,
}

keyed!(Update => "`about`, else `update_id`", |it| Some(it.about.unwrap_or(it.update_id).to_string()));
