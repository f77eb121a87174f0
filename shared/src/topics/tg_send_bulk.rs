//! `tg_send_bulk` (internal), BOT → BOT: messages of priority bulk, moved here from tg_send so that an answer never
//! waits behind a broadcast, and what happens to a broadcast as a whole.

use serde::{Deserialize, Serialize};

use super::define::{keyed, topic};
use super::tg_send::{SendDocument, SendMessage, SendPhoto};

topic! {
    /// BOT, ARM → BOT (internal): messages of priority bulk, apart from tg_send so that an answer never waits behind a broadcast.
    pub enum TgSendBulk, "tg_send_bulk", aliases: [], from: [Bot, Arm], to: [Bot], {
        /// A text.
        "send_message" => SendMessage(SendMessage),
        /// A picture.
        "send_photo" => SendPhoto(SendPhoto),
        /// A file.
        "send_document" => SendDocument(SendDocument),
        /// Staff paused a broadcast.
        "broadcast_paused" => BroadcastPaused(BroadcastPaused),
        /// Staff let it go on.
        "broadcast_resumed" => BroadcastResumed(BroadcastResumed),
        /// Staff ended it.
        "broadcast_cancelled" => BroadcastCancelled(BroadcastCancelled),
    }
}

/// A broadcast is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BroadcastPaused {
    /// Which.
    pub broadcast_id: String,
}

/// A broadcast goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BroadcastResumed {
    /// Which.
    pub broadcast_id: String,
}

/// A broadcast is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BroadcastCancelled {
    /// Which.
    pub broadcast_id: String,
}

keyed! {
    BroadcastPaused => broadcast_id,
    BroadcastResumed => broadcast_id,
    BroadcastCancelled => broadcast_id,
}
