//! Products; ARM's truth.

use chrono::{DateTime, Utc};
use geobot_shared::ids::ProductId;
use geobot_shared::money::Money;
use geobot_shared::robokassa::receipt::{PaymentMethod, PaymentObject, Tax};
use geobot_shared::topics::states::ProductState;
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, IntoActiveModel, QueryOrder, QuerySelect};

use super::{micros, unreadable};

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "products")]
pub struct Model {
    /// UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub product_id: String,
    /// Grows with every change.
    pub version: i64,
    /// What people see on the button and in the receipt.
    pub title: String,
    /// What people read before they buy.
    #[sea_orm(column_type = "Text")]
    pub description: String,
    /// Kopecks.
    pub price: i64,
    /// What a payment gives, as JSON.
    #[sea_orm(column_type = "Text")]
    pub delivery: String,
    /// False: archived.
    pub active: bool,
    /// Where it stands in the menu.
    pub position: i32,
    /// When it was made.
    pub created_at: i64,
    /// When it was changed.
    pub updated_at: i64,
    /// For how many days it is sold; for ever when absent.
    pub days: Option<i64>,
    /// Staff is warned when so many keys are left.
    pub low_stock: Option<i64>,
    /// The VAT in the receipt, in Robokassa's word.
    pub tax: String,
    /// What it is in the receipt, in Robokassa's word.
    pub payment_object: Option<String>,
    /// How far it is paid in the receipt, in Robokassa's word.
    pub payment_method: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The row of a state.
    ///
    /// # Errors
    /// Never in practice: a delivery is always JSON.
    pub fn new(state: &ProductState, created_at: i64, now: DateTime<Utc>) -> Result<Model, DbErr> {
        Ok(Model {
            product_id: state.product_id.to_string(),
            version: state.version,
            title: state.title.clone(),
            description: state.description.clone(),
            price: state.price.kopecks(),
            delivery: serde_json::to_string(&state.delivery)
                .map_err(|e| unreadable("delivery", e))?,
            active: state.active,
            position: state.position,
            created_at,
            updated_at: micros(now),
            days: state.days.map(i64::from),
            low_stock: state.low_stock.map(i64::from),
            tax: state.tax.as_str().to_owned(),
            payment_object: state.payment_object.map(|it| it.as_str().to_owned()),
            payment_method: state.payment_method.map(|it| it.as_str().to_owned()),
        })
    }

    /// The state on the wire.
    ///
    /// # Errors
    /// For a row that this version can't read.
    pub fn state(&self) -> Result<ProductState, DbErr> {
        Ok(ProductState {
            product_id: self
                .product_id
                .parse()
                .map_err(|e| unreadable("product id", e))?,
            version: self.version,
            title: self.title.clone(),
            description: self.description.clone(),
            price: Money::from_kopecks(self.price),
            delivery: serde_json::from_str(&self.delivery)
                .map_err(|e| unreadable("delivery", e))?,
            active: self.active,
            position: self.position,
            days: number("days", self.days)?,
            low_stock: number("low stock", self.low_stock)?,
            tax: Tax::from_word(&self.tax).ok_or_else(|| unreadable("tax", &self.tax))?,
            payment_object: word(self.payment_object.as_deref(), PaymentObject::from_word)?,
            payment_method: word(self.payment_method.as_deref(), PaymentMethod::from_word)?,
        })
    }
}

fn number(what: &str, stored: Option<i64>) -> Result<Option<u32>, DbErr> {
    stored
        .map(|n| n.try_into().map_err(|e| unreadable(what, e)))
        .transpose()
}

fn word<T>(stored: Option<&str>, read: fn(&str) -> Option<T>) -> Result<Option<T>, DbErr> {
    stored
        .map(|text| read(text).ok_or_else(|| unreadable("word of a receipt", text)))
        .transpose()
}

/// All products: those on sale in the menu's order, then the archived.
///
/// # Errors
/// The database's.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_desc(Column::Active)
        .order_by_asc(Column::Position)
        .order_by_asc(Column::Title)
        .order_by_asc(Column::ProductId)
        .all(db)
        .await
}

/// One product.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl ConnectionTrait, id: ProductId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.to_string()).one(db).await
}

/// One product that this transaction is going to change: nobody else changes it meanwhile.
///
/// # Errors
/// The database's.
pub async fn get_for_change(
    db: &impl ConnectionTrait,
    id: ProductId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.to_string())
        .lock_exclusive()
        .one(db)
        .await
}

/// Enters a new product.
///
/// # Errors
/// The database's, also for an id that exists.
pub async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Overwrites a product that exists.
///
/// # Errors
/// The database's.
pub async fn replace(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    let row = row.into_active_model().reset_all();
    Entity::update(row).exec(db).await?;
    Ok(())
}
