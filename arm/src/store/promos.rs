//! Promo codes: ARM's truth, and beside it how often LK says that they are used.

use chrono::{DateTime, Utc};
use geobot_shared::money::Money;
use geobot_shared::topics::arm_sync_lk::PromoUsed;
use geobot_shared::topics::lk_sync_orm::PromoUpserted;
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, IntoActiveModel, QueryOrder, QuerySelect};

use super::{time, unreadable};

/// A code.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "promos")]
pub struct Model {
    /// The code in lower case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_key: String,
    /// The code as it was written.
    pub code: String,
    /// Grows with every change.
    pub version: i64,
    /// Percent off.
    pub percent: Option<i32>,
    /// Kopecks off.
    pub amount: Option<i64>,
    /// How often it may be used; without limit when absent.
    pub use_limit: Option<i64>,
    /// Once per person.
    pub once_per_person: bool,
    /// Valid from.
    pub starts_at: Option<i64>,
    /// Valid until.
    pub ends_at: Option<i64>,
    /// False: no longer taken.
    pub active: bool,
    /// Invoices that are paid with it or may still be, as LK says.
    pub used: i64,
    /// LK's version of that.
    pub used_version: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it was changed.
    pub updated_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A code as it is compared: without regard to letter case.
pub fn key(code: &str) -> String {
    code.trim().to_lowercase()
}

impl Model {
    /// The state on the wire.
    ///
    /// # Errors
    /// For a row that this version can't read.
    pub fn state(&self) -> Result<PromoUpserted, DbErr> {
        Ok(PromoUpserted {
            code: self.code.clone(),
            version: self.version,
            percent: self
                .percent
                .map(|percent| percent.try_into().map_err(|e| unreadable("percent", e)))
                .transpose()?,
            amount: self.amount.map(Money::from_kopecks),
            limit: self
                .use_limit
                .map(|limit| limit.try_into().map_err(|e| unreadable("limit", e)))
                .transpose()?,
            once_per_person: self.once_per_person,
            starts_at: self.starts_at.map(time),
            ends_at: self.ends_at.map(time),
            active: self.active,
        })
    }

    /// Whether people can use it now.
    pub fn is_taken(&self, now: DateTime<Utc>) -> bool {
        let now = super::micros(now);
        self.active
            && self.starts_at.is_none_or(|start| start <= now)
            && self.ends_at.is_none_or(|end| now < end)
            && self.use_limit.is_none_or(|limit| self.used < limit)
    }
}

/// All codes: the active ones first, then by code.
///
/// # Errors
/// The database's.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_desc(Column::Active)
        .order_by_asc(Column::CodeKey)
        .all(db)
        .await
}

/// One code, in any letter case.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl ConnectionTrait, code: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(key(code)).one(db).await
}

/// One code that this transaction is going to change.
///
/// # Errors
/// The database's.
pub async fn get_for_change(db: &impl ConnectionTrait, code: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(key(code)).lock_exclusive().one(db).await
}

/// Enters a new code.
///
/// # Errors
/// The database's, also for a code that exists.
pub async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Overwrites a code that exists.
///
/// # Errors
/// The database's.
pub async fn replace(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::update(row.into_active_model().reset_all())
        .exec(db)
        .await?;
    Ok(())
}

/// Takes LK's number of uses. False: a version as new or newer is stored, or there is no such code.
///
/// # Errors
/// The database's.
pub async fn take_uses(db: &impl ConnectionTrait, state: &PromoUsed) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Used, Expr::value(i64::from(state.used)))
        .col_expr(Column::UsedVersion, Expr::value(state.version))
        .filter(Column::CodeKey.eq(key(&state.code)))
        .filter(Column::UsedVersion.lt(state.version))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}
