//! Answers of staff to people.

use chrono::Utc;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, dedupe};
use geobot_shared::ids::{ChatId, TelegramUserId};
use geobot_shared::sql;
use geobot_shared::topics::lk_sync_orm::SupportAnswered;
use geobot_shared::topics::tg_send::{Priority, SendMessage};
use geobot_shared::topics::{InfoIn, LkSyncOrm, TgSend};
use sea_orm::DbErr;
use serde_json::json;

use crate::app::App;
use crate::store::audit::{self, Deed};
use crate::store::messages::{self, Source};

/// Bot API: a message has at most 4,096 characters, in UTF-16.
pub const LONGEST_MESSAGE: usize = 4_096;

/// Why an answer was not sent.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is no such message.
    #[error("there is no such message")]
    NotFound,
    /// It is empty, or too long for Telegram.
    #[error("an answer has 1 to {LONGEST_MESSAGE} characters")]
    Length,
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for AnswerError {
    fn from(error: DbErr) -> AnswerError {
        AnswerError::Outbox(error.into())
    }
}

/// Answers a message: in the chat, and in the cabinet too if it was asked there. The form's own number makes a
/// second press of the button harmless.
///
/// # Errors
/// [`AnswerError`].
pub async fn answer(
    app: &App,
    staff: &str,
    message: i64,
    text: &str,
    form: uuid::Uuid,
) -> Result<(), AnswerError> {
    let text = text.trim().replace("\r\n", "\n").replace('\0', "");
    if text.is_empty() || text.encode_utf16().count() > LONGEST_MESSAGE {
        return Err(AnswerError::Length);
    }
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
    messages::answer(&transaction, &question, &text, staff, now).await?;
    let user = TelegramUserId(question.user_id);
    let line = InfoIn::new(
        "message_answered",
        "Staff answered a message",
        json!({ "staff": staff, "user_id": user, "message": question.id, "characters": text.chars().count() }),
    )
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &cause, 0, now)
        .await?;
    if question.source == Source::Cabinet.as_str() {
        let answered = SupportAnswered {
            user_id: user,
            text: text.clone(),
            at: now,
        };
        app.outbox
            .put::<LkSyncOrm>(&transaction, answered, &cause, 0, now)
            .await?;
    }
    let message = SendMessage {
        chat_id: question.chat_id.map_or_else(|| user.into(), ChatId),
        text,
        parse_mode: None,
        buttons: Vec::new(),
        priority: Priority::Interactive,
        broadcast_id: None,
    };
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
