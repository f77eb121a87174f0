//! `ledger`: every movement of money, once each. UNIQUE(invoice_id, kind) is promise P2's last line.
//!
//! The kinds: `payment` (once per invoice), `refund:<refund id>` (once per refund), and, with invoice 0, which no
//! invoice has, `adjustment:<message-id>` (once per record).

use chrono::{DateTime, Utc};
use geobot_shared::ids::{InvoiceId, Mode, TelegramUserId};
use geobot_shared::money::Money;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QuerySelect};
use uuid::Uuid;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger")]
pub struct Model {
    /// Order of entry.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The invoice that moved money; 0 for a correction of a person's balance.
    pub invoice_id: i64,
    /// Which movement of that invoice; each once.
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// Whose money.
    pub user_id: i64,
    /// Kopecks that came in; negative for what went out.
    pub amount: i64,
    /// Real money or a test.
    #[sea_orm(column_type = "Text")]
    pub mode: String,
    /// Why.
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    /// When.
    pub created_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A movement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The invoice that moves money; `None` for a correction of a person's balance.
    pub invoice: Option<InvoiceId>,
    /// Which movement of that invoice.
    pub kind: String,
    /// Whose money.
    pub user: TelegramUserId,
    /// What came in; negative for what went out.
    pub amount: Money,
    /// Real money or a test.
    pub mode: Mode,
    /// Why.
    pub reason: &'a str,
}

/// The kind of the movement that pays an invoice.
pub const PAYMENT: &str = "payment";

/// The kind of the movement that a refund is.
#[must_use]
pub fn refund_kind(refund: Uuid) -> String {
    format!("refund:{refund}")
}

/// The kind of a correction by hand, made by the record of this message-id.
#[must_use]
pub fn adjustment_kind(message_id: &str) -> String {
    format!("adjustment:{message_id}")
}

/// Whether the payment of an invoice is entered.
///
/// # Errors
/// The database's.
pub async fn has_payment(db: &impl ConnectionTrait, invoice: InvoiceId) -> Result<bool, DbErr> {
    let found = Entity::find()
        .filter(Column::InvoiceId.eq(invoice.get().cast_signed()))
        .filter(Column::Kind.eq(PAYMENT))
        .limit(1)
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// Enters a movement. The second of one kind for an invoice is an error: the transaction must not be committed.
///
/// # Errors
/// The database's.
pub async fn enter(
    db: &impl ConnectionTrait,
    entry: &Entry<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::insert(ActiveModel {
        id: ActiveValue::NotSet,
        invoice_id: ActiveValue::Set(entry.invoice.map_or(0, |id| id.get().cast_signed())),
        kind: ActiveValue::Set(entry.kind.clone()),
        user_id: ActiveValue::Set(entry.user.get()),
        amount: ActiveValue::Set(entry.amount.kopecks()),
        mode: ActiveValue::Set(entry.mode.as_str().to_owned()),
        reason: ActiveValue::Set(entry.reason.to_owned()),
        created_at: ActiveValue::Set(now.timestamp_micros()),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}
