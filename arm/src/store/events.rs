//! What the bot said about payments and messages, one row each, for the cards.

use chrono::{DateTime, Utc};
use geobot_shared::ids::{InvoiceId, TelegramUserId};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder, QuerySelect};

use super::{invoices, micros, storable};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A paid invoice reached the person.
    PaymentRouted,
    /// The bot does not believe a payment record.
    PaymentRefused,
    /// A message did not reach the person, or may not have.
    MessageFailed,
    /// The person can't be written to.
    UserUnreachable,
}

impl Kind {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::PaymentRouted => "payment_routed",
            Kind::PaymentRefused => "payment_refused",
            Kind::MessageFailed => "message_failed",
            Kind::UserUnreachable => "user_unreachable",
        }
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// A [`Kind`]'s word.
    pub kind: String,
    /// Whom it concerns.
    pub user_id: i64,
    /// Which invoice.
    pub invoice_id: Option<i64>,
    /// The other side's words.
    #[sea_orm(column_type = "Text")]
    pub detail: String,
    /// When.
    pub at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Enters an event.
///
/// # Errors
/// The database's.
pub async fn enter(
    db: &impl ConnectionTrait,
    kind: Kind,
    user: TelegramUserId,
    invoice: Option<InvoiceId>,
    detail: &str,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: ActiveValue::NotSet,
        kind: ActiveValue::Set(kind.as_str().to_owned()),
        user_id: ActiveValue::Set(user.get()),
        invoice_id: ActiveValue::Set(invoice.map(invoices::number)),
        detail: ActiveValue::Set(storable(detail)),
        at: ActiveValue::Set(micros(at)),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Whether an invoice has an event of this kind.
///
/// # Errors
/// The database's.
pub async fn has(db: &impl ConnectionTrait, kind: Kind, invoice: InvoiceId) -> Result<bool, DbErr> {
    let found = Entity::find()
        .filter(Column::InvoiceId.eq(invoices::number(invoice)))
        .filter(Column::Kind.eq(kind.as_str()))
        .limit(1)
        .count(db)
        .await?;
    Ok(found > 0)
}

/// The events of an invoice, the oldest first.
///
/// # Errors
/// The database's.
pub async fn of_invoice(
    db: &impl ConnectionTrait,
    invoice: i64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::InvoiceId.eq(invoice))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// The events of a person, the newest first.
///
/// # Errors
/// The database's.
pub async fn of_user(
    db: &impl ConnectionTrait,
    user: i64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::UserId.eq(user))
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}
