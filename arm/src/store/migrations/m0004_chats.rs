//! Chats in which the bot is more than a guest.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, string, string_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("chats")
            .col(big_integer("chat_id").primary_key())
            .col(string("title"))
            .col(string("kind"))
            .col(string_null("username"))
            .col(boolean("admin"))
            .col(boolean("can_invite"))
            .col(boolean("can_restrict"))
            .col(big_integer("said_at"))
            .take();
        manager.create_table(table).await
    }
}
