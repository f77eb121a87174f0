//! LK's books, read from its database: what no interface shows must hold there.

use geobot_shared::ids::ProductId;
use sea_orm::{ConnectionTrait, Database, Statement};

/// The database of the running LK.
#[derive(Clone, Debug)]
pub struct Ledger {
    address: String,
}

/// What LK's books say of many invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Books {
    /// Invoices.
    pub invoices: usize,
    /// Those that are paid.
    pub paid: usize,
    /// Those that the bot says are delivered.
    pub delivered: usize,
    /// Payments in the ledger.
    pub entries: usize,
    /// Their invoices.
    pub entered: usize,
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

    /// Whether LK has a product.
    ///
    /// # Panics
    /// When the database can't be read.
    pub async fn has_product(&self, product: ProductId) -> bool {
        let found = format!("SELECT version AS n FROM products WHERE product_id = '{product}'");
        !self.numbers(&found).await.is_empty()
    }

    /// What the books say of all invoices for a product.
    ///
    /// # Panics
    /// When the database can't be read.
    pub async fn books(&self, product: ProductId) -> Books {
        let of_it = format!("FROM invoices WHERE product_id = '{product}'");
        let entries = format!(
            "FROM ledger WHERE kind = 'payment' AND invoice_id IN (SELECT invoice_id {of_it})"
        );
        Books {
            invoices: self.count(&format!("COUNT(*) AS n {of_it}")).await,
            paid: self
                .count(&format!("COUNT(*) AS n {of_it} AND status = 'paid'"))
                .await,
            delivered: self
                .count(&format!("COUNT(*) AS n {of_it} AND routing = 'delivered'"))
                .await,
            entries: self.count(&format!("COUNT(*) AS n {entries}")).await,
            entered: self
                .count(&format!("COUNT(DISTINCT invoice_id) AS n {entries}"))
                .await,
        }
    }

    async fn count(&self, what: &str) -> usize {
        let counted = self.numbers(&format!("SELECT {what}")).await;
        counted
            .first()
            .and_then(|&n| usize::try_from(n).ok())
            .expect("a count")
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
