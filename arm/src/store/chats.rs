//! Channels and groups in which the bot is, or was, more than a guest, as the bot says: the later word wins.

use geobot_shared::topics::arm_sync_tg::{ChatChanged, ChatKind};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder};

use super::version::newer_wins;
use super::{micros, storable, storable_option};

/// A chat.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chats")]
pub struct Model {
    /// Telegram's number of it, below 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: i64,
    /// Its name.
    pub title: String,
    /// `channel` or `group`.
    pub kind: String,
    /// Its public name, without `@`.
    pub username: Option<String>,
    /// The bot is an administrator.
    pub admin: bool,
    /// The bot may make invite links.
    pub can_invite: bool,
    /// The bot may take people out.
    pub can_restrict: bool,
    /// When the bot said so.
    pub said_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Access to it can be sold: people get in, and out again.
    pub fn can_be_sold(&self) -> bool {
        self.admin && self.can_invite && self.can_restrict
    }
}

/// Takes the bot's word. False: a later one is stored.
///
/// # Errors
/// The database's.
pub async fn take(db: &impl ConnectionTrait, state: &ChatChanged) -> Result<bool, DbErr> {
    let row = Model {
        chat_id: state.chat_id.get(),
        title: storable(&state.title),
        kind: match state.kind {
            ChatKind::Channel => "channel",
            ChatKind::Group => "group",
        }
        .to_owned(),
        username: storable_option(state.username.as_ref()),
        admin: state.admin,
        can_invite: state.can_invite,
        can_restrict: state.can_restrict,
        said_at: micros(state.at),
    };
    newer_wins::<Entity, ActiveModel>(db, row, Column::ChatId, Column::SaidAt, &[]).await
}

/// All of them, by name.
///
/// # Errors
/// The database's.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::Title)
        .order_by_asc(Column::ChatId)
        .all(db)
        .await
}
