//! Invoices, as LK says (by version).

use geobot_shared::ids::{InvoiceId, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::topics::states::{
    InvoiceFunds, InvoiceState, InvoiceStatus, RefundEntry, Routing,
};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect};

use super::version::newer_wins;
use super::{micros, storable, storable_option, time, unreadable};

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    /// Robokassa's InvId.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invoice_id: i64,
    /// LK's version.
    pub version: i64,
    /// Who pays.
    pub user_id: i64,
    /// What is bought.
    pub product_id: String,
    /// Its title then.
    pub title: String,
    /// Kopecks.
    pub amount: i64,
    /// `live` or `test`.
    pub mode: String,
    /// An [`InvoiceStatus`]'s word.
    pub status: String,
    /// A [`Routing`]'s word.
    pub routing: String,
    /// Why it is held or in mismatch.
    #[sea_orm(column_type = "Text", nullable)]
    pub cause: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When the money came.
    pub paid_at: Option<i64>,
    /// The price before the promo code, in kopecks.
    pub full_price: Option<i64>,
    /// The promo code.
    pub promo_code: Option<String>,
    /// Kopecks that came.
    pub received: Option<i64>,
    /// Kopecks that went back.
    pub refunded: i64,
    /// Kopecks set aside for refunds that are on their way.
    pub reserved: i64,
    /// The refunds, as JSON; absent while there was none.
    #[sea_orm(column_type = "Text", nullable)]
    pub refunds: Option<String>,
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
    pub fn state(&self) -> Result<InvoiceState, DbErr> {
        Ok(InvoiceState {
            invoice_id: InvoiceId::new(self.invoice_id.unsigned_abs())
                .map_err(|e| unreadable("invoice id", e))?,
            version: self.version,
            user_id: TelegramUserId(self.user_id),
            product_id: self
                .product_id
                .parse::<ProductId>()
                .map_err(|e| unreadable("product id", e))?,
            title: self.title.clone(),
            amount: Money::from_kopecks(self.amount),
            mode: self.mode.parse().map_err(|e| unreadable("mode", e))?,
            status: InvoiceStatus::from_name(&self.status)
                .ok_or_else(|| unreadable("status", &self.status))?,
            routing: Routing::from_name(&self.routing)
                .ok_or_else(|| unreadable("routing", &self.routing))?,
            cause: self.cause.clone(),
            created_at: time(self.created_at),
            paid_at: self.paid_at.map(time),
            full_price: self.full_price.map(Money::from_kopecks),
            promo_code: self.promo_code.clone(),
            funds: InvoiceFunds {
                received: self.received.map(Money::from_kopecks),
                refunded: Money::from_kopecks(self.refunded),
                reserved: Money::from_kopecks(self.reserved),
                refunds: self.refunds()?,
            },
        })
    }

    /// The refunds, the oldest first.
    ///
    /// # Errors
    /// For a row that this version can't read.
    pub fn refunds(&self) -> Result<Vec<RefundEntry>, DbErr> {
        match &self.refunds {
            Some(text) => serde_json::from_str(text).map_err(|e| unreadable("refund", e)),
            None => Ok(Vec::new()),
        }
    }

    /// The most that can still be given back, in kopecks: what came, less what went back or is on its way.
    pub fn refundable(&self) -> i64 {
        self.received.unwrap_or(0) - self.refunded - self.reserved
    }
}

/// An invoice's number as it is stored: it lies below 2^53.
pub fn number(id: InvoiceId) -> i64 {
    id.get().cast_signed()
}

fn written(refunds: &[RefundEntry]) -> Result<Option<String>, DbErr> {
    if refunds.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(refunds)
        .map(|text| Some(storable(&text)))
        .map_err(|e| unreadable("refund", e))
}

/// Takes LK's state of an invoice. False: a version as new or newer is stored.
///
/// # Errors
/// The database's.
pub async fn take(db: &impl ConnectionTrait, state: &InvoiceState) -> Result<bool, DbErr> {
    let row = Model {
        invoice_id: number(state.invoice_id),
        version: state.version,
        user_id: state.user_id.get(),
        product_id: state.product_id.to_string(),
        title: storable(&state.title),
        amount: state.amount.kopecks(),
        mode: state.mode.as_str().to_owned(),
        status: state.status.as_str().to_owned(),
        routing: state.routing.as_str().to_owned(),
        cause: storable_option(state.cause.as_ref()),
        created_at: micros(state.created_at),
        paid_at: state.paid_at.map(micros),
        full_price: state.full_price.map(Money::kopecks),
        promo_code: storable_option(state.promo_code.as_ref()),
        received: state.funds.received.map(Money::kopecks),
        refunded: state.funds.refunded.kopecks(),
        reserved: state.funds.reserved.kopecks(),
        refunds: written(&state.funds.refunds)?,
    };
    newer_wins::<Entity, ActiveModel>(db, row, Column::InvoiceId, Column::Version, &[]).await
}

/// One invoice.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(number(id)).one(db).await
}

/// Which invoices are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    #[default]
    All,
    /// Those in one state.
    Status(InvoiceStatus),
    /// Paid, and held on the way to the person.
    Held,
    /// A refund got no answer: somebody must look into Robokassa's pages.
    RefundUnknown,
}

/// Invoices, the newest first.
///
/// # Errors
/// The database's.
pub async fn list(
    db: &impl ConnectionTrait,
    user: Option<i64>,
    wanted: Wanted,
    offset: u64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut select = choose(wanted);
    if let Some(user) = user {
        select = select.filter(Column::UserId.eq(user));
    }
    select
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::InvoiceId)
        .offset(offset)
        .limit(limit)
        .all(db)
        .await
}

/// How many there are.
///
/// # Errors
/// The database's.
pub async fn count(db: &impl ConnectionTrait, wanted: Wanted) -> Result<u64, DbErr> {
    choose(wanted).count(db).await
}

fn choose(wanted: Wanted) -> Select<Entity> {
    match wanted {
        Wanted::All => Entity::find(),
        Wanted::Status(status) => Entity::find().filter(Column::Status.eq(status.as_str())),
        // The money is with us and the person has nothing for it yet.
        Wanted::Held => Entity::find()
            .filter(Column::Status.eq(InvoiceStatus::Paid.as_str()))
            .filter(Column::Routing.eq(Routing::Held.as_str())),
        Wanted::RefundUnknown => {
            Entity::find().filter(Column::Refunds.contains(r#""state":"unknown""#))
        }
    }
}
