//! `products`: LK's copy of what ARM sells, by version, and what the bot was told of it.

use chrono::{DateTime, Utc};
use geobot_shared::ids::ProductId;
use geobot_shared::money::Money;
use geobot_shared::robokassa::receipt::{PaymentMethod, PaymentObject, Tax};
use geobot_shared::topics::states::{CatalogItem, Delivery, ProductState};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect};

use super::{stock, unreadable};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "products")]
pub struct Model {
    /// The product, a UUID in text.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub product_id: String,
    /// ARM's version of it.
    pub version: i64,
    /// What people see.
    #[sea_orm(column_type = "Text")]
    pub title: String,
    /// What people read before they buy.
    #[sea_orm(column_type = "Text")]
    pub description: String,
    /// Kopecks.
    pub price: i64,
    /// What a payment gives, JSON text.
    #[sea_orm(column_type = "Text")]
    pub delivery: String,
    /// False: ARM has taken it off sale.
    pub active: bool,
    /// Where it stands in the menu.
    pub position: i64,
    /// The version that the bot was told: it grows with a change of the stock as well.
    pub menu_version: i64,
    /// Whether the bot was told that it can be bought.
    pub shown: bool,
    /// For how many days it is bought; for ever when absent.
    pub days: Option<i64>,
    /// Staff is warned when so many keys are left.
    pub low_stock: Option<i64>,
    /// The VAT in the receipt, in Robokassa's word.
    #[sea_orm(column_type = "Text")]
    pub tax: String,
    /// What it is in the receipt, in Robokassa's word.
    #[sea_orm(column_type = "Text", nullable)]
    pub payment_object: Option<String>,
    /// How far it is paid in the receipt, in Robokassa's word.
    #[sea_orm(column_type = "Text", nullable)]
    pub payment_method: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A product as LK needs it: what is shown, and what goes into invoices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// What is shown. Active only while there is something to deliver.
    pub item: CatalogItem,
    /// What a payment gives, as JSON text.
    pub delivery: String,
    /// For how many days it is bought; for ever when absent.
    pub days: Option<u32>,
    /// Staff is warned when so many keys are left.
    pub low_stock: Option<i64>,
    /// The VAT in the receipt.
    pub tax: Tax,
    /// What it is in the receipt.
    pub payment_object: Option<PaymentObject>,
    /// How far it is paid in the receipt.
    pub payment_method: Option<PaymentMethod>,
}

impl TryFrom<Model> for Product {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Product, DbErr> {
        let object = |word: String| {
            PaymentObject::from_word(&word).ok_or_else(|| unreadable("a payment object", word))
        };
        let method = |word: String| {
            PaymentMethod::from_word(&word).ok_or_else(|| unreadable("a payment method", word))
        };
        Ok(Product {
            item: CatalogItem {
                product_id: row
                    .product_id
                    .parse()
                    .map_err(|_| unreadable("a product id", &row.product_id))?,
                version: row.menu_version,
                title: row.title,
                description: row.description,
                price: Money::from_kopecks(row.price),
                active: row.shown,
                position: row
                    .position
                    .try_into()
                    .map_err(|_| unreadable("a position", row.position))?,
            },
            delivery: row.delivery,
            days: row
                .days
                .map(|days| days.try_into().map_err(|_| unreadable("days", days)))
                .transpose()?,
            low_stock: row.low_stock,
            tax: Tax::from_word(&row.tax).ok_or_else(|| unreadable("a tax", &row.tax))?,
            payment_object: row.payment_object.map(object).transpose()?,
            payment_method: row.payment_method.map(method).transpose()?,
        })
    }
}

/// The product, if it is known.
///
/// # Errors
/// The database's.
pub async fn find(db: &impl ConnectionTrait, id: ProductId) -> Result<Option<Product>, DbErr> {
    let row = Entity::find_by_id(id.to_string()).one(db).await?;
    row.map(Product::try_from).transpose()
}

/// Takes over ARM's state if it is newer than ours; `None` if it is not.
///
/// # Errors
/// The database's.
pub async fn take_over(
    db: &impl ConnectionTrait,
    product: &ProductState,
    now: DateTime<Utc>,
) -> Result<Option<Product>, DbErr> {
    let known = lock(db, product.product_id).await?;
    let word = |word: &'static str| word.to_owned();
    let mut row = Model {
        product_id: product.product_id.to_string(),
        version: product.version,
        title: product.title.clone(),
        description: product.description.clone(),
        price: product.price.kopecks(),
        delivery: serde_json::to_string(&product.delivery)
            .map_err(|error| DbErr::Json(error.to_string()))?,
        active: product.active,
        position: product.position.into(),
        menu_version: next_menu_version(known.as_ref(), now),
        shown: false,
        days: product.days.map(i64::from),
        low_stock: product.low_stock.map(i64::from),
        tax: word(product.tax.as_str()),
        payment_object: product.payment_object.map(|it| word(it.as_str())),
        payment_method: product.payment_method.map(|it| word(it.as_str())),
    };
    row.shown = can_be_bought(db, &row).await?;
    match known {
        Some(known) if known.version >= product.version => return Ok(None),
        Some(_) => {
            let all = ActiveModel::from(row.clone()).reset_all();
            Entity::update(all).exec(db).await?;
        }
        None => {
            Entity::insert(ActiveModel::from(row.clone()))
                .exec_without_returning(db)
                .await?;
        }
    }
    row.try_into().map(Some)
}

/// Takes a product out of the menu if the change is newer; `None` if it is not, or if the product is not known.
///
/// # Errors
/// The database's.
pub async fn archive(
    db: &impl ConnectionTrait,
    id: ProductId,
    version: i64,
    now: DateTime<Utc>,
) -> Result<Option<Product>, DbErr> {
    let Some(known) = lock(db, id).await?.filter(|known| known.version < version) else {
        return Ok(None);
    };
    let row = Model {
        active: false,
        shown: false,
        version,
        menu_version: next_menu_version(Some(&known), now),
        ..known
    };
    Entity::update(ActiveModel::from(row.clone()).reset_all())
        .exec(db)
        .await?;
    row.try_into().map(Some)
}

/// Hides a product whose stock ran out, or shows it again; `None` when the bot was told so already, or when the
/// product is not known.
///
/// # Errors
/// The database's.
pub async fn follow_stock(
    db: &impl ConnectionTrait,
    id: ProductId,
    now: DateTime<Utc>,
) -> Result<Option<Product>, DbErr> {
    let Some(known) = lock(db, id).await? else {
        return Ok(None);
    };
    let shown = can_be_bought(db, &known).await?;
    if shown == known.shown {
        return Ok(None);
    }
    let row = Model {
        shown,
        menu_version: next_menu_version(Some(&known), now),
        ..known
    };
    Entity::update(ActiveModel::from(row.clone()).reset_all())
        .exec(db)
        .await?;
    row.try_into().map(Some)
}

async fn lock(db: &impl ConnectionTrait, id: ProductId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.to_string())
        .lock_exclusive()
        .one(db)
        .await
}

/// On sale, and there is something to give. Read after the product's row is held: whoever changes the stock holds it
/// too before it commits.
async fn can_be_bought(db: &impl ConnectionTrait, row: &Model) -> Result<bool, DbErr> {
    let id = row
        .product_id
        .parse()
        .map_err(|_| unreadable("a product id", &row.product_id))?;
    let from_stock = matches!(
        serde_json::from_str(&row.delivery),
        Ok(Delivery::Key { .. })
    );
    Ok(row.active && (!from_stock || stock::has_free(db, id).await?))
}

/// The bot takes only what is newer than what it has. The time makes it so even after LK's database was restored
/// from a backup.
fn next_menu_version(known: Option<&Model>, now: DateTime<Utc>) -> i64 {
    let after = known.map_or(0, |known| known.menu_version + 1);
    after.max(now.timestamp_micros())
}

/// Every product, archived ones included, in the menu's order.
///
/// # Errors
/// The database's.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Product>, DbErr> {
    Entity::find()
        .order_by_asc(Column::Position)
        .order_by_asc(Column::ProductId)
        .all(db)
        .await?
        .into_iter()
        .map(Product::try_from)
        .collect()
}

impl Product {
    /// Whether it can be bought now.
    #[must_use]
    pub fn is_for_sale(&self) -> bool {
        self.item.active && self.item.price.is_positive()
    }
}
