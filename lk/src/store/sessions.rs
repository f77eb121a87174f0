//! `sessions`: browsers that are signed in to the cabinet. The cookie holds a random token; the table only its hash, so
//! that a copy of the database signs nobody in.

use chrono::{DateTime, Utc};
use geobot_shared::ids::TelegramUserId;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// SHA-256 of the cookie's token, base64url.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub token_hash: String,
    /// Who is signed in.
    pub user_id: i64,
    /// When the person signed in.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Opens a session. Those that have ended are forgotten on the way.
///
/// # Errors
/// The database's.
pub async fn open(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    token_hash: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::ExpiresAt.lte(now.timestamp_micros()))
        .exec(db)
        .await?;
    Entity::insert(ActiveModel {
        token_hash: ActiveValue::Set(token_hash.to_owned()),
        user_id: ActiveValue::Set(user.get()),
        created_at: ActiveValue::Set(now.timestamp_micros()),
        expires_at: ActiveValue::Set(expires_at.timestamp_micros()),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Who is signed in with it, unless it has ended.
///
/// # Errors
/// The database's.
pub async fn find(
    db: &impl ConnectionTrait,
    token_hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<TelegramUserId>, DbErr> {
    let row = Entity::find_by_id(token_hash)
        .filter(Column::ExpiresAt.gt(now.timestamp_micros()))
        .one(db)
        .await?;
    Ok(row.map(|row| TelegramUserId(row.user_id)))
}

/// Ends a session.
///
/// # Errors
/// The database's.
pub async fn close(db: &impl ConnectionTrait, token_hash: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(token_hash).exec(db).await?;
    Ok(())
}

/// Ends all sessions of a person, and returns how many there were.
///
/// # Errors
/// The database's.
pub async fn close_all(db: &impl ConnectionTrait, user: TelegramUserId) -> Result<u64, DbErr> {
    let gone = Entity::delete_many()
        .filter(Column::UserId.eq(user.get()))
        .exec(db)
        .await?;
    Ok(gone.rows_affected)
}
