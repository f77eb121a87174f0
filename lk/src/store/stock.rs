//! `stocks`: how many keys each product has; the keys are in [`keys`], the paid invoices that wait for one in [`queue`].
//!
//! Whoever gives keys out or takes them in holds the product's row in `stocks` until the end of the transaction: one
//! at a time per product, so that the counters are exact and no key is given twice. The key's own conditional
//! statement and UNIQUE(invoice_id) are the last line.

use geobot_shared::ids::{InvoiceId, ProductId};
use geobot_shared::topics::arm_sync_lk::StockChanged;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait, QuerySelect};

pub mod keys;
pub mod queue;

/// How many keys a product has.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stocks")]
pub struct Model {
    /// The product, a UUID in text.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub product_id: String,
    /// Grows with every change.
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

impl Model {
    /// As others see it.
    ///
    /// # Errors
    /// For a row that this version can't read.
    pub fn state(&self) -> Result<StockChanged, DbErr> {
        let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(StockChanged {
            product_id: self
                .product_id
                .parse()
                .map_err(|_| super::unreadable("a product id", &self.product_id))?,
            version: self.version,
            free: count(self.free),
            given: count(self.given),
            waiting: count(self.waiting),
        })
    }
}

/// The stock of a product, held until the end of the caller's transaction; an empty one if there is none.
///
/// # Errors
/// The database's.
pub async fn lock(db: &impl ConnectionTrait, product: ProductId) -> Result<Model, DbErr> {
    let empty = ActiveModel {
        product_id: ActiveValue::Set(product.to_string()),
        version: ActiveValue::Set(0),
        free: ActiveValue::Set(0),
        given: ActiveValue::Set(0),
        waiting: ActiveValue::Set(0),
    };
    let made = Entity::insert(empty)
        .on_conflict(
            OnConflict::column(Column::ProductId)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(db)
        .await;
    match made {
        Ok(_) | Err(DbErr::RecordNotInserted) => {}
        Err(error) => return Err(error),
    }
    let row = Entity::find_by_id(product.to_string())
        .lock_exclusive()
        .one(db)
        .await?;
    row.ok_or_else(|| DbErr::RecordNotFound(format!("the stock of product {product}")))
}

/// Writes a changed stock with the next version, which it returns. The caller holds it.
///
/// # Errors
/// The database's.
pub async fn save(db: &impl ConnectionTrait, stock: Model) -> Result<Model, DbErr> {
    let next = Model {
        version: stock.version + 1,
        ..stock
    };
    Entity::update(ActiveModel::from(next.clone()).reset_all())
        .exec(db)
        .await?;
    Ok(next)
}

/// Whether the product has a key that nobody has.
///
/// # Errors
/// The database's.
pub async fn has_free(db: &impl ConnectionTrait, product: ProductId) -> Result<bool, DbErr> {
    let row = Entity::find_by_id(product.to_string()).one(db).await?;
    Ok(row.is_some_and(|stock| stock.free > 0))
}

/// Every stock, for snapshots.
///
/// # Errors
/// The database's.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(db).await
}

fn number(id: InvoiceId) -> i64 {
    id.get().cast_signed()
}
