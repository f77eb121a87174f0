//! The changes of the tables, in their order. A migration that was released is never changed.

mod m0001_first_tables;
mod m0002_catalog;
mod m0003_maintenance;
mod m0004_chats;
mod m0005_message_files;
mod m0006_tasks;

use sea_orm_migration::prelude::*;

/// Runs them.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first_tables::Migration),
            Box::new(m0002_catalog::Migration),
            Box::new(m0003_maintenance::Migration),
            Box::new(m0004_chats::Migration),
            Box::new(m0005_message_files::Migration),
            Box::new(m0006_tasks::Migration),
        ]
    }
}
