//! Who did what, when, on what. Rows are only ever added.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder, QuerySelect};

use super::{micros, storable};

/// A deed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// When.
    pub at: i64,
    /// Who: a login, or `api`.
    pub staff: String,
    /// What, in the past tense.
    pub action: String,
    /// On what kind of thing.
    pub object_kind: String,
    /// On which.
    pub object_id: String,
    /// More about it; no secret, no text of a message.
    #[sea_orm(column_type = "Text")]
    pub detail: String,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A deed to be entered.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// Who: a login, or `api`.
    pub staff: &'a str,
    /// What, in the past tense.
    pub action: &'a str,
    /// On which kind of thing, and which.
    pub object: (&'a str, &'a str),
    /// More about it.
    pub detail: &'a str,
}

/// Enters a deed.
///
/// # Errors
/// The database's.
pub async fn enter(
    db: &impl ConnectionTrait,
    deed: Deed<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: ActiveValue::NotSet,
        at: ActiveValue::Set(micros(now)),
        staff: ActiveValue::Set(deed.staff.to_owned()),
        action: ActiveValue::Set(deed.action.to_owned()),
        object_kind: ActiveValue::Set(deed.object.0.to_owned()),
        object_id: ActiveValue::Set(deed.object.1.to_owned()),
        detail: ActiveValue::Set(storable(deed.detail)),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Deeds, the newest first.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl ConnectionTrait, offset: u64, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_desc(Column::Id)
        .offset(offset)
        .limit(limit)
        .all(db)
        .await
}
