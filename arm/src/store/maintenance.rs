//! Whether the shop is closed for maintenance: one row, or none while it never was.

use chrono::{DateTime, Utc};
use geobot_shared::topics::tg_notify::MaintenanceChanged;
use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use super::micros;
use super::version::insert_or;

/// The only row's number.
const ONLY: i64 = 1;

/// The state.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "maintenance")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// People can't buy now.
    pub closed: bool,
    /// Grows with every change.
    pub version: i64,
    /// Since when it is so.
    pub changed_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// As the bot is told.
    pub fn state(&self) -> MaintenanceChanged {
        MaintenanceChanged {
            on: self.closed,
            version: self.version,
            until: None,
        }
    }
}

/// The state now.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl ConnectionTrait) -> Result<Model, DbErr> {
    let row = Entity::find_by_id(ONLY).one(db).await?;
    Ok(row.unwrap_or(Model {
        id: ONLY,
        closed: false,
        version: 0,
        changed_at: 0,
    }))
}

/// Closes or opens. `None`: it was so already. Call it inside of the transaction that tells the bot.
///
/// # Errors
/// The database's.
pub async fn set(
    db: &impl ConnectionTrait,
    closed: bool,
    now: DateTime<Utc>,
) -> Result<Option<Model>, DbErr> {
    let before = get(db).await?;
    if before.closed == closed {
        return Ok(None);
    }
    let row = Model {
        closed,
        // Not before's + 1: a database that was lost must not begin below what the bot has seen.
        version: micros(now).max(before.version + 1),
        changed_at: micros(now),
        ..before
    };
    let conflict = OnConflict::column(Column::Id)
        .update_columns([Column::Closed, Column::Version, Column::ChangedAt])
        .to_owned();
    insert_or(db, row.clone(), conflict).await?;
    Ok(Some(row))
}
