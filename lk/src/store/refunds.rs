//! `refunds`: money that goes back, one row per decision. What each state means stands at [`RefundStage`].
//!
//! A row reaches `calling` in a transaction of its own before the gateway is called, so that whoever finds it there
//! later knows that the call may have been made and never makes it again.

use chrono::{DateTime, Utc};
use geobot_shared::ids::InvoiceId;
use geobot_shared::money::Money;
use geobot_shared::topics::states::{RefundEntry, RefundStage};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder, QuerySelect};

use super::{time, unreadable};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
pub struct Model {
    /// A UUID in text, derived from the message that asked.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub refund_id: String,
    /// Whose money.
    pub invoice_id: i64,
    /// The message that asked.
    #[sea_orm(column_type = "Text", unique)]
    pub message_id: String,
    /// `gateway` or `recorded`.
    #[sea_orm(column_type = "Text")]
    pub origin: String,
    /// Kopecks.
    pub amount: i64,
    /// How far it is.
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// The gateway's id of it, once it was accepted.
    #[sea_orm(column_type = "Text", nullable)]
    pub request_id: Option<String>,
    /// Why it was refused or is unknown.
    #[sea_orm(column_type = "Text", nullable)]
    pub cause: Option<String>,
    /// Who decided.
    #[sea_orm(column_type = "Text")]
    pub staff: String,
    /// Why.
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    /// The correlation-id of the decision.
    #[sea_orm(column_type = "Text")]
    pub story: String,
    /// When it was asked for.
    pub created_at: i64,
    /// When it is worked on next.
    pub next_at: Option<i64>,
    /// How often it was worked on in its state.
    pub tries: i64,
    /// When the gateway was called.
    pub called_at: Option<i64>,
    /// When it was done or refused.
    pub ended_at: Option<i64>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Where a refund was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// LK makes it through the gateway.
    Gateway,
    /// Somebody made it in the gateway's own pages and entered it.
    Recorded,
}

impl Origin {
    const fn as_str(self) -> &'static str {
        match self {
            Origin::Gateway => "gateway",
            Origin::Recorded => "recorded",
        }
    }
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Derived from the message that asked.
    pub id: Uuid,
    /// Whose money.
    pub invoice: InvoiceId,
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub state: RefundStage,
    /// The gateway's id of it, once it was accepted.
    pub request_id: Option<String>,
    /// Why it was refused or is unknown.
    pub cause: Option<String>,
    /// Who decided.
    pub staff: String,
    /// Why.
    pub reason: String,
    /// The correlation-id of the decision.
    pub story: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// How often it was worked on in its state.
    pub tries: i64,
}

impl TryFrom<Model> for Refund {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Refund, DbErr> {
        Ok(Refund {
            id: row
                .refund_id
                .parse()
                .map_err(|_| unreadable("a refund id", &row.refund_id))?,
            invoice: u64::try_from(row.invoice_id)
                .ok()
                .and_then(|id| InvoiceId::new(id).ok())
                .ok_or_else(|| unreadable("an invoice id", row.invoice_id))?,
            amount: Money::from_kopecks(row.amount),
            state: RefundStage::from_name(&row.state)
                .ok_or_else(|| unreadable("a refund's state", &row.state))?,
            request_id: row.request_id,
            cause: row.cause,
            staff: row.staff,
            reason: row.reason,
            story: row.story,
            created_at: time(row.created_at)?,
            tries: row.tries,
        })
    }
}

impl From<Refund> for RefundEntry {
    fn from(refund: Refund) -> RefundEntry {
        RefundEntry {
            refund_id: refund.id,
            amount: refund.amount,
            state: refund.state,
            cause: refund.cause,
            staff: refund.staff,
            reason: refund.reason,
            at: refund.created_at,
        }
    }
}

/// Enters a refund. A second one of the same message is an error of the database: the caller has looked before.
///
/// # Errors
/// The database's.
pub async fn insert(
    db: &impl ConnectionTrait,
    refund: &Refund,
    message_id: &str,
    origin: Origin,
    next_at: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    let ended = matches!(refund.state, RefundStage::Done | RefundStage::Refused);
    let created_at = refund.created_at.timestamp_micros();
    Entity::insert(ActiveModel {
        refund_id: ActiveValue::Set(refund.id.to_string()),
        invoice_id: ActiveValue::Set(refund.invoice.get().cast_signed()),
        message_id: ActiveValue::Set(message_id.to_owned()),
        origin: ActiveValue::Set(origin.as_str().to_owned()),
        amount: ActiveValue::Set(refund.amount.kopecks()),
        state: ActiveValue::Set(refund.state.as_str().to_owned()),
        request_id: ActiveValue::Set(refund.request_id.clone()),
        cause: ActiveValue::Set(refund.cause.clone()),
        staff: ActiveValue::Set(refund.staff.clone()),
        reason: ActiveValue::Set(refund.reason.clone()),
        story: ActiveValue::Set(refund.story.clone()),
        created_at: ActiveValue::Set(created_at),
        next_at: ActiveValue::Set(next_at.map(|at| at.timestamp_micros())),
        tries: ActiveValue::Set(0),
        called_at: ActiveValue::Set(None),
        ended_at: ActiveValue::Set(ended.then_some(created_at)),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// The refund, if there is one.
///
/// # Errors
/// The database's.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Refund>, DbErr> {
    let row = Entity::find_by_id(id.to_string()).one(db).await?;
    row.map(Refund::try_from).transpose()
}

/// The refunds of an invoice, the oldest first.
///
/// # Errors
/// The database's.
pub async fn of_invoice(
    db: &impl ConnectionTrait,
    invoice: InvoiceId,
) -> Result<Vec<Refund>, DbErr> {
    Entity::find()
        .filter(Column::InvoiceId.eq(invoice.get().cast_signed()))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::RefundId)
        .all(db)
        .await?
        .into_iter()
        .map(Refund::try_from)
        .collect()
}

/// Refunds in `state` whose time has come.
///
/// # Errors
/// The database's.
pub async fn due(
    db: &impl ConnectionTrait,
    state: RefundStage,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Refund>, DbErr> {
    Entity::find()
        .filter(Column::State.eq(state.as_str()))
        .filter(Column::NextAt.lte(now.timestamp_micros()))
        .order_by_asc(Column::NextAt)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(Refund::try_from)
        .collect()
}

/// Claims one piece of work on a refund that stays in its state, and sets when the next one is; false when somebody
/// else has claimed it or its state has changed.
///
/// # Errors
/// The database's.
pub async fn claim(
    db: &impl ConnectionTrait,
    seen: &Refund,
    next_at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(
            Column::NextAt,
            Expr::value(Some(next_at.timestamp_micros())),
        )
        .col_expr(Column::Tries, Expr::value(seen.tries + 1))
        .filter(Column::RefundId.eq(seen.id.to_string()))
        .filter(Column::State.eq(seen.state.as_str()))
        .filter(Column::Tries.eq(seen.tries))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// What a change of state writes beside the state.
#[derive(Clone, Debug, Default)]
pub struct Note<'a> {
    /// The gateway's id.
    pub request_id: Option<&'a str>,
    /// Why it is so.
    pub cause: Option<&'a str>,
    /// When it is worked on next.
    pub next_at: Option<DateTime<Utc>>,
}

/// A refund goes from one of the states `from` to `to`; false when it was in none of them.
///
/// # Errors
/// The database's.
pub async fn advance(
    db: &impl ConnectionTrait,
    id: Uuid,
    from: &[RefundStage],
    to: RefundStage,
    note: &Note<'_>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let micros = now.timestamp_micros();
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::Cause, Expr::value(note.cause))
        .col_expr(
            Column::NextAt,
            Expr::value(note.next_at.map(|at| at.timestamp_micros())),
        );
    if let Some(request_id) = note.request_id {
        update = update.col_expr(Column::RequestId, Expr::value(Some(request_id)));
    }
    match to {
        RefundStage::Calling => {
            update = update.col_expr(Column::CalledAt, Expr::value(Some(micros)));
        }
        RefundStage::Done | RefundStage::Refused => {
            update = update.col_expr(Column::EndedAt, Expr::value(Some(micros)));
        }
        RefundStage::Requested => update = update.col_expr(Column::Tries, Expr::value(0_i64)),
        RefundStage::Reserved | RefundStage::Unknown => {}
    }
    let changed = update
        .filter(Column::RefundId.eq(id.to_string()))
        .filter(Column::State.is_in(from.iter().map(|state| state.as_str())))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}
