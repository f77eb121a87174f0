//! Dedupe for SQL services: the mark is a row in the same transaction as the effects, so there is no state between.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait};

use super::HandleError;

/// A record that was handled.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "handled_messages")]
pub struct Model {
    /// Its message-id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: String,
    /// When, in microseconds since 1970.
    pub handled_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Marks a record as handled within the caller's transaction. False: it has been handled before, do nothing.
///
/// # Errors
/// The database's.
pub async fn first_time(
    db: &impl ConnectionTrait,
    message_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        message_id: ActiveValue::Set(message_id.to_owned()),
        handled_at: ActiveValue::Set(now.timestamp_micros()),
    };
    let inserted = Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::MessageId)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(db)
        .await;
    match inserted {
        Ok(rows) => Ok(rows > 0),
        Err(DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Forgets records that were handled before `before`; Kafka no longer has them.
///
/// # Errors
/// The database's.
pub async fn forget(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let gone = Entity::delete_many()
        .filter(Column::HandledAt.lt(before.timestamp_micros()))
        .exec(db)
        .await?;
    Ok(gone.rows_affected)
}

impl From<DbErr> for HandleError {
    /// Every database error of a handler pauses its topic: a constraint that a record can't satisfy is found out
    /// before the write and answered as bad data.
    fn from(error: DbErr) -> HandleError {
        HandleError::unavailable("database", error)
    }
}
