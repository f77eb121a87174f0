//! `callbacks`: what Robokassa said, word for word, once its signature was found valid.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use geobot_shared::ids::InvoiceId;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder, QuerySelect};

use crate::payment::gateway::VerifiedCallback;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "callbacks")]
pub struct Model {
    /// Order of entry.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The invoice; absent when none of ours has that number.
    pub invoice_id: Option<i64>,
    /// The parameters in their order, a JSON array of pairs.
    #[sea_orm(column_type = "Text")]
    pub params: String,
    /// `OutSum` as received.
    #[sea_orm(column_type = "Text")]
    pub out_sum: String,
    /// When it came.
    pub received_at: i64,
    /// From where.
    #[sea_orm(column_type = "Text")]
    pub remote_ip: String,
    /// What was made of it.
    #[sea_orm(column_type = "Text")]
    pub verdict: String,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was made of a callback with a valid signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It paid its invoice.
    Credited,
    /// Its invoice was settled by an earlier copy.
    Repeated,
    /// Another amount than asked: the invoice is in `mismatch`.
    Mismatch,
    /// The invoice was settled before, and this is no copy of what settled it. A person looks at it.
    Unexpected,
    /// No invoice of ours has that number. A person looks at it.
    Unknown,
}

impl Verdict {
    /// The word in the database and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Credited => "credited",
            Verdict::Repeated => "repeated",
            Verdict::Mismatch => "mismatch",
            Verdict::Unexpected => "unexpected",
            Verdict::Unknown => "unknown",
        }
    }
}

/// Keeps a callback.
///
/// # Errors
/// The database's.
pub async fn insert(
    db: &impl ConnectionTrait,
    callback: &VerifiedCallback,
    invoice: Option<InvoiceId>,
    remote: IpAddr,
    verdict: Verdict,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let params =
        serde_json::to_string(&callback.raw).map_err(|error| DbErr::Json(error.to_string()))?;
    Entity::insert(ActiveModel {
        id: ActiveValue::NotSet,
        invoice_id: ActiveValue::Set(invoice.map(|id| id.get().cast_signed())),
        params: ActiveValue::Set(params),
        out_sum: ActiveValue::Set(callback.sum_text.clone()),
        received_at: ActiveValue::Set(now.timestamp_micros()),
        remote_ip: ActiveValue::Set(remote.to_string()),
        verdict: ActiveValue::Set(verdict.as_str().to_owned()),
    })
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Whether a callback with this very `OutSum` is kept for the invoice.
///
/// # Errors
/// The database's.
pub async fn has_copy(
    db: &impl ConnectionTrait,
    invoice: InvoiceId,
    out_sum: &str,
) -> Result<bool, DbErr> {
    let copy = Entity::find()
        .filter(Column::InvoiceId.eq(invoice.get().cast_signed()))
        .filter(Column::OutSum.eq(out_sum))
        .limit(1)
        .one(db)
        .await?;
    Ok(copy.is_some())
}

/// Whether a callback of this verdict is kept for the invoice.
///
/// # Errors
/// The database's.
pub async fn has_verdict(
    db: &impl ConnectionTrait,
    invoice: InvoiceId,
    verdict: Verdict,
) -> Result<bool, DbErr> {
    let found = Entity::find()
        .filter(Column::InvoiceId.eq(invoice.get().cast_signed()))
        .filter(Column::Verdict.eq(verdict.as_str()))
        .limit(1)
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// The parameters of the callback that paid an invoice.
///
/// # Errors
/// The database's, or parameters that are not what was written.
pub async fn paying_params(
    db: &impl ConnectionTrait,
    invoice: InvoiceId,
) -> Result<Option<Vec<(String, String)>>, DbErr> {
    let row = Entity::find()
        .filter(Column::InvoiceId.eq(invoice.get().cast_signed()))
        .filter(Column::Verdict.eq(Verdict::Credited.as_str()))
        .order_by_asc(Column::Id)
        .limit(1)
        .one(db)
        .await?;
    row.map(|row| serde_json::from_str(&row.params))
        .transpose()
        .map_err(|error| DbErr::Json(error.to_string()))
}
