//! Changes of an invoice. Each is one conditional statement, and those of its state take their condition from [`Step`]:
//! it takes effect once, however many try at the same moment.

use chrono::{DateTime, Utc};
use geobot_shared::ids::InvoiceId;
use geobot_shared::money::Money;
use geobot_shared::route_token::GrantSource;
use geobot_shared::topics::states::{InvoiceStatus, Routing};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as SqlMath;
use sea_orm::{ConnectionTrait, UpdateMany};

use super::{Column, Entity, Invoice, find, number, source_name};
use crate::invoices::transitions::{DELIVERABLE, Step};

/// Takes a step if the invoice's state allows it, in one conditional statement, and returns the invoice as it is
/// then; `None` when the state does not allow it.
async fn advance(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    step: Step,
    also: impl FnOnce(UpdateMany<Entity>) -> UpdateMany<Entity>,
) -> Result<Option<Invoice>, DbErr> {
    let allowed = step.sources().into_iter().map(InvoiceStatus::as_str);
    let update = Entity::update_many()
        .col_expr(Column::Status, Expr::value(step.target().as_str()))
        .col_expr(
            Column::Version,
            SqlMath::add(Expr::col(Column::Version), 1_i64),
        )
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(id)))
        .filter(ColumnTrait::is_in(&Column::Status, allowed));
    let changed = also(update).exec_with_returning(db).await?;
    changed
        .into_iter()
        .next()
        .map(Invoice::try_from)
        .transpose()
}

/// Created → pending: the pay page was opened.
///
/// # Errors
/// The database's.
pub async fn open(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Option<Invoice>, DbErr> {
    advance(db, id, Step::Open, |update| update).await
}

/// Money that came: why it may be delivered, how much it is, and by which operation it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Why it may be delivered.
    pub source: GrantSource,
    /// How much came.
    pub amount: Money,
    /// The gateway's key of the payment, if it is known.
    pub op_key: Option<String>,
}

/// What a paid invoice gets, whichever way it came about.
fn granted(
    update: UpdateMany<Entity>,
    source: GrantSource,
    republish_at: DateTime<Utc>,
) -> UpdateMany<Entity> {
    update
        .col_expr(Column::Source, Expr::value(Some(source_name(source))))
        .col_expr(Column::Routing, Expr::value(Routing::Waiting.as_str()))
        .col_expr(
            Column::RepublishAt,
            Expr::value(Some(republish_at.timestamp_micros())),
        )
        .col_expr(Column::RepublishCount, Expr::value(0_i64))
        .col_expr(Column::CheckAt, Expr::value(None::<i64>))
}

/// Any payable state → paid.
///
/// # Errors
/// The database's.
pub async fn pay(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    receipt: &Receipt,
    now: DateTime<Utc>,
    republish_at: DateTime<Utc>,
) -> Result<Option<Invoice>, DbErr> {
    advance(db, id, Step::Pay, |update| {
        let update = granted(update, receipt.source, republish_at)
            .col_expr(
                Column::Received,
                Expr::value(Some(receipt.amount.kopecks())),
            )
            .col_expr(Column::PaidAt, Expr::value(Some(now.timestamp_micros())));
        match &receipt.op_key {
            Some(op_key) => update.col_expr(Column::OpKey, Expr::value(Some(op_key.as_str()))),
            None => update,
        }
    })
    .await
}

/// Any payable state → mismatch. `received` is `None` when the amount can't be told.
///
/// # Errors
/// The database's.
pub async fn mismatch(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    cause: &str,
    received: Option<Money>,
    now: DateTime<Utc>,
) -> Result<Option<Invoice>, DbErr> {
    advance(db, id, Step::PayOtherAmount, |update| {
        update
            .col_expr(Column::Cause, Expr::value(Some(cause)))
            .col_expr(Column::Received, Expr::value(received.map(Money::kopecks)))
            .col_expr(Column::PaidAt, Expr::value(Some(now.timestamp_micros())))
            .col_expr(Column::CheckAt, Expr::value(None::<i64>))
    })
    .await
}

/// Mismatch → paid: the amount is taken as it is.
///
/// # Errors
/// The database's.
pub async fn accept_mismatch(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    source: GrantSource,
    republish_at: DateTime<Utc>,
) -> Result<Option<Invoice>, DbErr> {
    advance(db, id, Step::AcceptAmount, |update| {
        granted(update, source, republish_at).col_expr(Column::Cause, Expr::value(None::<String>))
    })
    .await
}

/// Mismatch → paid: the amount that was read before was wrong, and what came is `receipt`. Only while nothing of it
/// went back or is about to.
///
/// # Errors
/// The database's.
pub async fn correct_mismatch(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    receipt: &Receipt,
    republish_at: DateTime<Utc>,
) -> Result<Option<Invoice>, DbErr> {
    advance(db, id, Step::AcceptAmount, |update| {
        granted(update, receipt.source, republish_at)
            .col_expr(
                Column::Received,
                Expr::value(Some(receipt.amount.kopecks())),
            )
            .col_expr(Column::Cause, Expr::value(None::<String>))
    })
    .await
}

/// Writes why an invoice is held or in mismatch. `seen` is the invoice as it was when that was decided; `None` when it
/// has changed since.
///
/// # Errors
/// The database's.
pub async fn note_cause(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    cause: &str,
) -> Result<Option<Invoice>, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Cause, Expr::value(Some(cause)))
        .col_expr(Column::Version, Expr::value(seen.version + 1))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(seen.id)))
        .filter(ColumnTrait::eq(&Column::Version, seen.version))
        .exec(db)
        .await?;
    if changed.rows_affected == 1 {
        find(db, seen.id).await
    } else {
        Ok(None)
    }
}

/// Created or pending → expired.
///
/// # Errors
/// The database's.
pub async fn expire(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Option<Invoice>, DbErr> {
    advance(db, id, Step::Expire, |update| update).await
}

/// Created or pending → cancelled.
///
/// # Errors
/// The database's.
pub async fn cancel(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Option<Invoice>, DbErr> {
    advance(db, id, Step::Cancel, |update| update).await
}

/// Writes what became of a paid invoice in the bot; it is not published again after that. `seen` is the invoice as
/// it was when that was decided; `None` when it has changed since.
///
/// # Errors
/// The database's.
pub async fn set_routing(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    routing: Routing,
    cause: Option<&str>,
) -> Result<Option<Invoice>, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Routing, Expr::value(routing.as_str()))
        .col_expr(Column::Cause, Expr::value(cause))
        .col_expr(Column::RepublishAt, Expr::value(None::<i64>))
        .col_expr(Column::Version, Expr::value(seen.version + 1))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(seen.id)))
        .filter(ColumnTrait::eq(&Column::Version, seen.version))
        .exec(db)
        .await?;
    if changed.rows_affected == 1 {
        find(db, seen.id).await
    } else {
        Ok(None)
    }
}

/// The delivery of a paid invoice begins anew: held → waiting (or waiting, published again at once). `seen` is the
/// invoice as it was when that was decided; `None` when it has changed since.
///
/// # Errors
/// The database's.
pub async fn deliver_again(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    republish_at: DateTime<Utc>,
) -> Result<Option<Invoice>, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Routing, Expr::value(Routing::Waiting.as_str()))
        .col_expr(Column::Cause, Expr::value(None::<String>))
        .col_expr(
            Column::RepublishAt,
            Expr::value(Some(republish_at.timestamp_micros())),
        )
        .col_expr(Column::RepublishCount, Expr::value(0_i64))
        .col_expr(Column::DeliveryRound, Expr::value(seen.delivery_round + 1))
        .col_expr(Column::Version, Expr::value(seen.version + 1))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(seen.id)))
        .filter(ColumnTrait::eq(&Column::Version, seen.version))
        .filter(ColumnTrait::is_in(
            &Column::Status,
            DELIVERABLE.map(InvoiceStatus::as_str),
        ))
        .filter(ColumnTrait::is_not_null(&Column::Source))
        .filter(ColumnTrait::ne(
            &Column::Routing,
            Routing::Delivered.as_str(),
        ))
        .exec(db)
        .await?;
    if changed.rows_affected == 1 {
        find(db, seen.id).await
    } else {
        Ok(None)
    }
}

/// Claims the next publishing of a paid invoice and sets the time of the one after it; false when somebody else has
/// claimed it or the bot has answered meanwhile.
///
/// # Errors
/// The database's.
pub async fn claim_republish(
    db: &impl ConnectionTrait,
    seen: &Invoice,
    next_at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(
            Column::RepublishAt,
            Expr::value(Some(next_at.timestamp_micros())),
        )
        .col_expr(
            Column::RepublishCount,
            Expr::value(seen.republish_count + 1),
        )
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(seen.id)))
        .filter(ColumnTrait::eq(
            &Column::RepublishCount,
            seen.republish_count,
        ))
        .filter(ColumnTrait::is_in(
            &Column::Status,
            DELIVERABLE.map(InvoiceStatus::as_str),
        ))
        .filter(ColumnTrait::is_not_null(&Column::Source))
        .filter(ColumnTrait::eq(&Column::Routing, Routing::Waiting.as_str()))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Replaces what is delivered: the key of a paid invoice is known now. Others don't see it, so the version stays.
///
/// # Errors
/// The database's.
pub async fn set_delivery(
    db: &impl ConnectionTrait,
    invoice: Invoice,
    delivery: String,
) -> Result<Invoice, DbErr> {
    Entity::update_many()
        .col_expr(Column::Delivery, Expr::value(delivery.as_str()))
        .filter(ColumnTrait::eq(&Column::InvoiceId, number(invoice.id)))
        .exec(db)
        .await?;
    Ok(Invoice {
        delivery,
        ..invoice
    })
}
