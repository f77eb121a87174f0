//! What a product says in a receipt, stocks, promo codes, where an invoice's money stands, one-time passwords.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer_null, string, string_null, text_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement each: SQLite adds one column at a time.
        for (table, column) in [
            ("products", big_integer_null("days")),
            ("products", big_integer_null("low_stock")),
            ("products", string("tax").default("none").take()),
            ("products", string_null("payment_object")),
            ("products", string_null("payment_method")),
            ("invoices", big_integer_null("full_price")),
            ("invoices", string_null("promo_code")),
            ("invoices", big_integer_null("received")),
            ("invoices", big_integer("refunded").default(0).take()),
            ("invoices", big_integer("reserved").default(0).take()),
            ("invoices", text_null("refunds")),
            ("staff", boolean("must_change").default(false).take()),
        ] {
            let add = Table::alter().table(table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        for table in [
            Table::create()
                .table("stocks")
                .col(string("product_id").primary_key())
                .col(big_integer("version"))
                .col(big_integer("free"))
                .col(big_integer("given"))
                .col(big_integer("waiting"))
                .take(),
            Table::create()
                .table("promos")
                .col(string("code_key").primary_key())
                .col(string("code"))
                .col(big_integer("version"))
                .col(integer_null("percent"))
                .col(big_integer_null("amount"))
                .col(big_integer_null("use_limit"))
                .col(boolean("once_per_person"))
                .col(big_integer_null("starts_at"))
                .col(big_integer_null("ends_at"))
                .col(boolean("active"))
                .col(big_integer("used"))
                .col(big_integer("used_version"))
                .col(big_integer("created_at"))
                .col(big_integer("updated_at"))
                .take(),
        ] {
            manager.create_table(table).await?;
        }
        Ok(())
    }
}
