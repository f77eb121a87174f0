//! What a SQLite database holds, by table with its indexes.

use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use serde::Serialize;

/// A table.
#[derive(Serialize)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) rows: i64,
    /// Pages of the table and its indexes, shared out among the rows.
    pub(super) bytes_each: i64,
}

/// The tables that have rows, the heaviest first.
pub(super) async fn of(file: &Path) -> anyhow::Result<Vec<Table>> {
    let db = Database::connect(format!("sqlite://{}?mode=ro", file.display())).await?;
    let ask = |sql: String| Statement::from_string(DatabaseBackend::Sqlite, sql);
    let sizes = "SELECT t.tbl_name AS name, SUM(s.pgsize) AS bytes FROM dbstat s \
                 JOIN sqlite_master t ON t.name = s.name GROUP BY t.tbl_name ORDER BY bytes DESC";
    let mut tables = Vec::new();
    for row in db.query_all_raw(ask(sizes.to_owned())).await? {
        let name: String = row.try_get("", "name")?;
        let bytes: i64 = row.try_get("", "bytes")?;
        let count = ask(format!(r#"SELECT COUNT(*) AS rows FROM "{name}""#));
        let rows: i64 = match db.query_one_raw(count).await? {
            Some(row) => row.try_get("", "rows")?,
            None => 0,
        };
        if rows > 0 {
            tables.push(Table {
                name,
                rows,
                bytes_each: bytes / rows,
            });
        }
    }
    Ok(tables)
}
