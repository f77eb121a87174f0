//! `notifications`: ResultURL2's messages, word for word, once their signature was found valid.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use geobot_shared::ids::InvoiceId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait};

/// A row. UNIQUE(inv_id, op_key, state): a repeat is no second one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    /// Order of entry.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The invoice; absent when none of ours has that number.
    pub invoice_id: Option<i64>,
    /// The number as it came.
    #[sea_orm(column_type = "Text")]
    pub inv_id: String,
    /// The operation's key.
    #[sea_orm(column_type = "Text")]
    pub op_key: String,
    /// `paid` or `held`.
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// What the buyer paid, in rubles; absent when it can't be read.
    #[sea_orm(column_type = "Text", nullable)]
    pub inc_sum: Option<String>,
    /// The signed token.
    #[sea_orm(column_type = "Text")]
    pub body: String,
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

/// A message to keep.
#[derive(Clone, Debug)]
pub struct Kept<'a> {
    /// The invoice, if it is ours.
    pub invoice: Option<InvoiceId>,
    /// The number as it came.
    pub inv_id: u64,
    /// The operation's key.
    pub op_key: &'a str,
    /// `paid` or `held`.
    pub state: &'static str,
    /// What the buyer paid.
    pub inc_sum: Option<String>,
    /// The signed token.
    pub body: &'a str,
    /// From where.
    pub remote: IpAddr,
    /// What was made of it.
    pub verdict: &'static str,
}

/// Keeps a message; false when it is kept already.
///
/// # Errors
/// The database's.
pub async fn insert(
    db: &impl ConnectionTrait,
    kept: &Kept<'_>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        id: ActiveValue::NotSet,
        invoice_id: ActiveValue::Set(kept.invoice.map(|id| id.get().cast_signed())),
        inv_id: ActiveValue::Set(kept.inv_id.to_string()),
        op_key: ActiveValue::Set(kept.op_key.to_owned()),
        state: ActiveValue::Set(kept.state.to_owned()),
        inc_sum: ActiveValue::Set(kept.inc_sum.clone()),
        body: ActiveValue::Set(kept.body.to_owned()),
        received_at: ActiveValue::Set(now.timestamp_micros()),
        remote_ip: ActiveValue::Set(kept.remote.to_string()),
        verdict: ActiveValue::Set(kept.verdict.to_owned()),
    };
    let once = OnConflict::columns([Column::InvId, Column::OpKey, Column::State])
        .do_nothing()
        .to_owned();
    match Entity::insert(row)
        .on_conflict(once)
        .exec_without_returning(db)
        .await
    {
        Ok(rows) => Ok(rows > 0),
        Err(DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error),
    }
}
