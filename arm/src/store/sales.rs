//! What was sold: live invoices whose money came and was not given back whole, by the day it came.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, NaiveDate, TimeDelta, TimeZone, Utc};
use geobot_shared::ids::Mode;
use geobot_shared::money::Money;
use geobot_shared::topics::states::InvoiceStatus;
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::invoices::{Column, Entity};
use super::micros;

/// States in which the shop has the money, or most of it.
const SOLD: [InvoiceStatus; 3] = [
    InvoiceStatus::Paid,
    InvoiceStatus::Refunding,
    InvoiceStatus::PartlyRefunded,
];

const DAY_MICROS: i64 = 86_400_000_000;

/// What one day brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaySales {
    /// The day.
    pub day: NaiveDate,
    /// Paid invoices.
    pub invoices: i64,
    /// What came for them and was not given back.
    pub revenue: Money,
}

/// When a day begins in a time zone.
pub fn begins(day: NaiveDate, zone: FixedOffset) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    zone.from_local_datetime(&midnight)
        .single()
        .map_or_else(|| midnight.and_utc(), |local| local.to_utc())
}

/// The last `days` days up to today, the oldest first, days without sales too.
///
/// # Errors
/// The database's.
pub async fn by_day(
    db: &impl ConnectionTrait,
    days: u16,
    zone: FixedOffset,
    now: DateTime<Utc>,
) -> Result<Vec<DaySales>, DbErr> {
    let days = i64::from(days);
    let today = now.with_timezone(&zone).date_naive();
    let first = today - TimeDelta::days(days - 1);
    let start = micros(begins(first, zone));
    let day = Expr::col(Column::PaidAt).sub(start).div(DAY_MICROS);
    // An older LK does not say what came.
    let came = Func::coalesce([Expr::col(Column::Received), Expr::col(Column::Amount)]);
    let kept = Expr::from(came).sub(Expr::col(Column::Refunded));
    let rows: Vec<(i64, i64, i64)> = Entity::find()
        .select_only()
        .column_as(day, "day")
        .column_as(Expr::col(Column::InvoiceId).count(), "invoices")
        // PostgreSQL sums BIGINT to NUMERIC.
        .column_as(kept.sum().cast_as("BIGINT"), "revenue")
        .filter(Column::PaidAt.gte(start))
        .filter(Column::Mode.eq(Mode::Live.as_str()))
        .filter(Column::Status.is_in(SOLD.map(InvoiceStatus::as_str)))
        .group_by(Expr::col("day"))
        .into_tuple()
        .all(db)
        .await?;
    let by_day: BTreeMap<i64, (i64, i64)> = rows.into_iter().map(|(d, n, s)| (d, (n, s))).collect();
    Ok((0..days)
        .map(|index| {
            let (invoices, kopecks) = by_day.get(&index).copied().unwrap_or_default();
            DaySales {
                day: first + TimeDelta::days(index),
                invoices,
                revenue: Money::from_kopecks(kopecks),
            }
        })
        .collect())
}
