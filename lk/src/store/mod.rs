//! LK's database: one file per table, migrations, and the few things all of them need.
//!
//! Times are microseconds since 1970 in UTC, amounts whole kopecks, ids 64-bit numbers: the same on SQLite and
//! PostgreSQL. What is read is parsed into types here; a row that can't be is a broken database, not a broken record.

pub mod accounts;
pub mod callbacks;
pub mod entitlements;
pub mod invoices;
pub mod ledger;
pub mod migrations;
pub mod notifications;
pub mod products;
pub mod promos;
pub mod refunds;
pub mod sessions;
pub mod sign_in_links;
pub mod stock;

use chrono::{DateTime, Utc};
use geobot_shared::sql;
use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;
use secrecy::ExposeSecret;

use crate::settings::Settings;

/// Why the database can't be used; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of the SQLite file.
    #[error("the data folder `{folder}` can't be made: {source}")]
    Folder {
        /// Which folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// It can't be reached or brought to the present form.
    #[error("the database can't be used, check LK_DATABASE_URL: {0}")]
    Database(#[from] DbErr),
}

/// Opens the database of the settings and brings its tables to the present form.
///
/// # Errors
/// [`OpenError`].
pub async fn open(settings: &Settings) -> Result<DatabaseConnection, OpenError> {
    let folder = settings.stack.data_dir();
    let url = sql::database_url(
        settings.database_url.expose_secret().trim(),
        &folder,
        "lk.sqlite",
    )
    .map_err(|source| OpenError::Folder {
        folder: folder.display().to_string(),
        source,
    })?;
    Ok(connect(&url).await?)
}

/// Opens the database at `url` and brings its tables to the present form.
///
/// # Errors
/// The database's.
pub async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let db = sql::connect(url).await?;
    sql::migrate(&db, migrations::Migrator::up(&db, None)).await?;
    Ok(db)
}

/// Whether the database answers, for the service's readiness.
///
/// # Errors
/// What the database said.
pub async fn ping(db: DatabaseConnection) -> Result<(), String> {
    db.ping().await.map_err(|error| error.to_string())
}

/// Reads a column's time.
pub(crate) fn time(micros: i64) -> Result<DateTime<Utc>, DbErr> {
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| DbErr::Type(format!("{micros} is not a time")))
}

/// A stored text or number that is none of what it may be.
pub(crate) fn unreadable(what: &str, value: impl std::fmt::Display) -> DbErr {
    DbErr::Type(format!("`{value}` is not {what}"))
}
