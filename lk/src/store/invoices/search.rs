//! Finding invoices.

use chrono::{DateTime, Utc};
use geobot_shared::ids::{InvoiceId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::topics::states::{InvoiceStatus, Routing};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect};

use super::{Column, Entity, Invoice, Model};
use crate::invoices::transitions::{DELIVERABLE, Step};

fn read_all(rows: Vec<Model>) -> Result<Vec<Invoice>, DbErr> {
    rows.into_iter().map(Invoice::try_from).collect()
}

/// Equal, where absent equals absent.
fn same(column: Column, value: Option<impl Into<sea_orm::Value>>) -> Expr {
    match value {
        Some(value) => ColumnTrait::eq(&column, value),
        None => ColumnTrait::is_null(&column),
    }
}

/// The invoice that is offered again instead of a new one: unpaid, unexpired, made after `since`, for the same
/// person and the same product with the same title, price, promo code, mode, delivery and receipt.
///
/// # Errors
/// The database's.
pub async fn find_open_like(
    db: &impl ConnectionTrait,
    wanted: &Invoice,
    since: DateTime<Utc>,
) -> Result<Option<Invoice>, DbErr> {
    let open = Step::Expire
        .sources()
        .into_iter()
        .map(InvoiceStatus::as_str);
    let row = Entity::find()
        .filter(ColumnTrait::eq(&Column::UserId, wanted.user.get()))
        .filter(ColumnTrait::eq(
            &Column::ProductId,
            wanted.product.to_string(),
        ))
        .filter(ColumnTrait::eq(&Column::Amount, wanted.amount.kopecks()))
        .filter(ColumnTrait::eq(&Column::Mode, wanted.mode.as_str()))
        .filter(ColumnTrait::eq(&Column::Title, wanted.title.as_str()))
        .filter(ColumnTrait::eq(&Column::Delivery, wanted.delivery.as_str()))
        .filter(same(Column::PromoCode, wanted.promo_code.as_deref()))
        .filter(same(
            Column::FullPrice,
            wanted.full_price.map(Money::kopecks),
        ))
        .filter(same(Column::Days, wanted.days.map(i64::from)))
        .filter(same(Column::Receipt, wanted.receipt.as_deref()))
        .filter(ColumnTrait::is_in(&Column::Status, open))
        .filter(ColumnTrait::gt(
            &Column::CreatedAt,
            since.timestamp_micros(),
        ))
        .filter(ColumnTrait::gt(
            &Column::ExpiresAt,
            wanted.created_at.timestamp_micros(),
        ))
        .order_by_desc(Column::CreatedAt)
        .limit(1)
        .one(db)
        .await?;
    row.map(Invoice::try_from).transpose()
}

/// A person's newest invoices, without those that were let go unpaid.
///
/// # Errors
/// The database's.
pub async fn latest_of(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    limit: u64,
) -> Result<Vec<Invoice>, DbErr> {
    let let_go = [InvoiceStatus::Expired, InvoiceStatus::Cancelled].map(InvoiceStatus::as_str);
    let rows = Entity::find()
        .filter(ColumnTrait::eq(&Column::UserId, user.get()))
        .filter(ColumnTrait::is_not_in(&Column::Status, let_go))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::InvoiceId)
        .limit(limit)
        .all(db)
        .await?;
    read_all(rows)
}

/// Invoices whose time to pay is over and that do not say so yet.
///
/// # Errors
/// The database's.
pub async fn due_to_expire(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<InvoiceId>, DbErr> {
    let open = Step::Expire
        .sources()
        .into_iter()
        .map(InvoiceStatus::as_str);
    let rows = Entity::find()
        .filter(ColumnTrait::is_in(&Column::Status, open))
        .filter(ColumnTrait::lte(&Column::ExpiresAt, now.timestamp_micros()))
        .order_by_asc(Column::ExpiresAt)
        .limit(limit)
        .all(db)
        .await?;
    Ok(read_all(rows)?.into_iter().map(|row| row.id).collect())
}

/// Paid invoices that the bot has not answered for and whose time to be published again has come.
///
/// # Errors
/// The database's.
pub async fn due_to_republish(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Invoice>, DbErr> {
    let rows = Entity::find()
        .filter(ColumnTrait::lte(
            &Column::RepublishAt,
            now.timestamp_micros(),
        ))
        .filter(ColumnTrait::is_in(
            &Column::Status,
            DELIVERABLE.map(InvoiceStatus::as_str),
        ))
        .filter(ColumnTrait::is_not_null(&Column::Source))
        .filter(ColumnTrait::eq(&Column::Routing, Routing::Waiting.as_str()))
        .order_by_asc(Column::RepublishAt)
        .limit(limit)
        .all(db)
        .await?;
    read_all(rows)
}

fn held() -> Select<Entity> {
    Entity::find()
        .filter(ColumnTrait::eq(&Column::Routing, Routing::Held.as_str()))
        .filter(ColumnTrait::is_in(
            &Column::Status,
            DELIVERABLE.map(InvoiceStatus::as_str),
        ))
        .filter(ColumnTrait::is_not_null(&Column::Source))
}

/// What is paid and held of one person, the oldest first.
///
/// # Errors
/// The database's.
pub async fn held_of(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
) -> Result<Vec<Invoice>, DbErr> {
    let rows = held()
        .filter(ColumnTrait::eq(&Column::UserId, user.get()))
        .order_by_asc(Column::PaidAt)
        .all(db)
        .await?;
    read_all(rows)
}

/// Invoices that are paid and held, after `after` by number.
///
/// # Errors
/// The database's.
pub async fn some_held(
    db: &impl ConnectionTrait,
    after: i64,
    limit: u64,
) -> Result<Vec<Invoice>, DbErr> {
    let rows = held()
        .filter(ColumnTrait::gt(&Column::InvoiceId, after))
        .order_by_asc(Column::InvoiceId)
        .limit(limit)
        .all(db)
        .await?;
    read_all(rows)
}

/// The invoices after `after`, by number; for snapshots.
///
/// # Errors
/// The database's.
pub async fn page(
    db: &impl ConnectionTrait,
    after: i64,
    limit: u64,
) -> Result<Vec<Invoice>, DbErr> {
    let rows = Entity::find()
        .filter(ColumnTrait::gt(&Column::InvoiceId, after))
        .order_by_asc(Column::InvoiceId)
        .limit(limit)
        .all(db)
        .await?;
    read_all(rows)
}
