//! Whether the shop is closed for maintenance.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("maintenance")
            .col(big_integer("id").primary_key())
            .col(boolean("closed"))
            .col(big_integer("version"))
            .col(big_integer("changed_at"))
            .take();
        manager.create_table(table).await
    }
}
