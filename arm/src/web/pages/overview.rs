//! The first page: what sells, and what waits for a person.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use chrono::{TimeDelta, Utc};
use geobot_shared::topics::arm_sync_tg::SendOutcome;
use geobot_shared::topics::states::{Delivery, InvoiceStatus};

use sea_orm::{DatabaseConnection, DbErr};

use super::Answer;
use crate::app::App;
use crate::store::invoices::{self, Wanted};
use crate::store::sales::{self, DaySales};
use crate::store::{deliveries, maintenance, messages, products, stocks, users};
use crate::web::chart::Chart;
use crate::web::page::{self, Page};
use crate::web::session::Visit;

/// Days in the chart.
const DAYS: u16 = 14;
/// Days of the second column of numbers.
const WEEK: usize = 7;

struct Sum {
    invoices: i64,
    revenue: i64,
}

impl Sum {
    fn of(days: &[DaySales]) -> Sum {
        Sum {
            invoices: days.iter().map(|d| d.invoices).sum(),
            revenue: days.iter().map(|d| d.revenue.kopecks()).sum(),
        }
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    p: &'a Page,
    today: Sum,
    week: Sum,
    users_today: u64,
    users_week: u64,
    waiting: u64,
    /// What waits for a decision: where to look, and how much it is.
    attention: Vec<(&'static str, String)>,
    sent: i64,
    failed: i64,
    unknown: i64,
    cancelled: i64,
    chart: Chart,
    closed: bool,
    may_close: bool,
}

pub(super) async fn show(State(app): State<Arc<App>>, visit: Visit) -> Answer {
    let (db, now) = (&app.db, Utc::now());
    let days = sales::by_day(db, DAYS, app.zone, now).await?;
    let last = |n: usize| days.get(days.len().saturating_sub(n)..).unwrap_or_default();
    let today = now.with_timezone(&app.zone).date_naive();
    let midnight = sales::begins(today, app.zone);
    let week = sales::begins(today - TimeDelta::days(WEEK as i64 - 1), app.zone);
    page::show(&OverviewPage {
        p: &visit.page,
        today: Sum::of(last(1)),
        week: Sum::of(last(WEEK)),
        users_today: users::made_since(db, midnight).await?,
        users_week: users::made_since(db, week).await?,
        waiting: messages::waiting(db).await?,
        attention: attention(&app, &visit.page).await?,
        sent: deliveries::since(db, SendOutcome::Sent, week).await?,
        failed: deliveries::since(db, SendOutcome::Failed, week).await?,
        unknown: deliveries::since(db, SendOutcome::Unknown, week).await?,
        cancelled: deliveries::since(db, SendOutcome::Cancelled, week).await?,
        chart: Chart::new(&days, visit.page.language),
        closed: maintenance::get(db).await?.closed,
        may_close: visit.staff.role.may_close_shop(),
    })
}

/// What is not right by itself again.
async fn attention(app: &App, p: &Page) -> Result<Vec<(&'static str, String)>, DbErr> {
    let db = &app.db;
    let mismatches = Wanted::Status(InvoiceStatus::Mismatch);
    let found = [
        (
            "/payments?status=held",
            "overview-held",
            invoices::count(db, Wanted::Held).await?,
        ),
        (
            "/payments?status=mismatch",
            "overview-mismatches",
            invoices::count(db, mismatches).await?,
        ),
        (
            "/payments?status=refund_unknown",
            "overview-unknown-refunds",
            invoices::count(db, Wanted::RefundUnknown).await?,
        ),
        ("/products", "overview-sold-out", sold_out(db).await?),
    ];
    Ok(found
        .into_iter()
        .filter(|(_, _, n)| *n > 0)
        .map(|(href, key, n)| (href, p.n(key, n)))
        .collect())
}

/// Products on sale whose keys are all given away.
async fn sold_out(db: &DatabaseConnection) -> Result<u64, DbErr> {
    let stocks = stocks::all(db).await?;
    let mut empty = 0;
    for row in products::all(db).await? {
        let from_stock = matches!(row.state()?.delivery, Delivery::Key { .. });
        let free = stocks.get(&row.product_id).map_or(0, |stock| stock.free);
        empty += u64::from(row.active && from_stock && free == 0);
    }
    Ok(empty)
}
