//! The databases of the services that own one: SQLite by default, PostgreSQL by address, the same code for both.

use std::path::Path;
use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

/// The address of a service's database: the setting if there is one, else a SQLite file in the data folder, which is
/// made if it is missing.
///
/// # Errors
/// When the folder can't be made.
pub fn database_url(setting: &str, data_dir: &Path, file: &str) -> std::io::Result<String> {
    if !setting.is_empty() {
        return Ok(setting.to_owned());
    }
    std::fs::create_dir_all(data_dir)?;
    Ok(format!(
        "sqlite://{}?mode=rwc",
        data_dir.join(file).display()
    ))
}

/// Opens a database. SQLite gets one connection, write-ahead log and full durability: a committed payment survives a
/// power cut.
///
/// # Errors
/// When the database can't be reached.
pub async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .sqlx_logging(false)
        .acquire_timeout(Duration::from_secs(10));
    if url.starts_with("sqlite:") {
        options
            .max_connections(1)
            .min_connections(1)
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .pragma("journal_mode", "WAL")
                    .pragma("synchronous", "FULL")
                    .pragma("foreign_keys", "ON")
                    .busy_timeout(Duration::from_secs(5))
            });
        // One connection is one writer; it is never given up, so that it is never opened anew under load.
        options
            .idle_timeout(None::<Duration>)
            .max_lifetime(None::<Duration>);
    } else {
        options
            .max_connections(10)
            .connect_timeout(Duration::from_secs(5));
    }
    Database::connect(options).await
}

/// Begins a transaction that may write. On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a read that
/// turns into a write later could fail with SQLITE_BUSY.
///
/// # Errors
/// The database's.
pub async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    })
    .await
}
