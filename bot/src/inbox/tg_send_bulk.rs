//! tg_send_bulk: messages of broadcasts, moved here from tg_send, and what staff decide about a broadcast as a whole.
//!
//! The topic is read twice. Its messages wait here for Telegram's pace, for hours if need be, and those of a paused
//! broadcast hold their places; a decision that stood behind them in the same group would never be read. So a second
//! group reads ahead of them for decisions only and passes over the messages.

use std::sync::Arc;

use geobot_shared::bus::{ConsumerOptions, Event, Handled, Inbox};
use geobot_shared::topics::TgSendBulk;
use geobot_shared::topics::tg_send::{SendDocument, SendMessage, SendPhoto};
use geobot_shared::topics::tg_send_bulk::{BroadcastCancelled, BroadcastPaused, BroadcastResumed};
use tracing::info;

use super::tg_send;
use crate::app::App;
use crate::store::broadcasts::Standing;

/// The handlers of the messages.
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
        // Decided long ago by the other group; here, behind the messages, they come late and may be outdated.
        .on(async |_: Arc<App>, _: Event<BroadcastPaused>| -> Handled { Ok(()) })
        .on(async |_: Arc<App>, _: Event<BroadcastResumed>| -> Handled { Ok(()) })
        .on(async |_: Arc<App>, _: Event<BroadcastCancelled>| -> Handled { Ok(()) })
}

/// The handlers of the decisions.
pub fn control() -> Inbox<App, TgSendBulk> {
    Inbox::new()
        .on(
            async |app: Arc<App>, event: Event<BroadcastPaused>| -> Handled {
                stand(&app, &event.data.broadcast_id, Standing::Paused).await
            },
        )
        .on(
            async |app: Arc<App>, event: Event<BroadcastResumed>| -> Handled {
                stand(&app, &event.data.broadcast_id, Standing::Running).await
            },
        )
        .on(
            async |app: Arc<App>, event: Event<BroadcastCancelled>| -> Handled {
                stand(&app, &event.data.broadcast_id, Standing::Cancelled).await
            },
        )
        .otherwise(async |_: Arc<App>, _: Event<serde_json::Value>| -> Handled { Ok(()) })
}

/// How the decisions are read: by a group of their own.
pub fn control_options() -> ConsumerOptions {
    ConsumerOptions {
        group: Some("tg-control"),
        meter: Some("tg_send_bulk (decisions)"),
        lanes: 1,
        // Almost all of them are passed over.
        records_in_flight: 1_000,
        ..ConsumerOptions::default()
    }
}

async fn stand(app: &App, broadcast: &str, to: Standing) -> Handled {
    let changed = app.store.set_standing(broadcast, to).await?;
    info!(broadcast_id = broadcast, ?to, changed, "broadcast_decided");
    Ok(())
}
