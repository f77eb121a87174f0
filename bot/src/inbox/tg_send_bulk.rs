//! tg_send_bulk: messages of broadcasts, moved here from tg_send.
//!
//! Pausing and cancelling a broadcast come with broadcasts themselves; until then nobody writes those actions.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::TgSendBulk;
use geobot_shared::topics::tg_send::{SendDocument, SendMessage, SendPhoto};

use super::tg_send;
use crate::app::App;

/// The handlers.
pub fn handlers() -> Inbox<App, TgSendBulk> {
    Inbox::new()
        .on(
            async |app: Arc<App>, event: Event<SendMessage>| -> Handled {
                tg_send::message(&app, &event).await
            },
        )
        .on(async |app: Arc<App>, event: Event<SendPhoto>| -> Handled {
            tg_send::photo(&app, &event).await
        })
        .on(
            async |app: Arc<App>, event: Event<SendDocument>| -> Handled {
                tg_send::document(&app, &event).await
            },
        )
}
