//! `entitlements`: what people have a right to, one per paid invoice.

use chrono::{DateTime, Utc};
use geobot_shared::ids::{ChatId, InvoiceId, TelegramUserId};
use geobot_shared::topics::states::EntitlementState;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder, QuerySelect};

use super::{time, unreadable};

mod ends;

pub use ends::{
    Ending, close, covers_beyond, due_to_end, due_to_remind, live_of, opens_chat, runs_until,
    take_reminder,
};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entitlements")]
pub struct Model {
    /// The invoice that gave it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invoice_id: i64,
    /// Grows with every change that others see.
    pub version: i64,
    /// Whose it is.
    pub user_id: i64,
    /// To what, a UUID in text.
    #[sea_orm(column_type = "Text")]
    pub product_id: String,
    /// The product's title when it was bought.
    #[sea_orm(column_type = "Text")]
    pub title: String,
    /// Since when.
    pub starts_at: i64,
    /// Until when; forever when absent.
    pub ends_at: Option<i64>,
    /// Taken back.
    pub revoked: bool,
    /// When the bot gave it to the person; absent before.
    pub delivered_at: Option<i64>,
    /// The chat that it leads into, if any.
    pub chat_id: Option<i64>,
    /// When the person is reminded of its end; absent when that is done or not wanted.
    pub remind_at: Option<i64>,
    /// Its end was dealt with.
    pub closed: bool,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for EntitlementState {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<EntitlementState, DbErr> {
        let invoice_id = u64::try_from(row.invoice_id)
            .ok()
            .and_then(|id| InvoiceId::new(id).ok())
            .ok_or_else(|| unreadable("an invoice id", row.invoice_id))?;
        Ok(EntitlementState {
            invoice_id,
            version: row.version,
            user_id: TelegramUserId(row.user_id),
            product_id: row
                .product_id
                .parse()
                .map_err(|_| unreadable("a product id", &row.product_id))?,
            title: row.title,
            starts_at: time(row.starts_at)?,
            ends_at: row.ends_at.map(time).transpose()?,
            revoked: row.revoked,
        })
    }
}

/// Gives a right. `chat`: the chat that it leads into; `remind_at`: when the person is reminded of its end.
///
/// # Errors
/// The database's.
pub async fn insert(
    db: &impl ConnectionTrait,
    right: &EntitlementState,
    chat: Option<ChatId>,
    remind_at: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    Entity::insert(ActiveModel {
        invoice_id: ActiveValue::Set(right.invoice_id.get().cast_signed()),
        version: ActiveValue::Set(right.version),
        user_id: ActiveValue::Set(right.user_id.get()),
        product_id: ActiveValue::Set(right.product_id.to_string()),
        title: ActiveValue::Set(right.title.clone()),
        starts_at: ActiveValue::Set(right.starts_at.timestamp_micros()),
        ends_at: ActiveValue::Set(right.ends_at.map(|at| at.timestamp_micros())),
        revoked: ActiveValue::Set(right.revoked),
        delivered_at: ActiveValue::Set(None),
        chat_id: ActiveValue::Set(chat.map(ChatId::get)),
        remind_at: ActiveValue::Set(remind_at.map(|at| at.timestamp_micros())),
        closed: ActiveValue::Set(false),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Remembers when a right reached the person; the first time counts.
///
/// # Errors
/// The database's.
pub async fn mark_delivered(
    db: &impl ConnectionTrait,
    invoice: InvoiceId,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(
            Column::DeliveredAt,
            Expr::value(Some(at.timestamp_micros())),
        )
        .filter(Column::InvoiceId.eq(invoice.get().cast_signed()))
        .filter(Column::DeliveredAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Takes a right back; `None` when there is none or it was taken back before.
///
/// # Errors
/// The database's.
pub async fn revoke(
    db: &impl ConnectionTrait,
    invoice: InvoiceId,
) -> Result<Option<EntitlementState>, DbErr> {
    let number = invoice.get().cast_signed();
    let changed = Entity::update_many()
        .col_expr(Column::Revoked, Expr::value(true))
        .col_expr(
            Column::Version,
            ExprTrait::add(Expr::col(Column::Version), 1_i64),
        )
        .filter(Column::InvoiceId.eq(number))
        .filter(Column::Revoked.eq(false))
        .exec(db)
        .await?;
    if changed.rows_affected == 0 {
        return Ok(None);
    }
    let row = Entity::find_by_id(number).one(db).await?;
    row.map(EntitlementState::try_from).transpose()
}

/// The newest rights of a person.
///
/// # Errors
/// The database's.
pub async fn latest_of(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    limit: u64,
) -> Result<Vec<EntitlementState>, DbErr> {
    Entity::find()
        .filter(Column::UserId.eq(user.get()))
        .order_by_desc(Column::StartsAt)
        .order_by_desc(Column::InvoiceId)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(EntitlementState::try_from)
        .collect()
}

/// The rights after `after`, by invoice; for snapshots.
///
/// # Errors
/// The database's.
pub async fn page(
    db: &impl ConnectionTrait,
    after: i64,
    limit: u64,
) -> Result<Vec<EntitlementState>, DbErr> {
    Entity::find()
        .filter(Column::InvoiceId.gt(after))
        .order_by_asc(Column::InvoiceId)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(EntitlementState::try_from)
        .collect()
}
