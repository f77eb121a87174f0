//! The first tables.

use geobot_shared::bus::{dedupe, outbox};
use sea_orm::Schema;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, integer, string, string_null, string_uniq,
    text, text_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        let schema = Schema::new(manager.get_database_backend());
        for mut table in [
            schema.create_table_from_entity(outbox::Entity),
            schema.create_table_from_entity(dedupe::Entity),
        ] {
            manager
                .create_table(table.if_not_exists().to_owned())
                .await?;
        }
        for (table, columns) in INDEXES {
            let mut index = Index::create();
            index
                .name(format!("{table}_{}", columns.join("_")))
                .table(*table)
                .if_not_exists();
            for column in *columns {
                index.col(*column);
            }
            manager.create_index(index.to_owned()).await?;
        }
        Ok(())
    }
}

const INDEXES: &[(&str, &[&str])] = &[
    ("sessions", &["expires_at"]),
    ("users", &["created_at"]),
    ("invoices", &["user_id", "created_at"]),
    ("invoices", &["status", "created_at"]),
    ("invoices", &["created_at"]),
    ("invoices", &["paid_at"]),
    ("entitlements", &["user_id"]),
    ("messages", &["user_id", "at"]),
    ("messages", &["state", "at"]),
    ("tasks", &["created_at"]),
    ("events", &["invoice_id"]),
    ("events", &["user_id", "at"]),
    ("audit", &["at"]),
    ("outbox", &["published_at", "id"]),
    ("handled_messages", &["handled_at"]),
];

fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).if_not_exists().take()
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        table("staff")
            .col(big_pk_auto("id"))
            .col(string_uniq("login"))
            .col(string("password_hash"))
            .col(string("role"))
            .col(boolean("disabled"))
            .col(big_integer("created_at"))
            .take(),
        table("sessions")
            .col(string("token_hash").primary_key())
            .col(big_integer("staff_id"))
            .col(string("csrf"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .take(),
        table("products")
            .col(string("product_id").primary_key())
            .col(big_integer("version"))
            .col(string("title"))
            .col(text("description"))
            .col(big_integer("price"))
            .col(text("delivery"))
            .col(boolean("active"))
            .col(integer("position"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .take(),
        table("users")
            .col(big_integer("user_id").primary_key())
            .col(big_integer("version"))
            .col(string("first_name"))
            .col(string_null("last_name"))
            .col(string_null("username"))
            .col(string("language"))
            .col(boolean("blocked"))
            .col(big_integer("created_at"))
            .col(text("search"))
            .col(big_integer_null("chat_id"))
            .col(big_integer_null("started_at"))
            .col(text_null("start_payload"))
            .col(big_integer_null("unreachable_at"))
            .col(text_null("unreachable_reason"))
            .take(),
        table("invoices")
            .col(big_integer("invoice_id").primary_key())
            .col(big_integer("version"))
            .col(big_integer("user_id"))
            .col(string("product_id"))
            .col(string("title"))
            .col(big_integer("amount"))
            .col(string("mode"))
            .col(string("status"))
            .col(string("routing"))
            .col(text_null("cause"))
            .col(big_integer("created_at"))
            .col(big_integer_null("paid_at"))
            .take(),
        table("entitlements")
            .col(big_integer("invoice_id").primary_key())
            .col(big_integer("version"))
            .col(big_integer("user_id"))
            .col(string("product_id"))
            .col(string("title"))
            .col(big_integer("starts_at"))
            .col(big_integer_null("ends_at"))
            .col(boolean("revoked"))
            .take(),
        table("messages")
            .col(big_pk_auto("id"))
            .col(big_integer("user_id"))
            .col(string("source"))
            .col(string("state"))
            .col(big_integer_null("chat_id"))
            .col(big_integer_null("telegram_message_id"))
            .col(text_null("text"))
            .col(big_integer("at"))
            .col(string_null("staff"))
            .col(big_integer_null("answer_to"))
            .take(),
        table("tasks")
            .col(string("task_id").primary_key())
            .col(string("kind"))
            .col(text("args"))
            .col(string("state"))
            .col(string("requested_by"))
            .col(string_null("worker"))
            .col(big_integer("done"))
            .col(big_integer("total"))
            .col(text_null("result"))
            .col(text_null("reason"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .take(),
        table("events")
            .col(big_pk_auto("id"))
            .col(string("kind"))
            .col(big_integer("user_id"))
            .col(big_integer_null("invoice_id"))
            .col(text("detail"))
            .col(big_integer("at"))
            .take(),
        table("deliveries")
            .col(big_integer("day"))
            .col(string("outcome"))
            .col(big_integer("messages"))
            .primary_key(Index::create().col("day").col("outcome"))
            .take(),
        table("audit")
            .col(big_pk_auto("id"))
            .col(big_integer("at"))
            .col(string("staff"))
            .col(string("action"))
            .col(string("object_kind"))
            .col(string("object_id"))
            .col(text("detail"))
            .take(),
    ]
}
