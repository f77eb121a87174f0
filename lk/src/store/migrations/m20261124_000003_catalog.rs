//! What a product says in a receipt and for how long it is sold, stocks of keys, promo codes, ends of subscriptions.

use sea_orm_migration::prelude::*;

use super::columns::{
    counter, flag, index, number, optional_number, optional_text, row_number, text,
};

/// The step's name is that of its file.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

fn tables() -> [TableCreateStatement; 5] {
    [
        Table::create()
            .table("stocks")
            .col(text("product_id").primary_key())
            .col(number("version"))
            .col(number("free"))
            .col(number("given"))
            .col(number("waiting"))
            .take(),
        Table::create()
            .table("stock_keys")
            .col(row_number("id"))
            .col(text("product_id"))
            .col(text("secret"))
            .col(text("upload_id"))
            .col(number("added_at"))
            .col(optional_number("invoice_id"))
            .col(optional_number("given_at"))
            .take(),
        Table::create()
            .table("stock_queue")
            .col(number("invoice_id").primary_key())
            .col(text("product_id"))
            .col(number("paid_at"))
            .take(),
        Table::create()
            .table("promos")
            .col(text("code_key").primary_key())
            .col(text("code"))
            .col(number("version"))
            .col(optional_number("percent"))
            .col(optional_number("amount"))
            .col(optional_number("use_limit"))
            .col(flag("once_per_person"))
            .col(optional_number("starts_at"))
            .col(optional_number("ends_at"))
            .col(flag("active"))
            .col(number("used"))
            .col(number("used_version"))
            .take(),
        Table::create()
            .table("promo_uses")
            .col(number("invoice_id").primary_key())
            .col(text("code_key"))
            .col(number("user_id"))
            .col(flag("released"))
            .col(number("at"))
            .take(),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement each: SQLite adds one column at a time.
        for (table, column) in [
            ("products", counter("menu_version")),
            ("products", flag("shown").default(false).to_owned()),
            ("products", optional_number("days")),
            ("products", optional_number("low_stock")),
            ("products", text("tax").default("none").to_owned()),
            ("products", optional_text("payment_object")),
            ("products", optional_text("payment_method")),
            ("invoices", optional_number("full_price")),
            ("invoices", optional_text("promo_code")),
            ("invoices", optional_number("days")),
            ("invoices", optional_text("receipt")),
            ("entitlements", optional_number("chat_id")),
            ("entitlements", optional_number("remind_at")),
            ("entitlements", flag("closed").default(false).to_owned()),
        ] {
            let add = Table::alter().table(table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        // What the bot was told of before this step.
        manager
            .get_connection()
            .execute_unprepared("UPDATE products SET menu_version = version, shown = active")
            .await?;
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in [
            // One key per invoice, and no key twice in a product's stock.
            index("stock_keys", "stock_keys_once", &["invoice_id"])
                .unique()
                .to_owned(),
            index("stock_keys", "stock_keys_known", &["product_id", "secret"])
                .unique()
                .to_owned(),
            index(
                "stock_keys",
                "stock_keys_free",
                &["product_id", "invoice_id", "id"],
            ),
            index(
                "stock_queue",
                "stock_queue_order",
                &["product_id", "paid_at"],
            ),
            index("promo_uses", "promo_uses_by_user", &["user_id", "code_key"]),
            index(
                "entitlements",
                "entitlements_by_end",
                &["closed", "ends_at"],
            ),
            index("entitlements", "entitlements_by_reminder", &["remind_at"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "these tables hold what people paid for and are not dropped".to_owned(),
        ))
    }
}
