//! How many messages were sent, by day and outcome: a broadcast to a million people is a few rows.

use chrono::{DateTime, Utc};
use geobot_shared::topics::arm_sync_tg::SendOutcome;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{ConnectionTrait, QuerySelect};

use super::version::insert_or;

/// A day's messages of one outcome.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    /// Days since 1970 (UTC).
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: i64,
    /// `sent`, `failed`, `unknown` or `cancelled`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub outcome: String,
    /// How many.
    pub messages: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// All outcomes.
pub const OUTCOMES: [SendOutcome; 4] = [
    SendOutcome::Sent,
    SendOutcome::Failed,
    SendOutcome::Unknown,
    SendOutcome::Cancelled,
];

/// The word of an outcome in the database.
pub const fn word(outcome: SendOutcome) -> &'static str {
    match outcome {
        SendOutcome::Sent => "sent",
        SendOutcome::Failed => "failed",
        SendOutcome::Unknown => "unknown",
        SendOutcome::Cancelled => "cancelled",
    }
}

fn day_of(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(86_400)
}

/// Counts messages.
///
/// # Errors
/// The database's.
pub async fn add(
    db: &impl ConnectionTrait,
    outcome: SendOutcome,
    messages: i64,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = Model {
        day: day_of(at),
        outcome: word(outcome).to_owned(),
        messages,
    };
    let conflict = OnConflict::columns([Column::Day, Column::Outcome])
        .value(
            Column::Messages,
            Expr::col((Entity, Column::Messages)).add(Expr::col(("excluded", Column::Messages))),
        )
        .to_owned();
    insert_or(db, row, conflict).await?;
    Ok(())
}

/// How many messages ended so since a time (whole days, UTC).
///
/// # Errors
/// The database's.
pub async fn since(
    db: &impl ConnectionTrait,
    outcome: SendOutcome,
    since: DateTime<Utc>,
) -> Result<i64, DbErr> {
    let sum: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(
            Expr::col(Column::Messages).sum().cast_as("BIGINT"),
            "messages",
        )
        .filter(Column::Day.gte(day_of(since)))
        .filter(Column::Outcome.eq(word(outcome)))
        .into_tuple()
        .one(db)
        .await?;
    Ok(sum.flatten().unwrap_or_default())
}
