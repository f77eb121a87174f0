//! One replica at a time asks the outside world. PostgreSQL: an advisory lock, held by a transaction that writes
//! nothing; SQLite has one process anyway. Only politeness: each row is claimed by a conditional statement as well.

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, Statement,
    TransactionTrait,
};

/// The lock of the reconciler.
pub(super) const RECONCILE: i64 = 0x0067_656f_7265_636f;
/// The lock of refunds.
pub(super) const REFUND: i64 = 0x0067_656f_7265_6675;

/// The turn of this replica. It ends with [`Turn::end`], or a little after this is dropped.
pub(super) struct Turn {
    held: Option<DatabaseTransaction>,
}

impl Turn {
    /// `None` while another replica has it.
    pub(super) async fn take(db: &DatabaseConnection, lock: i64) -> Result<Option<Turn>, DbErr> {
        if db.get_database_backend() != DatabaseBackend::Postgres {
            return Ok(Some(Turn { held: None }));
        }
        let transaction = db.begin().await?;
        let asked = Statement::from_sql_and_values(
            DatabaseBackend::Postgres,
            "SELECT pg_try_advisory_xact_lock($1) AS free",
            [lock.into()],
        );
        let free = match transaction.query_one_raw(asked).await? {
            Some(row) => row.try_get("", "free")?,
            None => false,
        };
        if free {
            return Ok(Some(Turn {
                held: Some(transaction),
            }));
        }
        transaction.rollback().await?;
        Ok(None)
    }

    /// Ends the turn at once.
    pub(super) async fn end(self) -> Result<(), DbErr> {
        match self.held {
            Some(transaction) => transaction.rollback().await,
            None => Ok(()),
        }
    }
}
