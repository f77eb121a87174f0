//! How many keys each product has, as LK says (by version). The keys themselves are never here.

use geobot_shared::ids::ProductId;
use geobot_shared::topics::arm_sync_lk::StockChanged;
use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;

use super::version::newer_wins;

/// A stock.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stocks")]
pub struct Model {
    /// The product, a UUID in text.
    #[sea_orm(primary_key, auto_increment = false)]
    pub product_id: String,
    /// LK's version.
    pub version: i64,
    /// Keys that nobody has.
    pub free: i64,
    /// Keys given to invoices.
    pub given: i64,
    /// Paid invoices that wait for a key.
    pub waiting: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Takes LK's state of a stock. False: a version as new or newer is stored.
///
/// # Errors
/// The database's.
pub async fn take(db: &impl ConnectionTrait, state: &StockChanged) -> Result<bool, DbErr> {
    let row = Model {
        product_id: state.product_id.to_string(),
        version: state.version,
        free: state.free.into(),
        given: state.given.into(),
        waiting: state.waiting.into(),
    };
    newer_wins::<Entity, ActiveModel>(db, row, Column::ProductId, Column::Version, &[]).await
}

/// The stock of a product; an empty one while LK has said nothing.
///
/// # Errors
/// The database's.
pub async fn of(db: &impl ConnectionTrait, product: ProductId) -> Result<Model, DbErr> {
    let row = Entity::find_by_id(product.to_string()).one(db).await?;
    Ok(row.unwrap_or_default())
}

/// Every stock, by product.
///
/// # Errors
/// The database's.
pub async fn all(
    db: &impl ConnectionTrait,
) -> Result<std::collections::HashMap<String, Model>, DbErr> {
    let rows = Entity::find().all(db).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.product_id.clone(), row))
        .collect())
}
