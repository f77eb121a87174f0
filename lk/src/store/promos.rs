//! `promos`, `promo_uses`: LK's copy of ARM's codes by version, and which invoices use them.
//!
//! Whoever counts a use holds the code's row until the end of the transaction, so a limit is never passed, however
//! many ask at the same moment.

use chrono::{DateTime, Utc};
use geobot_shared::ids::{InvoiceId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::topics::arm_sync_lk::PromoUsed;
use geobot_shared::topics::lk_sync_orm::PromoUpserted;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QuerySelect};

/// A code.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "promos")]
pub struct Model {
    /// The code in lower case.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub code_key: String,
    /// The code as staff writes it.
    #[sea_orm(column_type = "Text")]
    pub code: String,
    /// ARM's version of it.
    pub version: i64,
    /// Percent off.
    pub percent: Option<i64>,
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
    /// Invoices that are paid with it or may still be.
    pub used: i64,
    /// Grows with every change of `used`.
    pub used_version: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Which invoice uses which code.
pub mod uses {
    use sea_orm::entity::prelude::*;

    /// A use.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "promo_uses")]
    pub struct Model {
        /// The invoice.
        #[sea_orm(primary_key, auto_increment = false)]
        pub invoice_id: i64,
        /// The code in lower case.
        #[sea_orm(column_type = "Text")]
        pub code_key: String,
        /// Who.
        pub user_id: i64,
        /// The invoice was let go unpaid: the use does not count.
        pub released: bool,
        /// When it was made.
        pub at: i64,
    }

    /// No relations.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Model {
    /// What ARM shows.
    #[must_use]
    pub fn use_state(&self) -> PromoUsed {
        PromoUsed {
            code: self.code_key.clone(),
            version: self.used_version,
            used: u32::try_from(self.used).unwrap_or(u32::MAX),
        }
    }

    /// Whether it is taken at this time.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        let now = now.timestamp_micros();
        self.active
            && self.starts_at.is_none_or(|start| start <= now)
            && self.ends_at.is_none_or(|end| now < end)
    }
}

/// A code as it is compared: without regard to letter case and to space around it.
#[must_use]
pub fn key(code: &str) -> String {
    code.trim().to_lowercase()
}

fn number(id: InvoiceId) -> i64 {
    id.get().cast_signed()
}

/// Takes over ARM's state if it is newer than ours; false if it is not.
///
/// # Errors
/// The database's.
pub async fn take_over(db: &impl ConnectionTrait, promo: &PromoUpserted) -> Result<bool, DbErr> {
    let known = Entity::find_by_id(key(&promo.code))
        .lock_exclusive()
        .one(db)
        .await?;
    let (used, used_version) = known
        .as_ref()
        .map_or((0, 0), |known| (known.used, known.used_version));
    let row = Model {
        code_key: key(&promo.code),
        code: promo.code.trim().to_owned(),
        version: promo.version,
        percent: promo.percent.map(i64::from),
        amount: promo.amount.map(Money::kopecks),
        use_limit: promo.limit.map(i64::from),
        once_per_person: promo.once_per_person,
        starts_at: promo.starts_at.map(|at| at.timestamp_micros()),
        ends_at: promo.ends_at.map(|at| at.timestamp_micros()),
        active: promo.active,
        used,
        used_version,
    };
    match known {
        Some(known) if known.version >= promo.version => return Ok(false),
        Some(_) => {
            Entity::update(ActiveModel::from(row).reset_all())
                .exec(db)
                .await?;
        }
        None => {
            Entity::insert(ActiveModel::from(row))
                .exec_without_returning(db)
                .await?;
        }
    }
    Ok(true)
}

/// The code, held until the end of the caller's transaction.
///
/// # Errors
/// The database's.
pub async fn lock(db: &impl ConnectionTrait, code_key: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(code_key).lock_exclusive().one(db).await
}

/// Every code, for snapshots.
///
/// # Errors
/// The database's.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(db).await
}

/// The invoices of a person that use a code and count.
///
/// # Errors
/// The database's.
pub async fn uses_of(
    db: &impl ConnectionTrait,
    code_key: &str,
    user: TelegramUserId,
) -> Result<Vec<InvoiceId>, DbErr> {
    uses::Entity::find()
        .filter(uses::Column::UserId.eq(user.get()))
        .filter(uses::Column::CodeKey.eq(code_key))
        .filter(uses::Column::Released.eq(false))
        .all(db)
        .await?
        .into_iter()
        .map(|row| {
            u64::try_from(row.invoice_id)
                .ok()
                .and_then(|id| InvoiceId::new(id).ok())
                .ok_or_else(|| super::unreadable("an invoice id", row.invoice_id))
        })
        .collect()
}

/// Enters the use of a code by an invoice. The caller holds the code and has compared its limits.
///
/// # Errors
/// The database's.
pub async fn enter_use(
    db: &impl ConnectionTrait,
    code_key: &str,
    invoice: InvoiceId,
    user: TelegramUserId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    uses::Entity::insert(uses::ActiveModel {
        invoice_id: ActiveValue::Set(number(invoice)),
        code_key: ActiveValue::Set(code_key.to_owned()),
        user_id: ActiveValue::Set(user.get()),
        released: ActiveValue::Set(false),
        at: ActiveValue::Set(now.timestamp_micros()),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Makes an invoice's use count no longer, or again; false when that was so already or there is none.
///
/// # Errors
/// The database's.
pub async fn set_released(
    db: &impl ConnectionTrait,
    invoice: InvoiceId,
    released: bool,
) -> Result<bool, DbErr> {
    let changed = uses::Entity::update_many()
        .col_expr(uses::Column::Released, Expr::value(released))
        .filter(uses::Column::InvoiceId.eq(number(invoice)))
        .filter(uses::Column::Released.eq(!released))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Counts uses up or down. The caller holds the code.
///
/// # Errors
/// The database's.
pub async fn count(db: &impl ConnectionTrait, promo: Model, by: i64) -> Result<Model, DbErr> {
    let next = Model {
        used: promo.used + by,
        used_version: promo.used_version + 1,
        ..promo
    };
    Entity::update_many()
        .col_expr(Column::Used, Expr::value(next.used))
        .col_expr(Column::UsedVersion, Expr::value(next.used_version))
        .filter(Column::CodeKey.eq(next.code_key.as_str()))
        .exec(db)
        .await?;
    Ok(next)
}
