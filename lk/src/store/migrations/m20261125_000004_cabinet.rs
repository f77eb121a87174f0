//! Sign-in links of the cabinet and the browsers that are signed in.

use sea_orm_migration::prelude::*;

use super::columns::{index, number, text};

/// The step's name is that of its file.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            // One row a person: a newer link takes the place of the older.
            Table::create()
                .table("sign_in_links")
                .col(number("user_id").primary_key())
                .col(text("token_hash"))
                .col(number("expires_at"))
                .take(),
            Table::create()
                .table("sessions")
                .col(text("token_hash").primary_key())
                .col(number("user_id"))
                .col(number("created_at"))
                .col(number("expires_at"))
                .take(),
        ] {
            manager.create_table(table).await?;
        }
        for index in [
            index("sign_in_links", "sign_in_links_by_token", &["token_hash"])
                .unique()
                .to_owned(),
            index("sessions", "sessions_by_user", &["user_id"]),
            index("sessions", "sessions_by_end", &["expires_at"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["sign_in_links", "sessions"] {
            manager
                .drop_table(Table::drop().table(table).take())
                .await?;
        }
        Ok(())
    }
}
