//! `stock_queue`: the paid invoices that wait for a key, in order of payment.

use chrono::{DateTime, Utc};
use geobot_shared::ids::{InvoiceId, ProductId};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder};

use super::number;
use crate::store::unreadable;

/// One that waits.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_queue")]
pub struct Model {
    /// The invoice.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invoice_id: i64,
    /// The product, a UUID in text.
    #[sea_orm(column_type = "Text")]
    pub product_id: String,
    /// When it was paid: its place in the queue.
    pub paid_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Puts a paid invoice into the queue.
///
/// # Errors
/// The database's.
pub async fn enter(
    db: &impl ConnectionTrait,
    product: ProductId,
    invoice: InvoiceId,
    paid_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::insert(ActiveModel {
        invoice_id: ActiveValue::Set(number(invoice)),
        product_id: ActiveValue::Set(product.to_string()),
        paid_at: ActiveValue::Set(paid_at.timestamp_micros()),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Takes an invoice out of the queue.
///
/// # Errors
/// The database's.
pub async fn leave(db: &impl ConnectionTrait, invoice: InvoiceId) -> Result<(), DbErr> {
    Entity::delete_by_id(number(invoice)).exec(db).await?;
    Ok(())
}

/// The invoices that wait for a key of the product, in order of payment.
///
/// # Errors
/// The database's.
pub async fn waiting(
    db: &impl ConnectionTrait,
    product: ProductId,
) -> Result<Vec<InvoiceId>, DbErr> {
    Entity::find()
        .filter(Column::ProductId.eq(product.to_string()))
        .order_by_asc(Column::PaidAt)
        .order_by_asc(Column::InvoiceId)
        .all(db)
        .await?
        .into_iter()
        .map(|row| {
            u64::try_from(row.invoice_id)
                .ok()
                .and_then(|id| InvoiceId::new(id).ok())
                .ok_or_else(|| unreadable("an invoice id", row.invoice_id))
        })
        .collect()
}
