//! The databases of the services that own one: SQLite by default, PostgreSQL by address, the same code for both.

use std::path::Path;
use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection,
    DatabaseTransaction, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

/// PostgreSQL's advisory lock under which tables are changed.
const MIGRATIONS: i64 = 0x0067_656f_6d69_6772;

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
            // A file does not hang up; the question would double the cost of a small read.
            .test_before_acquire(false)
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .pragma("journal_mode", "WAL")
                    .pragma("synchronous", "FULL")
                    .pragma("foreign_keys", "ON")
                    // 16 MB. What is written often is carried over once, and everybody waits less often for that.
                    .pragma("wal_autocheckpoint", "4000")
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

/// Runs migrations while nobody else runs any on this database: of replicas that start at the same moment one changes
/// the tables, and the others wait and find nothing left to do. PostgreSQL: an advisory lock, which also ends with the
/// connection of whoever holds it. SQLite has one process.
///
/// # Errors
/// The database's, and those of `migrations`.
pub async fn migrate(
    db: &DatabaseConnection,
    migrations: impl Future<Output = Result<(), DbErr>>,
) -> Result<(), DbErr> {
    if db.get_database_backend() != DatabaseBackend::Postgres {
        return migrations.await;
    }
    // The lock is this transaction's, which does nothing else: the migrations have connections of their own.
    let holder = db.begin().await?;
    let lock = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT pg_advisory_xact_lock($1)",
        [MIGRATIONS.into()],
    );
    holder.execute_raw(lock).await?;
    let done = migrations.await;
    holder.rollback().await?;
    done
}
