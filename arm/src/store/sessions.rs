//! Signed-in browsers. The cookie holds a random token; the table only its SHA-256, so that a copy of the database
//! signs nobody in.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::IntoActiveModel;
use sea_orm::entity::prelude::*;
use sha2::{Digest, Sha256};

use super::{micros, staff};

/// How long a session lasts.
pub const LIFETIME: TimeDelta = TimeDelta::hours(12);

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// SHA-256 of the cookie's token, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    /// Whose it is.
    pub staff_id: i64,
    /// What every form of the session carries.
    pub csrf: String,
    /// When the person signed in.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn random_token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Opens a session and returns the token for the cookie. Sessions that have ended are forgotten on the way.
///
/// # Errors
/// The database's.
pub async fn open(
    db: &impl ConnectionTrait,
    staff_id: i64,
    now: DateTime<Utc>,
) -> Result<String, DbErr> {
    Entity::delete_many()
        .filter(Column::ExpiresAt.lte(micros(now)))
        .exec(db)
        .await?;
    let token = random_token();
    let row = Model {
        token_hash: hash(&token),
        staff_id,
        csrf: random_token(),
        created_at: micros(now),
        expires_at: micros(now + LIFETIME),
    };
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(token)
}

/// The session of a cookie's token and its account, unless it has ended or the account is disabled.
///
/// # Errors
/// The database's.
pub async fn find(
    db: &impl ConnectionTrait,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Option<(Model, staff::Model)>, DbErr> {
    let session = Entity::find_by_id(hash(token))
        .filter(Column::ExpiresAt.gt(micros(now)))
        .one(db)
        .await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let account = staff::by_id(db, session.staff_id).await?;
    Ok(account
        .filter(|account| !account.disabled)
        .map(|account| (session, account)))
}

/// Ends the session of a cookie's token.
///
/// # Errors
/// The database's.
pub async fn close(db: &impl ConnectionTrait, token: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(hash(token)).exec(db).await?;
    Ok(())
}

/// Ends all sessions of an account.
///
/// # Errors
/// The database's.
pub async fn close_all(db: &impl ConnectionTrait, staff_id: i64) -> Result<(), DbErr> {
    close_others(db, staff_id, "").await
}

/// Ends all sessions of an account but one (a token hash).
///
/// # Errors
/// The database's.
pub async fn close_others(
    db: &impl ConnectionTrait,
    staff_id: i64,
    but: &str,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::StaffId.eq(staff_id))
        .filter(Column::TokenHash.ne(but))
        .exec(db)
        .await?;
    Ok(())
}
