//! Accounts, products, invoices, callbacks, ledger, entitlements, outbox, handled messages.

use geobot_shared::bus::{dedupe, outbox};
use sea_orm::Schema;
use sea_orm_migration::prelude::*;

use super::columns::{flag, index, number, optional_number, optional_text, row_number, text};

/// The step's name is that of its file.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

fn key(mut column: ColumnDef) -> ColumnDef {
    column.primary_key().to_owned()
}

fn table(name: &'static str, columns: Vec<ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for column in columns {
        table.col(column);
    }
    table
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = [
            table(
                "accounts",
                vec![
                    key(number("user_id")),
                    number("version"),
                    text("first_name"),
                    optional_text("last_name"),
                    optional_text("username"),
                    text("language"),
                    flag("blocked"),
                    flag("wants_news"),
                    flag("wants_reminders"),
                    number("created_at"),
                ],
            ),
            table(
                "products",
                vec![
                    key(text("product_id")),
                    number("version"),
                    text("title"),
                    text("description"),
                    number("price"),
                    text("delivery"),
                    flag("active"),
                    number("position"),
                ],
            ),
            table(
                "invoices",
                vec![
                    key(number("invoice_id")),
                    number("version"),
                    number("user_id"),
                    number("chat_id"),
                    text("product_id"),
                    text("title"),
                    number("amount"),
                    text("mode"),
                    text("status"),
                    text("routing"),
                    optional_text("cause"),
                    text("story"),
                    text("delivery"),
                    number("created_at"),
                    number("expires_at"),
                    optional_number("paid_at"),
                    optional_number("republish_at"),
                    number("republish_count"),
                ],
            ),
            table(
                "callbacks",
                vec![
                    row_number("id"),
                    optional_number("invoice_id"),
                    text("params"),
                    text("out_sum"),
                    number("received_at"),
                    text("remote_ip"),
                    text("verdict"),
                ],
            ),
            table(
                "ledger",
                vec![
                    row_number("id"),
                    number("invoice_id"),
                    text("kind"),
                    number("user_id"),
                    number("amount"),
                    text("mode"),
                    text("reason"),
                    number("created_at"),
                ],
            ),
            table(
                "entitlements",
                vec![
                    key(number("invoice_id")),
                    number("version"),
                    number("user_id"),
                    text("product_id"),
                    text("title"),
                    number("starts_at"),
                    optional_number("ends_at"),
                    flag("revoked"),
                    optional_number("delivered_at"),
                ],
            ),
        ];
        for table in tables {
            manager.create_table(table).await?;
        }
        let schema = Schema::new(manager.get_database_backend());
        for mut shared in [
            schema.create_table_from_entity(outbox::Entity),
            schema.create_table_from_entity(dedupe::Entity),
        ] {
            manager
                .create_table(shared.if_not_exists().to_owned())
                .await?;
        }
        let indexes = [
            index("invoices", "invoices_by_user", &["user_id", "created_at"]),
            index("invoices", "invoices_by_expiry", &["status", "expires_at"]),
            index("invoices", "invoices_by_republish", &["republish_at"]),
            index("callbacks", "callbacks_by_invoice", &["invoice_id"]),
            // Promise P2: an invoice is credited once.
            index("ledger", "ledger_once", &["invoice_id", "kind"])
                .unique()
                .to_owned(),
            index("ledger", "ledger_by_user", &["user_id"]),
            index("entitlements", "entitlements_by_user", &["user_id"]),
            index("outbox", "outbox_waiting", &["published_at", "id"]),
            index("handled_messages", "handled_by_time", &["handled_at"]),
        ];
        for index in indexes {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "the first tables hold payments and are not dropped".to_owned(),
        ))
    }
}
