//! How often a job was handed out and for which invoice, and the cities of people.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement each: SQLite adds one column at a time.
        for (table, column) in [
            ("tasks", big_integer_null("invoice_id")),
            ("tasks", big_integer("handed_out").default(1).take()),
            ("users", string_null("city")),
            ("users", string_null("country")),
        ] {
            let add = Table::alter().table(table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        for (table, columns) in [
            ("tasks", &["invoice_id"][..]),
            ("tasks", &["state", "updated_at"]),
        ] {
            let mut index = Index::create();
            index
                .name(format!("{table}_{}", columns.join("_")))
                .table(table)
                .if_not_exists();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index.to_owned()).await?;
        }
        Ok(())
    }
}
