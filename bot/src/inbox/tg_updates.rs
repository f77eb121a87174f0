//! tg_updates: what people do in the chat.

use std::sync::Arc;

use chrono::Utc;
use geobot_shared::bus::{Event, HandleError, Handled, Inbox};
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::TgUpdates;
use geobot_shared::topics::tg_updates::Update;
use teloxide::types::UpdateKind;
use tracing::info;

use crate::app::App;
use crate::store::StoreError;
use crate::telegram::reading;
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
    let update = reading::read(event.data.update.get())
        .map_err(|e| HandleError::BadData(format!("update {number} can't be read: {e}")))?;
    note_reach(&app, &update.kind).await?;
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

/// Who does something can be written to; who blocks the bot can not.
async fn note_reach(app: &App, update: &UpdateKind) -> Result<(), StoreError> {
    let (person, at) = match update {
        UpdateKind::Message(message) if message.chat.is_private() => match &message.from {
            Some(from) => (from.id, message.date),
            None => return Ok(()),
        },
        UpdateKind::CallbackQuery(click) => (click.from.id, Utc::now()),
        UpdateKind::ChatJoinRequest(request) => (request.from.id, request.date),
        UpdateKind::MyChatMember(change) if change.chat.is_private() => {
            let user = TelegramUserId(change.from.id.0.cast_signed());
            if change.new_chat_member.is_banned() {
                let why = "the person blocked the bot";
                app.store.mark_left(user, why, change.date).await?;
                return Ok(());
            }
            (change.from.id, change.date)
        }
        _ => return Ok(()),
    };
    let user = TelegramUserId(person.0.cast_signed());
    app.store.seen(user, at).await
}
