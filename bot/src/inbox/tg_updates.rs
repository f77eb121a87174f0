//! tg_updates: what people do in the chat.

use std::sync::Arc;

use geobot_shared::bus::{Event, HandleError, Handled, Inbox};
use geobot_shared::topics::TgUpdates;
use geobot_shared::topics::tg_updates::Update;
use teloxide::types::{Update as Telegram, UpdateKind};
use tracing::info;

use crate::app::App;
use crate::{dialog, joining};

/// The handlers.
pub fn handlers() -> Inbox<App, TgUpdates> {
    Inbox::new().on(update)
}

async fn update(app: Arc<App>, event: Event<Update>) -> Handled {
    let number = event.data.update_id;
    if app.store.is_handled(number).await? {
        info!(update_id = number, "update_repeated");
        return Ok(());
    }
    let update: Telegram = serde_json::from_str(event.data.update.get())
        .map_err(|e| HandleError::BadData(format!("update {number} can't be read: {e}")))?;
    match update.kind {
        UpdateKind::Message(message) => dialog::message(&app, message, &event.cause).await?,
        UpdateKind::CallbackQuery(click) => dialog::click(&app, click, &event.cause).await?,
        UpdateKind::MyChatMember(change) => {
            dialog::membership::changed(&app, change, &event.cause).await?;
        }
        UpdateKind::ChatJoinRequest(request) => joining::ask(&app, &request, &event.cause).await?,
        // Kinds that were not asked for, or that this version of teloxide does not know.
        _ => info!(update_id = number, "update_ignored"),
    }
    app.store.mark_handled(number).await?;
    Ok(())
}
