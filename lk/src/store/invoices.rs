//! `invoices`: what is asked for and what became of it.

mod checking;
mod funds;
mod search;
mod steps;

use chrono::{DateTime, Utc};
use geobot_shared::ids::{ChatId, InvoiceId, Mode, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::route_token::GrantSource;
use geobot_shared::topics::states::{InvoiceFunds, InvoiceState, InvoiceStatus, Routing};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait, QuerySelect};

pub use checking::{
    AskedBy, CheckAsked, ask_soon, check_at_once, check_later, claim_check, due_to_check,
    note_op_key,
};
pub use funds::{Funds, add_refunded, finish_refund, note_refund, release, reserve};
pub use search::{
    due_to_expire, due_to_republish, find_open_like, held_of, latest_of, page, some_held,
};
pub use steps::{
    Receipt, accept_mismatch, cancel, claim_republish, correct_mismatch, deliver_again, expire,
    mismatch, note_cause, open, pay, set_delivery, set_routing,
};

use super::{time, unreadable};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    /// Robokassa's `InvId`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub invoice_id: i64,
    /// Grows with every change that others see.
    pub version: i64,
    /// Who pays.
    pub user_id: i64,
    /// Where the pay button went.
    pub chat_id: i64,
    /// What is bought, a UUID in text.
    #[sea_orm(column_type = "Text")]
    pub product_id: String,
    /// The product's title when the invoice was made.
    #[sea_orm(column_type = "Text")]
    pub title: String,
    /// Kopecks.
    pub amount: i64,
    /// `live` or `test`.
    #[sea_orm(column_type = "Text")]
    pub mode: String,
    /// Where it stands.
    #[sea_orm(column_type = "Text")]
    pub status: String,
    /// What became of it in the bot.
    #[sea_orm(column_type = "Text")]
    pub routing: String,
    /// Why it is held or in mismatch.
    #[sea_orm(column_type = "Text", nullable)]
    pub cause: Option<String>,
    /// The correlation-id of the wish to buy.
    #[sea_orm(column_type = "Text")]
    pub story: String,
    /// What is delivered, JSON text, fixed when the invoice was made.
    #[sea_orm(column_type = "Text")]
    pub delivery: String,
    /// When it was made.
    pub created_at: i64,
    /// Until when it is offered.
    pub expires_at: i64,
    /// When the money came.
    pub paid_at: Option<i64>,
    /// When it is published again; absent once the bot has answered.
    pub republish_at: Option<i64>,
    /// How often it was published again.
    pub republish_count: i64,
    /// Kopecks that came; absent while none did.
    pub received: Option<i64>,
    /// Kopecks that went back.
    pub refunded: i64,
    /// Kopecks set aside for refunds that are on their way.
    pub reserved: i64,
    /// How many refunds were ever asked for.
    pub refund_count: i64,
    /// Why it may be delivered; absent while it may not.
    #[sea_orm(column_type = "Text", nullable)]
    pub source: Option<String>,
    /// The gateway's key of the payment.
    #[sea_orm(column_type = "Text", nullable)]
    pub op_key: Option<String>,
    /// When the gateway is asked about it next; absent when nobody has to ask.
    pub check_at: Option<i64>,
    /// How often the gateway was asked.
    pub check_count: i64,
    /// When the gateway was asked last.
    pub asked_at: Option<i64>,
    /// Who waits for the next answer.
    #[sea_orm(column_type = "Text", nullable)]
    pub check_for: Option<String>,
    /// Grows each time its delivery is begun anew.
    pub delivery_round: i64,
    /// The price before the promo code, in kopecks.
    pub full_price: Option<i64>,
    /// The promo code as staff writes it.
    #[sea_orm(column_type = "Text", nullable)]
    pub promo_code: Option<String>,
    /// For how many days it is bought; for ever when absent.
    pub days: Option<i64>,
    /// What stands in the receipt, JSON text; absent when there is none.
    #[sea_orm(column_type = "Text", nullable)]
    pub receipt: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Robokassa's `InvId`.
    pub id: InvoiceId,
    /// Grows with every change that others see.
    pub version: i64,
    /// Who pays.
    pub user: TelegramUserId,
    /// Where the pay button went.
    pub chat: ChatId,
    /// What is bought.
    pub product: ProductId,
    /// Its title when the invoice was made.
    pub title: String,
    /// What is to be paid.
    pub amount: Money,
    /// Live money or a test.
    pub mode: Mode,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// What became of it in the bot.
    pub routing: Routing,
    /// Why it is held or in mismatch.
    pub cause: Option<String>,
    /// The correlation-id of the wish to buy.
    pub story: String,
    /// What is delivered, JSON text.
    pub delivery: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it is offered.
    pub expires_at: DateTime<Utc>,
    /// When the money came.
    pub paid_at: Option<DateTime<Utc>>,
    /// How often it was published again.
    pub republish_count: i64,
    /// Where its money stands.
    pub funds: Funds,
    /// Why it may be delivered; `None` while it may not.
    pub source: Option<GrantSource>,
    /// The gateway's key of the payment, once it is known. A refund needs it.
    pub op_key: Option<String>,
    /// How often the gateway was asked about it.
    pub check_count: i64,
    /// When the gateway was asked last.
    pub asked_at: Option<DateTime<Utc>>,
    /// Who waits for the next answer.
    pub check_for: Option<AskedBy>,
    /// Grows each time its delivery is begun anew.
    pub delivery_round: i64,
    /// The price before the promo code; `None` without one.
    pub full_price: Option<Money>,
    /// The promo code as staff writes it.
    pub promo_code: Option<String>,
    /// For how many days it is bought; for ever when absent.
    pub days: Option<u32>,
    /// What stands in the receipt, JSON text; `None` when there is none.
    pub receipt: Option<String>,
}

impl Invoice {
    /// As others see it, without the list of its refunds.
    #[must_use]
    pub fn state(&self) -> InvoiceState {
        InvoiceState {
            invoice_id: self.id,
            version: self.version,
            user_id: self.user,
            product_id: self.product,
            title: self.title.clone(),
            amount: self.amount,
            full_price: self.full_price,
            promo_code: self.promo_code.clone(),
            mode: self.mode,
            status: self.status,
            routing: self.routing,
            cause: self.cause.clone(),
            created_at: self.created_at,
            paid_at: self.paid_at,
            funds: InvoiceFunds {
                received: self.funds.received,
                refunded: self.funds.refunded,
                reserved: self.funds.reserved,
                refunds: Vec::new(),
            },
        }
    }
}

/// The word in the database.
#[must_use]
pub const fn source_name(source: GrantSource) -> &'static str {
    match source {
        GrantSource::Robokassa => "robokassa",
        GrantSource::Reconciler => "reconciler",
        GrantSource::Promo => "promo",
        GrantSource::Staff => "staff",
    }
}

fn read_source(name: &str) -> Result<GrantSource, DbErr> {
    [
        GrantSource::Robokassa,
        GrantSource::Reconciler,
        GrantSource::Promo,
        GrantSource::Staff,
    ]
    .into_iter()
    .find(|&source| source_name(source) == name)
    .ok_or_else(|| unreadable("a source", name))
}

impl TryFrom<Model> for Invoice {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Invoice, DbErr> {
        Ok(Invoice {
            id: u64::try_from(row.invoice_id)
                .ok()
                .and_then(|id| InvoiceId::new(id).ok())
                .ok_or_else(|| unreadable("an invoice id", row.invoice_id))?,
            version: row.version,
            user: TelegramUserId(row.user_id),
            chat: ChatId(row.chat_id),
            product: row
                .product_id
                .parse()
                .map_err(|_| unreadable("a product id", &row.product_id))?,
            title: row.title,
            amount: Money::from_kopecks(row.amount),
            mode: row
                .mode
                .parse()
                .map_err(|_| unreadable("a mode", &row.mode))?,
            status: InvoiceStatus::from_name(&row.status)
                .ok_or_else(|| unreadable("a status", &row.status))?,
            routing: Routing::from_name(&row.routing)
                .ok_or_else(|| unreadable("a routing", &row.routing))?,
            cause: row.cause,
            story: row.story,
            delivery: row.delivery,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
            paid_at: row.paid_at.map(time).transpose()?,
            republish_count: row.republish_count,
            funds: Funds {
                received: row.received.map(Money::from_kopecks),
                refunded: Money::from_kopecks(row.refunded),
                reserved: Money::from_kopecks(row.reserved),
                refund_count: row.refund_count,
            },
            source: row.source.as_deref().map(read_source).transpose()?,
            op_key: row.op_key,
            check_count: row.check_count,
            asked_at: row.asked_at.map(time).transpose()?,
            check_for: row.check_for.as_deref().map(AskedBy::read).transpose()?,
            delivery_round: row.delivery_round,
            full_price: row.full_price.map(Money::from_kopecks),
            promo_code: row.promo_code,
            days: row
                .days
                .map(|days| days.try_into().map_err(|_| unreadable("days", days)))
                .transpose()?,
            receipt: row.receipt,
        })
    }
}

fn number(id: InvoiceId) -> i64 {
    // At most 2^53-1, by its type.
    id.get().cast_signed()
}

/// The invoice, if there is one.
///
/// # Errors
/// The database's.
pub async fn find(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Option<Invoice>, DbErr> {
    let row = Entity::find_by_id(number(id)).one(db).await?;
    row.map(Invoice::try_from).transpose()
}

/// Those of these numbers that there are.
///
/// # Errors
/// The database's.
pub async fn find_all(
    db: &impl ConnectionTrait,
    ids: impl Iterator<Item = InvoiceId>,
) -> Result<Vec<Invoice>, DbErr> {
    let numbers: Vec<i64> = ids.map(number).collect();
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Entity::find()
        .filter(Column::InvoiceId.is_in(numbers))
        .all(db)
        .await?;
    rows.into_iter().map(Invoice::try_from).collect()
}

/// The invoice, locked within the caller's transaction for a change that looks at its state.
///
/// # Errors
/// The database's.
pub async fn lock(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Option<Invoice>, DbErr> {
    let row = Entity::find_by_id(number(id))
        .lock_exclusive()
        .one(db)
        .await?;
    row.map(Invoice::try_from).transpose()
}

/// Enters a new invoice; false when its number is taken.
///
/// # Errors
/// The database's.
pub async fn insert(db: &impl ConnectionTrait, invoice: &Invoice) -> Result<bool, DbErr> {
    let row = ActiveModel {
        invoice_id: ActiveValue::Set(number(invoice.id)),
        version: ActiveValue::Set(invoice.version),
        user_id: ActiveValue::Set(invoice.user.get()),
        chat_id: ActiveValue::Set(invoice.chat.get()),
        product_id: ActiveValue::Set(invoice.product.to_string()),
        title: ActiveValue::Set(invoice.title.clone()),
        amount: ActiveValue::Set(invoice.amount.kopecks()),
        mode: ActiveValue::Set(invoice.mode.as_str().to_owned()),
        status: ActiveValue::Set(invoice.status.as_str().to_owned()),
        routing: ActiveValue::Set(invoice.routing.as_str().to_owned()),
        cause: ActiveValue::Set(invoice.cause.clone()),
        story: ActiveValue::Set(invoice.story.clone()),
        delivery: ActiveValue::Set(invoice.delivery.clone()),
        created_at: ActiveValue::Set(invoice.created_at.timestamp_micros()),
        expires_at: ActiveValue::Set(invoice.expires_at.timestamp_micros()),
        paid_at: ActiveValue::Set(invoice.paid_at.map(|at| at.timestamp_micros())),
        republish_at: ActiveValue::Set(None),
        republish_count: ActiveValue::Set(invoice.republish_count),
        received: ActiveValue::Set(invoice.funds.received.map(Money::kopecks)),
        refunded: ActiveValue::Set(invoice.funds.refunded.kopecks()),
        reserved: ActiveValue::Set(invoice.funds.reserved.kopecks()),
        refund_count: ActiveValue::Set(invoice.funds.refund_count),
        source: ActiveValue::Set(invoice.source.map(|source| source_name(source).to_owned())),
        op_key: ActiveValue::Set(invoice.op_key.clone()),
        check_at: ActiveValue::Set(None),
        check_count: ActiveValue::Set(invoice.check_count),
        asked_at: ActiveValue::Set(invoice.asked_at.map(|at| at.timestamp_micros())),
        check_for: ActiveValue::Set(invoice.check_for.map(|by| by.as_str().to_owned())),
        delivery_round: ActiveValue::Set(invoice.delivery_round),
        full_price: ActiveValue::Set(invoice.full_price.map(Money::kopecks)),
        promo_code: ActiveValue::Set(invoice.promo_code.clone()),
        days: ActiveValue::Set(invoice.days.map(i64::from)),
        receipt: ActiveValue::Set(invoice.receipt.clone()),
    };
    let inserted = Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::InvoiceId)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(db)
        .await;
    match inserted {
        Ok(rows) => Ok(rows > 0),
        Err(DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error),
    }
}
