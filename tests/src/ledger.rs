//! LK's books, read from its database: what no interface shows must hold there.

use sea_orm::{ConnectionTrait, Database, Statement};

/// The database of the running LK.
#[derive(Clone, Debug)]
pub struct Ledger {
    address: String,
}

impl Ledger {
    /// In the database at this address.
    #[must_use]
    pub fn new(address: &str) -> Ledger {
        Ledger {
            address: address.to_owned(),
        }
    }

    /// The amounts in kopecks that were entered for an invoice, each movement one.
    ///
    /// # Panics
    /// When the database can't be read.
    pub async fn entries(&self, invoice: u64) -> Vec<i64> {
        self.numbers(&format!(
            "SELECT amount AS n FROM ledger WHERE invoice_id = {invoice} ORDER BY id"
        ))
        .await
    }

    /// How many callbacks of Robokassa are stored for an invoice number, known or not.
    ///
    /// # Panics
    /// When the database can't be read.
    pub async fn stored_callbacks(&self, invoice: u64) -> usize {
        self.numbers(&format!(
            r#"SELECT id AS n FROM callbacks WHERE params LIKE '%["InvId","{invoice}"]%'"#
        ))
        .await
        .len()
    }

    async fn numbers(&self, sql: &str) -> Vec<i64> {
        let db = Database::connect(&self.address)
            .await
            .expect("LK's database opens");
        let rows = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
            .expect("LK's database answers");
        let numbers = rows
            .iter()
            .map(|row| row.try_get("", "n").expect("a number"))
            .collect();
        db.close().await.expect("LK's database closes");
        numbers
    }
}

/// Makes an empty PostgreSQL database and returns its address.
///
/// # Errors
/// PostgreSQL's.
pub async fn new_postgres_database(server: &str, name: &str) -> anyhow::Result<String> {
    let db = Database::connect(server).await?;
    for sql in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name}"),
    ] {
        db.execute_unprepared(&sql).await?;
    }
    db.close().await?;
    let mut address = url::Url::parse(server)?;
    address.set_path(name);
    Ok(address.to_string())
}
