//! What people have a right to, as LK says (by version).

use geobot_shared::ids::{InvoiceId, TelegramUserId};
use geobot_shared::topics::states::EntitlementState;
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect};

use super::version::newer_wins;
use super::{invoices, micros, storable, time, unreadable};

/// A right.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entitlements")]
pub struct Model {
    /// The invoice that gave it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invoice_id: i64,
    /// LK's version.
    pub version: i64,
    /// Whose it is.
    pub user_id: i64,
    /// To what.
    pub product_id: String,
    /// Its title when it was bought.
    pub title: String,
    /// Since when.
    pub starts_at: i64,
    /// Until when; forever when absent.
    pub ends_at: Option<i64>,
    /// Taken back.
    pub revoked: bool,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The state on the wire.
    ///
    /// # Errors
    /// For a row that this version can't read.
    pub fn state(&self) -> Result<EntitlementState, DbErr> {
        Ok(EntitlementState {
            invoice_id: InvoiceId::new(self.invoice_id.unsigned_abs())
                .map_err(|e| unreadable("invoice id", e))?,
            version: self.version,
            user_id: TelegramUserId(self.user_id),
            product_id: self
                .product_id
                .parse()
                .map_err(|e| unreadable("product id", e))?,
            title: self.title.clone(),
            starts_at: time(self.starts_at),
            ends_at: self.ends_at.map(time),
            revoked: self.revoked,
        })
    }
}

/// Takes LK's state of a right. False: a version as new or newer is stored.
///
/// # Errors
/// The database's.
pub async fn take(db: &impl ConnectionTrait, state: &EntitlementState) -> Result<bool, DbErr> {
    let row = Model {
        invoice_id: invoices::number(state.invoice_id),
        version: state.version,
        user_id: state.user_id.get(),
        product_id: state.product_id.to_string(),
        title: storable(&state.title),
        starts_at: micros(state.starts_at),
        ends_at: state.ends_at.map(micros),
        revoked: state.revoked,
    };
    newer_wins::<Entity, ActiveModel>(db, row, Column::InvoiceId, Column::Version, &[]).await
}

/// A person's rights, the newest first.
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
        .order_by_desc(Column::StartsAt)
        .limit(limit)
        .all(db)
        .await
}

/// What an invoice gave.
///
/// # Errors
/// The database's.
pub async fn of_invoice(db: &impl ConnectionTrait, invoice: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(invoice).one(db).await
}
