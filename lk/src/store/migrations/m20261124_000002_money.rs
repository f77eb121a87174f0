//! Where an invoice's money stands, when Robokassa is asked about it, refunds, ResultURL2's notifications.

use sea_orm_migration::prelude::*;

use super::columns::{counter, index, number, optional_number, optional_text, row_number, text};

/// The step's name is that of its file.
#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement each: SQLite adds one column at a time.
        for column in [
            optional_number("received"),
            counter("refunded"),
            counter("reserved"),
            counter("refund_count"),
            optional_text("source"),
            optional_text("op_key"),
            optional_number("check_at"),
            counter("check_count"),
            optional_number("asked_at"),
            optional_text("check_for"),
            counter("delivery_round"),
        ] {
            let add = Table::alter().table("invoices").add_column(column).take();
            manager.alter_table(add).await?;
        }
        // What was paid before this step was paid by a callback of the exact amount.
        manager
            .get_connection()
            .execute_unprepared(
                "UPDATE invoices SET received = amount, source = 'robokassa' WHERE status = 'paid'",
            )
            .await?;
        // What was open then is asked about as well.
        manager
            .get_connection()
            .execute_unprepared(
                "UPDATE invoices SET check_at = created_at WHERE mode = 'live' AND status IN ('pending', 'expired')",
            )
            .await?;

        let refunds = Table::create()
            .table("refunds")
            .col(text("refund_id").primary_key())
            .col(number("invoice_id"))
            .col(text("message_id"))
            .col(text("origin"))
            .col(number("amount"))
            .col(text("state"))
            .col(optional_text("request_id"))
            .col(optional_text("cause"))
            .col(text("staff"))
            .col(text("reason"))
            .col(text("story"))
            .col(number("created_at"))
            .col(optional_number("next_at"))
            .col(counter("tries"))
            .col(optional_number("called_at"))
            .col(optional_number("ended_at"))
            .take();
        let notifications = Table::create()
            .table("notifications")
            .col(row_number("id"))
            .col(optional_number("invoice_id"))
            .col(text("inv_id"))
            .col(text("op_key"))
            .col(text("state"))
            .col(optional_text("inc_sum"))
            .col(text("body"))
            .col(number("received_at"))
            .col(text("remote_ip"))
            .col(text("verdict"))
            .take();
        for table in [refunds, notifications] {
            manager.create_table(table).await?;
        }
        for index in [
            index("invoices", "invoices_by_check", &["check_at"]),
            index("invoices", "invoices_by_routing", &["user_id", "routing"]),
            // One refund per message, however often the message comes.
            index("refunds", "refunds_once", &["message_id"])
                .unique()
                .to_owned(),
            index("refunds", "refunds_by_invoice", &["invoice_id"]),
            index("refunds", "refunds_by_state", &["state", "next_at"]),
            index(
                "notifications",
                "notifications_once",
                &["inv_id", "op_key", "state"],
            )
            .unique()
            .to_owned(),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "these tables hold payments and are not dropped".to_owned(),
        ))
    }
}
