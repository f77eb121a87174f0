//! The tables' history. A step that was released is never changed; the next one is added below it.

mod columns;
mod m20261124_000001_first_tables;
mod m20261124_000002_money;
mod m20261124_000003_catalog;
mod m20261125_000004_cabinet;

use sea_orm_migration::prelude::*;

/// Brings a database to the present form.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_first_tables::Migration),
            Box::new(m20261124_000002_money::Migration),
            Box::new(m20261124_000003_catalog::Migration),
            Box::new(m20261125_000004_cabinet::Migration),
        ]
    }
}
