//! tg_send: messages that other services want to be sent. Bulk is moved to tg_send_bulk at once, so that an answer
//! never waits behind a broadcast.

use std::sync::Arc;

use chrono::Utc;
use geobot_shared::bus::{Event, HandleError, Handled, Inbox};
use geobot_shared::ids::ChatId;
use geobot_shared::topics::arm_sync_tg::{DeliveryOutcome, SendOutcome, UserUnreachable};
use geobot_shared::topics::tg_send::{
    DeleteMessage, EditMessage, Priority, SendDocument, SendMessage, SendPhoto,
};
use geobot_shared::topics::{ArmSyncTg, TgSend, TgSendBulk};

use crate::app::App;
use crate::telegram::failure::SendFailure;
use crate::telegram::sender::{Content, SendError};

/// The handlers.
pub fn handlers() -> Inbox<App, TgSend> {
    Inbox::new()
        .on(send_message)
        .on(send_photo)
        .on(send_document)
        .on(edit_message)
        .on(delete_message)
}

async fn send_message(app: Arc<App>, event: Event<SendMessage>) -> Handled {
    if event.data.priority == Priority::Bulk {
        return Ok(app
            .producer
            .publish_caused::<TgSendBulk>(event.data, &event.cause, 0)
            .await?);
    }
    message(&app, &event).await
}

async fn send_photo(app: Arc<App>, event: Event<SendPhoto>) -> Handled {
    if event.data.priority == Priority::Bulk {
        return Ok(app
            .producer
            .publish_caused::<TgSendBulk>(event.data, &event.cause, 0)
            .await?);
    }
    photo(&app, &event).await
}

async fn send_document(app: Arc<App>, event: Event<SendDocument>) -> Handled {
    if event.data.priority == Priority::Bulk {
        return Ok(app
            .producer
            .publish_caused::<TgSendBulk>(event.data, &event.cause, 0)
            .await?);
    }
    document(&app, &event).await
}

/// Sends a text and reports.
///
/// # Errors
/// What the bus is to do with the record.
pub async fn message(app: &App, event: &Event<SendMessage>) -> Handled {
    let wish = &event.data;
    let content = Content::Text {
        text: wish.text.clone(),
        markup: wish.parse_mode,
        buttons: wish.buttons.clone(),
    };
    let broadcast = wish.broadcast_id.clone();
    deliver(app, event, wish.chat_id, &content, wish.priority, broadcast).await
}

/// Sends a picture and reports.
///
/// # Errors
/// What the bus is to do with the record.
pub async fn photo(app: &App, event: &Event<SendPhoto>) -> Handled {
    let wish = &event.data;
    let content = Content::Photo {
        file: wish.photo.clone(),
        caption: wish.caption.clone(),
        markup: wish.parse_mode,
    };
    let broadcast = wish.broadcast_id.clone();
    deliver(app, event, wish.chat_id, &content, wish.priority, broadcast).await
}

/// Sends a file and reports.
///
/// # Errors
/// What the bus is to do with the record.
pub async fn document(app: &App, event: &Event<SendDocument>) -> Handled {
    let wish = &event.data;
    let content = Content::Document {
        file: wish.document.clone(),
        caption: wish.caption.clone(),
        markup: wish.parse_mode,
    };
    let broadcast = wish.broadcast_id.clone();
    deliver(app, event, wish.chat_id, &content, wish.priority, broadcast).await
}

async fn edit_message(app: Arc<App>, event: Event<EditMessage>) -> Handled {
    let wish = &event.data;
    let content = Content::Edit {
        message_id: number(wish.message_id)?,
        text: wish.text.clone(),
        markup: wish.parse_mode,
        buttons: wish.buttons.clone(),
    };
    deliver(&app, &event, wish.chat_id, &content, Priority::Notify, None).await
}

async fn delete_message(app: Arc<App>, event: Event<DeleteMessage>) -> Handled {
    let content = Content::Delete {
        message_id: number(event.data.message_id)?,
    };
    deliver(
        &app,
        &event,
        event.data.chat_id,
        &content,
        Priority::Notify,
        None,
    )
    .await
}

/// Bot API: a message's number fits 32 bits.
fn number(message_id: i64) -> Result<i32, HandleError> {
    i32::try_from(message_id)
        .map_err(|_| HandleError::BadData(format!("{message_id} is no message of Telegram")))
}

/// Sends and tells ARM how it ended. A refusal by Telegram is an answer too, not a reason to try again.
async fn deliver<E>(
    app: &App,
    event: &Event<E>,
    chat: ChatId,
    content: &Content,
    priority: Priority,
    broadcast_id: Option<String>,
) -> Handled {
    let request = &event.cause.message_id;
    if priority == Priority::Bulk && !app.store.is_filled().await? {
        // Nobody who has opted out may be written to because Redis has forgotten it.
        let why = "the people are not known here yet";
        return Err(HandleError::unavailable("people", why));
    }
    let mut report = DeliveryOutcome {
        request_id: request.clone(),
        chat_id: chat,
        broadcast_id,
        outcome: SendOutcome::Sent,
        message_id: None,
        reason: None,
    };
    let wants_it = match priority {
        Priority::Bulk => app.wants_news(chat).await?,
        Priority::Interactive | Priority::Notify => true,
    };
    if !wants_it {
        report.outcome = SendOutcome::Failed;
        report.reason = Some("the person wants no news".to_owned());
        return app.reports.report(report).await;
    }
    match app
        .sender
        .send(request, chat.get(), content, priority)
        .await
    {
        Ok(message_id) => report.message_id = Some(message_id.into()),
        Err(SendError::Telegram(SendFailure::Unreachable(reason))) => {
            let gone = UserUnreachable {
                user_id: geobot_shared::ids::TelegramUserId(chat.get()),
                reason: reason.clone(),
                at: Utc::now(),
            };
            app.producer
                .publish_caused::<ArmSyncTg>(gone, &event.cause, 0)
                .await?;
            report.outcome = SendOutcome::Failed;
            report.reason = Some(reason);
        }
        Err(SendError::Telegram(failure @ SendFailure::Refused(_))) => {
            report.outcome = SendOutcome::Failed;
            report.reason = Some(failure.to_string());
        }
        Err(SendError::Unknown) => report.outcome = SendOutcome::Unknown,
        Err(error) => return Err(error.into()),
    }
    app.reports.report(report).await
}
