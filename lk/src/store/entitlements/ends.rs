//! Rights that end: which of them run on, of which the person is to be reminded, which are over.

use chrono::{DateTime, Utc};
use geobot_shared::ids::{ChatId, InvoiceId, ProductId, TelegramUserId};
use geobot_shared::topics::states::EntitlementState;
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ConnectionTrait, QueryOrder, QuerySelect};

use super::{Column, Entity, Model};
use crate::store::time;

/// A right with what its end needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The right.
    pub right: EntitlementState,
    /// The chat that it leads into, if any.
    pub chat: Option<ChatId>,
}

fn endings(rows: Vec<Model>) -> Result<Vec<Ending>, DbErr> {
    rows.into_iter()
        .map(|row| {
            Ok(Ending {
                chat: row.chat_id.map(ChatId),
                right: row.try_into()?,
            })
        })
        .collect()
}

/// Rights of a person to the same thing: the same product, or the same chat bought as another product.
fn alike(user: TelegramUserId, product: ProductId, chat: Option<ChatId>) -> Condition {
    let mut same = Condition::any().add(ColumnTrait::eq(&Column::ProductId, product.to_string()));
    if let Some(chat) = chat {
        same = same.add(ColumnTrait::eq(&Column::ChatId, chat.get()));
    }
    Condition::all()
        .add(ColumnTrait::eq(&Column::UserId, user.get()))
        .add(ColumnTrait::eq(&Column::Revoked, false))
        .add(same)
}

/// Not taken back, and not over at `now`; it may begin later.
fn live(now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(ColumnTrait::eq(&Column::Revoked, false))
        .add(
            Condition::any()
                .add(ColumnTrait::is_null(&Column::EndsAt))
                .add(ColumnTrait::gt(&Column::EndsAt, now.timestamp_micros())),
        )
}

/// Whether a person has a right that leads into a chat and is not over.
///
/// # Errors
/// The database's.
pub async fn opens_chat(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    chat: ChatId,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let right = Entity::find()
        .filter(ColumnTrait::eq(&Column::UserId, user.get()))
        .filter(ColumnTrait::eq(&Column::ChatId, chat.get()))
        .filter(live(now))
        .limit(1)
        .one(db)
        .await?;
    Ok(right.is_some())
}

/// A person's rights to a product that are not over.
///
/// # Errors
/// The database's.
pub async fn live_of(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    product: ProductId,
    now: DateTime<Utc>,
) -> Result<Vec<EntitlementState>, DbErr> {
    Entity::find()
        .filter(ColumnTrait::eq(&Column::UserId, user.get()))
        .filter(ColumnTrait::eq(&Column::ProductId, product.to_string()))
        .filter(live(now))
        .all(db)
        .await?
        .into_iter()
        .map(EntitlementState::try_from)
        .collect()
}

/// Until when what a person has of this already runs, if it has an end after `now`: where a renewal begins.
///
/// # Errors
/// The database's.
pub async fn runs_until(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    product: ProductId,
    chat: Option<ChatId>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let last = Entity::find()
        .filter(alike(user, product, chat))
        .filter(ColumnTrait::gt(&Column::EndsAt, now.timestamp_micros()))
        .order_by_desc(Column::EndsAt)
        .limit(1)
        .one(db)
        .await?;
    last.and_then(|row| row.ends_at).map(time).transpose()
}

/// Whether another right of the person to the same thing holds after `at`.
///
/// # Errors
/// The database's.
pub async fn covers_beyond(
    db: &impl ConnectionTrait,
    ending: &Ending,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let right = &ending.right;
    let other = Entity::find()
        .filter(alike(right.user_id, right.product_id, ending.chat))
        .filter(ColumnTrait::ne(
            &Column::InvoiceId,
            right.invoice_id.get().cast_signed(),
        ))
        .filter(
            Condition::any()
                .add(ColumnTrait::is_null(&Column::EndsAt))
                .add(ColumnTrait::gt(&Column::EndsAt, at.timestamp_micros())),
        )
        .limit(1)
        .one(db)
        .await?;
    Ok(other.is_some())
}

/// Rights of whose end the person is to be reminded now.
///
/// # Errors
/// The database's.
pub async fn due_to_remind(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Ending>, DbErr> {
    let rows = Entity::find()
        .filter(ColumnTrait::lte(&Column::RemindAt, now.timestamp_micros()))
        .order_by_asc(Column::RemindAt)
        .limit(limit)
        .all(db)
        .await?;
    endings(rows)
}

/// Claims the one reminder of a right; false when somebody else has.
///
/// # Errors
/// The database's.
pub async fn take_reminder(db: &impl ConnectionTrait, invoice: InvoiceId) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::RemindAt, Expr::value(None::<i64>))
        .filter(ColumnTrait::eq(
            &Column::InvoiceId,
            invoice.get().cast_signed(),
        ))
        .filter(ColumnTrait::is_not_null(&Column::RemindAt))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Rights that are over and that nobody has dealt with.
///
/// # Errors
/// The database's.
pub async fn due_to_end(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Ending>, DbErr> {
    let rows = Entity::find()
        .filter(ColumnTrait::eq(&Column::Closed, false))
        .filter(ColumnTrait::lte(&Column::EndsAt, now.timestamp_micros()))
        .order_by_asc(Column::EndsAt)
        .limit(limit)
        .all(db)
        .await?;
    endings(rows)
}

/// Claims the end of a right; false when somebody else has.
///
/// # Errors
/// The database's.
pub async fn close(db: &impl ConnectionTrait, invoice: InvoiceId) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Closed, Expr::value(true))
        .col_expr(Column::RemindAt, Expr::value(None::<i64>))
        .filter(ColumnTrait::eq(
            &Column::InvoiceId,
            invoice.get().cast_signed(),
        ))
        .filter(ColumnTrait::eq(&Column::Closed, false))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}
