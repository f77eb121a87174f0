//! `stock_keys`: the keys, and which invoice has which.

use chrono::{DateTime, Utc};
use geobot_shared::ids::{InvoiceId, ProductId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::number;

/// A key. It is money: it never gets into a log.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_keys")]
pub struct Model {
    /// Order of entry.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The product, a UUID in text.
    #[sea_orm(column_type = "Text")]
    pub product_id: String,
    /// The key.
    #[sea_orm(column_type = "Text")]
    pub secret: String,
    /// The upload that brought it.
    #[sea_orm(column_type = "Text")]
    pub upload_id: String,
    /// When it came.
    pub added_at: i64,
    /// Who has it; absent while it is free.
    pub invoice_id: Option<i64>,
    /// Since when.
    pub given_at: Option<i64>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StockKey")
            .field("id", &self.id)
            .field("invoice_id", &self.invoice_id)
            .finish_non_exhaustive()
    }
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Takes keys in and returns how many were new to the product. The caller holds the stock.
///
/// # Errors
/// The database's.
pub async fn add(
    db: &impl ConnectionTrait,
    product: ProductId,
    upload: Uuid,
    secrets: &[String],
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    if secrets.is_empty() {
        return Ok(0);
    }
    let rows = secrets.iter().map(|secret| ActiveModel {
        id: ActiveValue::NotSet,
        product_id: ActiveValue::Set(product.to_string()),
        secret: ActiveValue::Set(secret.clone()),
        upload_id: ActiveValue::Set(upload.to_string()),
        added_at: ActiveValue::Set(now.timestamp_micros()),
        invoice_id: ActiveValue::Set(None),
        given_at: ActiveValue::Set(None),
    });
    let added = Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([Column::ProductId, Column::Secret])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(db)
        .await;
    match added {
        Ok(added) => Ok(added),
        Err(DbErr::RecordNotInserted) => Ok(0),
        Err(error) => Err(error),
    }
}

/// The key that an invoice has.
///
/// # Errors
/// The database's.
pub async fn of_invoice(
    db: &impl ConnectionTrait,
    invoice: InvoiceId,
) -> Result<Option<String>, DbErr> {
    let row = Entity::find()
        .filter(Column::InvoiceId.eq(number(invoice)))
        .one(db)
        .await?;
    Ok(row.map(|key| key.secret))
}

/// Gives the oldest free key to an invoice; `None` when there is none. The caller holds the stock.
///
/// # Errors
/// The database's.
pub async fn take(
    db: &impl ConnectionTrait,
    product: ProductId,
    invoice: InvoiceId,
    now: DateTime<Utc>,
) -> Result<Option<String>, DbErr> {
    let free = Entity::find()
        .filter(Column::ProductId.eq(product.to_string()))
        .filter(Column::InvoiceId.is_null())
        .order_by_asc(Column::Id)
        .limit(1)
        .one(db)
        .await?;
    let Some(key) = free else {
        return Ok(None);
    };
    let taken = Entity::update_many()
        .col_expr(Column::InvoiceId, Expr::value(Some(number(invoice))))
        .col_expr(Column::GivenAt, Expr::value(Some(now.timestamp_micros())))
        .filter(Column::Id.eq(key.id))
        .filter(Column::InvoiceId.is_null())
        .exec(db)
        .await?;
    if taken.rows_affected == 1 {
        Ok(Some(key.secret))
    } else {
        // Can't be while the stock is held; the transaction must not be committed.
        Err(DbErr::RecordNotUpdated)
    }
}
