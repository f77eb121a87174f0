//! Answers of staff to people.

use chrono::Utc;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, dedupe};
use geobot_shared::ids::{ChatId, TelegramUserId};
use geobot_shared::sql;
use geobot_shared::topics::arm_sync_tg::{Attachment, AttachmentKind};
use geobot_shared::topics::lk_sync_orm::SupportAnswered;
use geobot_shared::topics::states::StoredFile;
use geobot_shared::topics::tg_send::{FileContent, Priority, SendDocument, SendMessage, SendPhoto};
use geobot_shared::topics::{InfoIn, LkSyncOrm, TgSend};
use sea_orm::DbErr;
use serde_json::json;

use crate::app::App;
use crate::store::audit::{self, Deed};
use crate::store::messages::{self, Source};

/// Bot API: a message has at most 4,096 characters, in UTF-16.
pub const LONGEST_MESSAGE: usize = 4_096;
/// Bot API: the line under a file has at most 1,024 characters, in UTF-16.
pub const LONGEST_CAPTION: usize = 1_024;
/// Bot API, sendPhoto: at most 10 MB; a larger picture goes as a file.
const LARGEST_PHOTO: u64 = 10 * 1_024 * 1_024;

/// Why an answer was not sent.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is no such message.
    #[error("there is no such message")]
    NotFound,
    /// It is empty, or too long for Telegram.
    #[error("an answer has 1 to {LONGEST_MESSAGE} characters")]
    Length,
    /// It is too long to stand under a file.
    #[error("an answer with a file has at most {LONGEST_CAPTION} characters")]
    Caption,
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for AnswerError {
    fn from(error: DbErr) -> AnswerError {
        AnswerError::Outbox(error.into())
    }
}

/// Answers a message: in the chat, and in the cabinet too if it was asked there. A file comes with whether it is a
/// picture. The form's own number makes a second press of the button harmless.
///
/// # Errors
/// [`AnswerError`].
pub async fn answer(
    app: &App,
    staff: &str,
    message: i64,
    text: &str,
    file: Option<(StoredFile, bool)>,
    form: uuid::Uuid,
) -> Result<(), AnswerError> {
    let text = text.trim().replace("\r\n", "\n").replace('\0', "");
    let length = text.encode_utf16().count();
    match file {
        None if length == 0 || length > LONGEST_MESSAGE => return Err(AnswerError::Length),
        Some(_) if length > LONGEST_CAPTION => return Err(AnswerError::Caption),
        _ => {}
    }
    let written = (!text.is_empty()).then_some(text.as_str());
    let attachments: Vec<Attachment> = file.iter().map(attachment).collect();
    let now = Utc::now();
    let cause = Cause {
        message_id: form.to_string(),
        ..Cause::new_story()
    };
    let transaction = sql::begin(&app.db).await?;
    if !dedupe::first_time(&transaction, &cause.message_id, now).await? {
        transaction.rollback().await?;
        return Ok(());
    }
    let Some(question) = messages::get(&transaction, message).await? else {
        return Err(AnswerError::NotFound);
    };
    if question.source == Source::Staff.as_str() {
        return Err(AnswerError::NotFound);
    }
    messages::answer(&transaction, &question, written, &attachments, staff, now).await?;
    let user = TelegramUserId(question.user_id);
    let line = InfoIn::new(
        "message_answered",
        "Staff answered a message",
        json!({ "staff": staff, "user_id": user, "message": question.id, "characters": text.chars().count(), "file": file.is_some() }),
    )
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &cause, 0, now)
        .await?;
    if question.source == Source::Cabinet.as_str() {
        let answered = SupportAnswered {
            user_id: user,
            text: match (&file, written) {
                (Some((file, _)), None) => file.name.clone(),
                _ => text.clone(),
            },
            at: now,
        };
        app.outbox
            .put::<LkSyncOrm>(&transaction, answered, &cause, 0, now)
            .await?;
    }
    let chat = question.chat_id.map_or_else(|| user.into(), ChatId);
    let message = to_telegram(chat, text, file);
    app.outbox
        .put::<TgSend>(&transaction, message, &cause, 0, now)
        .await?;
    let deed = Deed {
        staff,
        action: "message_answered",
        object: ("message", &question.id.to_string()),
        detail: &format!("user {user}"),
    };
    audit::enter(&transaction, deed, now).await?;
    app.commit(transaction).await?;
    Ok(())
}

fn is_photo((file, picture): &(StoredFile, bool)) -> bool {
    *picture && file.size <= LARGEST_PHOTO
}

fn attachment(file: &(StoredFile, bool)) -> Attachment {
    Attachment {
        kind: match is_photo(file) {
            true => AttachmentKind::Photo,
            false => AttachmentKind::Document,
        },
        file: Some(file.0.clone()),
        missing: None,
    }
}

fn to_telegram(chat_id: ChatId, text: String, file: Option<(StoredFile, bool)>) -> TgSend {
    let Some(file) = file else {
        return TgSend::SendMessage(SendMessage {
            chat_id,
            text,
            parse_mode: None,
            buttons: Vec::new(),
            priority: Priority::Interactive,
            broadcast_id: None,
        });
    };
    let photo = is_photo(&file);
    let content = Some(FileContent::Stored(file.0));
    let caption = Some(text).filter(|text| !text.is_empty());
    if photo {
        TgSend::SendPhoto(SendPhoto {
            chat_id,
            photo: String::new(),
            content,
            caption,
            parse_mode: None,
            priority: Priority::Interactive,
            broadcast_id: None,
        })
    } else {
        TgSend::SendDocument(SendDocument {
            chat_id,
            document: String::new(),
            content,
            caption,
            parse_mode: None,
            priority: Priority::Interactive,
            broadcast_id: None,
        })
    }
}
