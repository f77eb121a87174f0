//! `sign_in_links`: the one link of each person that still signs in. Kept is only the hash of its token.

use chrono::{DateTime, Utc};
use geobot_shared::ids::TelegramUserId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_links")]
pub struct Model {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    /// SHA-256 of the token, base64url.
    #[sea_orm(column_type = "Text", unique)]
    pub token_hash: String,
    /// Until when it signs in.
    pub expires_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Enters a person's link in the place of the one before.
///
/// # Errors
/// The database's.
pub async fn replace(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    token_hash: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::insert(ActiveModel {
        user_id: ActiveValue::Set(user.get()),
        token_hash: ActiveValue::Set(token_hash.to_owned()),
        expires_at: ActiveValue::Set(expires_at.timestamp_micros()),
    })
    .on_conflict(
        OnConflict::column(Column::UserId)
            .update_columns([Column::TokenHash, Column::ExpiresAt])
            .to_owned(),
    )
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Whose link this is, if it still signs in. Nothing is used up.
///
/// # Errors
/// The database's.
pub async fn find(
    db: &impl ConnectionTrait,
    token_hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<TelegramUserId>, DbErr> {
    let row = Entity::find()
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::ExpiresAt.gt(now.timestamp_micros()))
        .one(db)
        .await?;
    Ok(row.map(|row| TelegramUserId(row.user_id)))
}

/// Uses a link up; false when somebody else has, or it has ended.
///
/// # Errors
/// The database's.
pub async fn take(
    db: &impl ConnectionTrait,
    token_hash: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let gone = Entity::delete_many()
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::ExpiresAt.gt(now.timestamp_micros()))
        .exec(db)
        .await?;
    Ok(gone.rows_affected == 1)
}

/// Forgets a person's link.
///
/// # Errors
/// The database's.
pub async fn forget_of(db: &impl ConnectionTrait, user: TelegramUserId) -> Result<(), DbErr> {
    Entity::delete_by_id(user.get()).exec(db).await?;
    Ok(())
}
