//! When the gateway is asked about an invoice. Only invoices that can still be paid are asked about; each question is
//! claimed before it is asked, so that replicas and repeats don't ask twice.

use chrono::{DateTime, Utc};
use geobot_shared::ids::InvoiceId;
use geobot_shared::topics::states::InvoiceStatus;
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ConnectionTrait, QueryOrder, QuerySelect};

use super::super::unreadable;
use super::{Column, Entity, Invoice, number};
use crate::invoices::transitions::Step;

/// Who waits for the gateway's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// The person who pays: told again when something changed.
    Person,
    /// Staff: the answer goes to the log of the graph, whatever it is.
    Staff,
}

impl AskedBy {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AskedBy::Person => "person",
            AskedBy::Staff => "staff",
        }
    }

    pub(super) fn read(word: &str) -> Result<AskedBy, DbErr> {
        match word {
            "person" => Ok(AskedBy::Person),
            "staff" => Ok(AskedBy::Staff),
            other => Err(unreadable("who asked", other)),
        }
    }
}

/// What became of a wish to ask now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckAsked {
    /// The gateway will be asked.
    Soon,
    /// The invoice is settled: there is nothing to ask.
    Settled,
}

fn payable() -> impl Iterator<Item = &'static str> {
    Step::Pay.sources().into_iter().map(InvoiceStatus::as_str)
}

/// Invoices about which the gateway is to be asked now, the longest overdue first.
///
/// # Errors
/// The database's.
pub async fn due_to_check(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Invoice>, DbErr> {
    Entity::find()
        .filter(ColumnTrait::lte(&Column::CheckAt, now.timestamp_micros()))
        .filter(ColumnTrait::is_in(&Column::Status, payable()))
        .order_by_asc(Column::CheckAt)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(Invoice::try_from)
        .collect()
}

/// Claims a question and sets the time of the next one, `None` for never; false when somebody else has claimed it or
/// the invoice is settled meanwhile.
///
/// # Errors
/// The database's.
pub async fn claim_check(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    now: DateTime<Utc>,
    next_at: Option<DateTime<Utc>>,
) -> Result<bool, DbErr> {
    // Who has asked meanwhile must not be forgotten: then the question waits for the next round.
    let same_asker = match seen.check_for {
        Some(by) => ColumnTrait::eq(&Column::CheckFor, by.as_str()),
        None => ColumnTrait::is_null(&Column::CheckFor),
    };
    let changed = Entity::update_many()
        .col_expr(
            Column::CheckAt,
            Expr::value(next_at.map(|at| at.timestamp_micros())),
        )
        .col_expr(Column::CheckCount, Expr::value(seen.check_count + 1))
        .col_expr(Column::AskedAt, Expr::value(Some(now.timestamp_micros())))
        .col_expr(Column::CheckFor, Expr::value(None::<String>))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(seen.id)))
        .filter(ColumnTrait::eq(&Column::CheckCount, seen.check_count))
        .filter(same_asker)
        .filter(ColumnTrait::is_in(&Column::Status, payable()))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Sets the time of the first question about an invoice whose form was opened.
///
/// # Errors
/// The database's.
pub async fn check_later(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::CheckAt, Expr::value(Some(at.timestamp_micros())))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(id)))
        .filter(ColumnTrait::is_null(&Column::CheckAt))
        .exec(db)
        .await?;
    Ok(())
}

/// Lets the gateway be asked at `at` unless it will be earlier, because somebody waits for the answer.
///
/// # Errors
/// The database's.
pub async fn ask_soon(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    by: AskedBy,
    at: DateTime<Utc>,
) -> Result<CheckAsked, DbErr> {
    let micros = at.timestamp_micros();
    let mine = || {
        Entity::update_many()
            .filter(ColumnTrait::eq(&Column::InvoiceId, number(id)))
            .filter(ColumnTrait::is_in(&Column::Status, payable()))
    };
    let waits = mine()
        .col_expr(Column::CheckFor, Expr::value(Some(by.as_str())))
        .exec(db)
        .await?;
    if waits.rows_affected == 0 {
        return Ok(CheckAsked::Settled);
    }
    mine()
        .col_expr(Column::CheckAt, Expr::value(Some(micros)))
        .filter(
            Condition::any()
                .add(ColumnTrait::is_null(&Column::CheckAt))
                .add(ColumnTrait::gt(&Column::CheckAt, micros)),
        )
        .exec(db)
        .await?;
    Ok(CheckAsked::Soon)
}

/// Lets the gateway be asked at once, without anybody waiting: something was said that needs a second look.
///
/// # Errors
/// The database's.
pub async fn check_at_once(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::CheckAt, Expr::value(Some(now.timestamp_micros())))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(id)))
        .filter(ColumnTrait::is_in(&Column::Status, payable()))
        .exec(db)
        .await?;
    Ok(())
}

/// Keeps the gateway's key of the payment; the first one stays.
///
/// # Errors
/// The database's.
pub async fn note_op_key(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    op_key: &str,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::OpKey, Expr::value(Some(op_key)))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(id)))
        .filter(ColumnTrait::is_null(&Column::OpKey))
        .exec(db)
        .await?;
    Ok(())
}
