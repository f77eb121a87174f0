//! ARM's database: SQLite or PostgreSQL, one file per table.
//!
//! Times are microseconds since 1970 (UTC), money is kopecks, enums are their words on the wire.
//! ARM's own truth: maintenance, staff, sessions, products, promo codes, messages, tasks, audit. Read models fed by the sync topics:
//! users, invoices, entitlements, stocks, chats, events, deliveries.

pub mod audit;
pub mod chats;
pub mod deliveries;
pub mod entitlements;
pub mod events;
pub mod invoices;
pub mod maintenance;
pub mod messages;
pub mod migrations;
pub mod products;
pub mod promos;
pub mod sales;
pub mod sessions;
pub mod staff;
pub mod stocks;
pub mod tasks;
pub mod users;
mod version;

use chrono::{DateTime, Utc};
use geobot_shared::sql;
use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;

/// Brings the tables to what this version needs.
///
/// # Errors
/// The database's.
pub async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    sql::migrate(db, migrations::Migrator::up(db, None)).await
}

/// A time as it is stored.
pub fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// A stored time.
pub fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// Text from outside as it can be stored: PostgreSQL takes no NUL, and a record that can't be stored would hold up
/// its topic for ever.
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn storable_option(text: Option<&String>) -> Option<String> {
    text.map(|text| storable(text))
}

/// A row that this version can't read.
fn unreadable(what: &str, error: impl std::fmt::Display) -> DbErr {
    DbErr::Type(format!("a stored {what} can't be read: {error}"))
}
