//! tg_send: messages that other services want to be sent. Bulk is moved to tg_send_bulk at once, so that an answer
//! never waits behind a broadcast.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Utc;
use geobot_shared::bus::{Cause, Event, HandleError, Handled, Inbox, Outgoing, header};
use geobot_shared::ids::ChatId;
use geobot_shared::topics::arm_sync_tg::{DeliveryOutcome, SendOutcome, UserUnreachable};
use geobot_shared::topics::tg_send::{
    DeleteMessage, EditMessage, FileContent, Priority, SendDocument, SendMessage, SendPhoto,
};
use geobot_shared::topics::{ArmSyncTg, TgSend, TgSendBulk};

use crate::app::App;
use crate::telegram::failure::SendFailure;
use crate::telegram::sender::{Content, FileKind, FileSource, SendError};

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
        return move_to_bulk(&app, event.data, &event.cause).await;
    }
    message(&app, &event).await
}

async fn send_photo(app: Arc<App>, event: Event<SendPhoto>) -> Handled {
    if event.data.priority == Priority::Bulk {
        return move_to_bulk(&app, event.data, &event.cause).await;
    }
    photo(&app, &event).await
}

async fn send_document(app: Arc<App>, event: Event<SendDocument>) -> Handled {
    if event.data.priority == Priority::Bulk {
        return move_to_bulk(&app, event.data, &event.cause).await;
    }
    document(&app, &event).await
}

/// Moves a record to tg_send_bulk, under the message-id that its sender knows it by: reports name it.
async fn move_to_bulk(app: &App, data: impl Into<TgSendBulk>, cause: &Cause) -> Handled {
    let service = app.producer.service();
    let mut moved = Outgoing::caused(service, &data.into(), cause, 0, Utc::now())?;
    for (name, value) in &mut moved.headers {
        if name == header::MESSAGE_ID {
            value.clone_from(&cause.message_id);
        }
    }
    Ok(app.producer.send(&moved).await?)
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
    let content = Content::File {
        kind: FileKind::Photo,
        source: source("photo", &wish.photo, wish.content.as_ref())?,
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
    let content = Content::File {
        kind: FileKind::Document,
        source: source("document", &wish.document, wish.content.as_ref())?,
        caption: wish.caption.clone(),
        markup: wish.parse_mode,
    };
    let broadcast = wish.broadcast_id.clone();
    deliver(app, event, wish.chat_id, &content, wish.priority, broadcast).await
}

/// Where a file comes from: exactly one of the two says so.
fn source(
    field: &str,
    name: &str,
    content: Option<&FileContent>,
) -> Result<FileSource, HandleError> {
    let name = name.trim();
    match content {
        None if !name.is_empty() => Ok(FileSource::Known(name.to_owned())),
        Some(content) if name.is_empty() => match content {
            FileContent::Stored(file) => Ok(FileSource::Stored(file.clone())),
            FileContent::Inline(file) => {
                let bytes = BASE64
                    .decode(&file.base64)
                    .map_err(|e| HandleError::BadData(format!("`content.base64`: {e}")))?;
                if bytes.is_empty() {
                    return Err(HandleError::BadData("`content` is empty".to_owned()));
                }
                Ok(FileSource::Bytes {
                    name: file.name.clone(),
                    bytes: bytes.into(),
                })
            }
        },
        _ => Err(HandleError::BadData(format!(
            "exactly one of `{field}` and `content` must be given"
        ))),
    }
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
    if priority == Priority::Bulk
        && let Some(why) = reason_not_to(app, chat).await?
    {
        // What went out before the reason came up counts as sent.
        match app.sender.sent_before(request).await? {
            Some(message_id) => report.message_id = Some(message_id.into()),
            None => {
                report.outcome = SendOutcome::Failed;
                report.reason = Some(why);
            }
        }
        return app.reports.report(report).await;
    }
    let broadcast = report.broadcast_id.as_deref();
    let sent = app
        .sender
        .send_of_broadcast(request, chat.get(), content, priority, broadcast)
        .await;
    match sent {
        Ok(message_id) => report.message_id = Some(message_id.into()),
        Err(SendError::Telegram(SendFailure::Unreachable(reason))) => {
            if let Some(user_id) = chat.person() {
                let gone = UserUnreachable {
                    user_id,
                    reason: reason.clone(),
                    at: Utc::now(),
                };
                app.producer
                    .publish_caused::<ArmSyncTg>(gone, &event.cause, 0)
                    .await?;
            }
            report.outcome = SendOutcome::Failed;
            report.reason = Some(reason);
        }
        Err(SendError::Telegram(
            failure @ (SendFailure::Refused(_) | SendFailure::BadEntities(_)),
        )) => {
            report.outcome = SendOutcome::Failed;
            report.reason = Some(failure.to_string());
        }
        Err(SendError::NoFile(why)) => {
            report.outcome = SendOutcome::Failed;
            report.reason = Some(why.to_string());
        }
        Err(SendError::Unknown) => report.outcome = SendOutcome::Unknown,
        Err(SendError::Cancelled) => report.outcome = SendOutcome::Cancelled,
        Err(error) => return Err(error.into()),
    }
    app.reports.report(report).await
}

/// Why a message of a broadcast is not sent to this chat, if there is a reason. Groups always get it.
async fn reason_not_to(app: &App, chat: ChatId) -> Result<Option<String>, HandleError> {
    let Some(user) = chat.person() else {
        return Ok(None);
    };
    if !app.wants_news(user).await? {
        return Ok(Some("the person wants no news".to_owned()));
    }
    // Telegram would refuse it: that costs a call and a turn.
    let known = app.store.unreachable(user).await?;
    if known.is_some() {
        metrics::counter!("geobot_sends_spared_total").increment(1);
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use geobot_shared::topics::tg_send::InlineFile;

    use super::*;

    fn inline(base64: &str) -> FileContent {
        FileContent::Inline(InlineFile {
            name: "a.txt".to_owned(),
            base64: base64.to_owned(),
        })
    }

    #[test]
    fn a_file_is_named_or_given_and_never_both_or_neither() {
        let known = source("photo", " AgACAgIAAxk ", None).unwrap();
        assert_eq!(known, FileSource::Known("AgACAgIAAxk".to_owned()));
        let given = source("photo", "", Some(&inline("aGk="))).unwrap();
        assert!(matches!(given, FileSource::Bytes { bytes, .. } if &bytes[..] == b"hi"));
        for (name, content) in [("", None), ("x", Some(inline("aGk=")))] {
            let why = source("photo", name, content.as_ref()).unwrap_err();
            assert!(matches!(why, HandleError::BadData(_)));
            assert!(why.to_string().contains("exactly one of `photo`"), "{why}");
        }
    }

    #[test]
    fn bytes_that_are_none_are_bad_data() {
        for base64 in ["", "aGk", "aG k=", "%%%"] {
            let why = source("document", "", Some(&inline(base64))).unwrap_err();
            assert!(matches!(why, HandleError::BadData(_)), "{base64}: {why}");
        }
    }
}
