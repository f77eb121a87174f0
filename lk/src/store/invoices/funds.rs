//! Money on its way back. `reserved + refunded ≤ received` is the condition of the statement that reserves, so that it
//! holds however many ask at the same moment.

use geobot_shared::ids::InvoiceId;
use geobot_shared::money::Money;
use geobot_shared::topics::states::InvoiceStatus;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as SqlMath;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ConnectionTrait, UpdateMany};

use super::{Column, Entity, Invoice, find, number};
use crate::invoices::transitions::{REFUNDABLE, after_refunds};

/// Where an invoice's money stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funds {
    /// What came; `None` while nothing did, or while its amount can't be told.
    pub received: Option<Money>,
    /// What went back.
    pub refunded: Money,
    /// What is set aside for refunds that are on their way.
    pub reserved: Money,
    /// How many refunds were ever asked for.
    pub refund_count: i64,
}

fn more(column: Column, by: i64) -> SimpleExpr {
    SqlMath::add(Expr::col(column), by)
}

/// A change of the money of an invoice that may be refunded. Those of `guard`s decide whether it takes effect.
async fn change(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    apply: impl FnOnce(UpdateMany<Entity>) -> UpdateMany<Entity>,
) -> Result<Option<Invoice>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Version, more(Column::Version, 1))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(id)));
    let changed = apply(update).exec(db).await?.rows_affected;
    if changed == 1 {
        find(db, id).await
    } else {
        Ok(None)
    }
}

/// What is still there covers `amount`.
fn covered(amount: Money) -> SimpleExpr {
    let spoken_for = SqlMath::add(
        SqlMath::add(Expr::col(Column::Reserved), Expr::col(Column::Refunded)),
        amount.kopecks(),
    );
    // NULL (nothing received) is not true.
    SqlMath::gte(Expr::col(Column::Received), spoken_for)
}

/// Sets `amount` aside for a refund; `None` when the invoice may not be refunded or too little is left.
///
/// # Errors
/// The database's.
pub async fn reserve(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    amount: Money,
) -> Result<Option<Invoice>, DbErr> {
    change(db, id, |update| {
        update
            .col_expr(Column::Reserved, more(Column::Reserved, amount.kopecks()))
            .col_expr(Column::RefundCount, more(Column::RefundCount, 1))
            .col_expr(
                Column::Status,
                Expr::value(InvoiceStatus::Refunding.as_str()),
            )
            .filter(ColumnTrait::is_in(
                &Column::Status,
                REFUNDABLE.map(InvoiceStatus::as_str),
            ))
            .filter(covered(amount))
    })
    .await
}

/// What was set aside is there again: the refund was refused. `seen` is the locked invoice; `None` when so much is not
/// set aside.
///
/// # Errors
/// The database's.
pub async fn release(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    amount: Money,
) -> Result<Option<Invoice>, DbErr> {
    let after = Funds {
        reserved: less(seen.funds.reserved, amount),
        ..seen.funds
    };
    settle(db, seen, amount, &after).await
}

/// What was set aside went back. `seen` is the locked invoice; `None` when so much is not set aside.
///
/// # Errors
/// The database's.
pub async fn finish_refund(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    amount: Money,
) -> Result<Option<Invoice>, DbErr> {
    let after = Funds {
        reserved: less(seen.funds.reserved, amount),
        refunded: plus(seen.funds.refunded, amount),
        ..seen.funds
    };
    settle(db, seen, amount, &after).await
}

/// What was set aside is so no longer: the money stands as `after` says, if nobody has changed it since it was `seen`.
async fn settle(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    amount: Money,
    after: &Funds,
) -> Result<Option<Invoice>, DbErr> {
    change(db, seen.id, |update| {
        update
            .col_expr(Column::Reserved, Expr::value(after.reserved.kopecks()))
            .col_expr(Column::Refunded, Expr::value(after.refunded.kopecks()))
            .col_expr(Column::Status, status_after(seen, after))
            .filter(ColumnTrait::eq(&Column::Version, seen.version))
            .filter(ColumnTrait::gte(&Column::Reserved, amount.kopecks()))
    })
    .await
}

/// Money went back without having been set aside here (in the gateway's own pages). `seen` is the locked invoice;
/// `None` when it may not be refunded or too little is left.
///
/// # Errors
/// The database's.
pub async fn add_refunded(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    amount: Money,
) -> Result<Option<Invoice>, DbErr> {
    let after = Funds {
        refunded: plus(seen.funds.refunded, amount),
        ..seen.funds
    };
    change(db, seen.id, |update| {
        update
            .col_expr(Column::Refunded, more(Column::Refunded, amount.kopecks()))
            .col_expr(Column::RefundCount, more(Column::RefundCount, 1))
            .col_expr(Column::Status, status_after(seen, &after))
            .filter(ColumnTrait::eq(&Column::Version, seen.version))
            .filter(ColumnTrait::is_in(
                &Column::Status,
                REFUNDABLE.map(InvoiceStatus::as_str),
            ))
            .filter(covered(amount))
    })
    .await
}

/// A refund was refused before anything was set aside, or its state changed: others must see it.
///
/// # Errors
/// The database's.
pub async fn note_refund(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    new: bool,
) -> Result<Option<Invoice>, DbErr> {
    change(db, id, |update| {
        update.col_expr(
            Column::RefundCount,
            more(Column::RefundCount, i64::from(new)),
        )
    })
    .await
}

fn status_after(seen: &Invoice, after: &Funds) -> SimpleExpr {
    let granted = seen.source.is_some();
    Expr::value(after_refunds(granted, after).as_str())
}

/// The statement's own conditions refuse what would go below zero; this is only the status's arithmetic.
fn less(from: Money, amount: Money) -> Money {
    from.checked_sub(amount).unwrap_or(from)
}

fn plus(to: Money, amount: Money) -> Money {
    to.checked_add(amount).unwrap_or(to)
}
