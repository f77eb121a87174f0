//! What people wrote, in the chat or in the cabinet, and what staff answered.

use chrono::{DateTime, Utc};
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::arm_sync_lk::SupportMessage;
use geobot_shared::topics::arm_sync_tg::{Attachment, MessageReceived};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder, QuerySelect};

use super::{micros, storable, storable_option, unreadable};

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The chat with the bot.
    Telegram,
    /// The cabinet's pages.
    Cabinet,
    /// Staff.
    Staff,
}

impl Source {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::Telegram => "telegram",
            Source::Cabinet => "cabinet",
            Source::Staff => "staff",
        }
    }
}

/// A message waits for an answer.
pub const OPEN: &str = "open";
/// It got one.
pub const ANSWERED: &str = "answered";
/// It is an answer itself.
pub const SENT: &str = "sent";

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The person it is from, or to.
    pub user_id: i64,
    /// A [`Source`]'s word.
    pub source: String,
    /// [`OPEN`], [`ANSWERED`] or [`SENT`].
    pub state: String,
    /// The chat, for Telegram.
    pub chat_id: Option<i64>,
    /// Telegram's number of the message.
    pub telegram_message_id: Option<i64>,
    /// The text; absent for a picture and the like.
    #[sea_orm(column_type = "Text", nullable)]
    pub text: Option<String>,
    /// When.
    pub at: i64,
    /// Who of the staff wrote it.
    pub staff: Option<String>,
    /// The message it answers.
    pub answer_to: Option<i64>,
    /// Pictures and files in it, as JSON; absent when there are none.
    #[sea_orm(column_type = "Text", nullable)]
    pub attachments: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Pictures and files in it.
    ///
    /// # Errors
    /// When the row can't be read.
    pub fn attachments(&self) -> Result<Vec<Attachment>, DbErr> {
        match &self.attachments {
            Some(text) => serde_json::from_str(text).map_err(|error| unreadable("message", error)),
            None => Ok(Vec::new()),
        }
    }
}

fn written(attachments: &[Attachment]) -> Result<Option<String>, DbErr> {
    if attachments.is_empty() {
        return Ok(None);
    }
    let text =
        serde_json::to_string(attachments).map_err(|error| DbErr::Json(error.to_string()))?;
    // JSON writes NUL as an escape, which PostgreSQL's TEXT takes.
    Ok(Some(text))
}

fn row(user: TelegramUserId, source: Source, state: &str, at: DateTime<Utc>) -> ActiveModel {
    ActiveModel {
        id: ActiveValue::NotSet,
        user_id: ActiveValue::Set(user.get()),
        source: ActiveValue::Set(source.as_str().to_owned()),
        state: ActiveValue::Set(state.to_owned()),
        chat_id: ActiveValue::Set(None),
        telegram_message_id: ActiveValue::Set(None),
        text: ActiveValue::Set(None),
        at: ActiveValue::Set(micros(at)),
        staff: ActiveValue::Set(None),
        answer_to: ActiveValue::Set(None),
        attachments: ActiveValue::Set(None),
    }
}

/// Enters a message from the chat.
///
/// # Errors
/// The database's.
pub async fn from_chat(db: &impl ConnectionTrait, fact: &MessageReceived) -> Result<(), DbErr> {
    let row = ActiveModel {
        chat_id: ActiveValue::Set(Some(fact.chat_id.get())),
        telegram_message_id: ActiveValue::Set(Some(fact.message_id)),
        text: ActiveValue::Set(storable_option(fact.text.as_ref())),
        attachments: ActiveValue::Set(written(&fact.attachments)?),
        ..row(fact.user_id, Source::Telegram, OPEN, fact.at)
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Enters a message from the cabinet.
///
/// # Errors
/// The database's.
pub async fn from_cabinet(db: &impl ConnectionTrait, fact: &SupportMessage) -> Result<(), DbErr> {
    let row = ActiveModel {
        text: ActiveValue::Set(Some(storable(&fact.text))),
        ..row(fact.user_id, Source::Cabinet, OPEN, fact.at)
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Enters staff's answer, and marks what it answers.
///
/// # Errors
/// The database's.
pub async fn answer(
    db: &impl ConnectionTrait,
    question: &Model,
    text: Option<&str>,
    attachments: &[Attachment],
    staff: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        chat_id: ActiveValue::Set(question.chat_id),
        text: ActiveValue::Set(text.map(storable)),
        attachments: ActiveValue::Set(written(attachments)?),
        staff: ActiveValue::Set(Some(staff.to_owned())),
        answer_to: ActiveValue::Set(Some(question.id)),
        ..row(TelegramUserId(question.user_id), Source::Staff, SENT, now)
    };
    Entity::insert(row).exec_without_returning(db).await?;
    mark_answered(db, question.id).await
}

/// Takes a message off the list of those that wait.
///
/// # Errors
/// The database's.
pub async fn mark_answered(db: &impl ConnectionTrait, id: i64) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(ANSWERED))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(OPEN))
        .exec(db)
        .await?;
    Ok(())
}

/// One message.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl ConnectionTrait, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// What people wrote, the newest first; only what waits, or all.
///
/// # Errors
/// The database's.
pub async fn list(
    db: &impl ConnectionTrait,
    only_open: bool,
    offset: u64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let wanted = if only_open {
        &[OPEN][..]
    } else {
        &[OPEN, ANSWERED]
    };
    Entity::find()
        .filter(Column::State.is_in(wanted.iter().copied()))
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .offset(offset)
        .limit(limit)
        .all(db)
        .await
}

/// The talk with a person, the newest first.
///
/// # Errors
/// The database's.
pub async fn of_user(
    db: &impl ConnectionTrait,
    user: i64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::UserId.eq(user))
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// How many wait for an answer.
///
/// # Errors
/// The database's.
pub async fn waiting(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::State.eq(OPEN))
        .count(db)
        .await
}
