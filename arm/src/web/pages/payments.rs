//! Payments: the list.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use geobot_shared::topics::states::InvoiceStatus;
use serde::Deserialize;

use super::Answer;
use crate::app::App;
use crate::store::invoices::{self, Wanted};
use crate::store::users;
use crate::web::page::{self, Page};
use crate::web::paging::Paging;
use crate::web::session::Visit;

/// The states one can choose, and what is a state to whoever has to act on it: `held`, `refund_unknown`.
const FILTERS: [&str; 11] = [
    "created",
    "pending",
    "paid",
    "held",
    "mismatch",
    "expired",
    "cancelled",
    "refunding",
    "refunded",
    "partly_refunded",
    "refund_unknown",
];

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    status: String,
    page: Option<String>,
}

fn wanted(word: &str) -> Wanted {
    match word {
        "held" => Wanted::Held,
        "refund_unknown" => Wanted::RefundUnknown,
        word => InvoiceStatus::from_name(word).map_or(Wanted::All, Wanted::Status),
    }
}

#[derive(Template)]
#[template(path = "payments.html")]
struct PaymentsPage<'a> {
    p: &'a Page,
    rows: Vec<invoices::Model>,
    people: HashMap<i64, users::Model>,
    filters: [&'static str; 11],
    chosen: &'a str,
    paging: Paging,
}

impl PaymentsPage<'_> {
    fn filter_name(&self, word: &str) -> String {
        match word {
            "held" => self.p.t("routing-held"),
            "refund_unknown" => self.p.t("payments-refund-unknown"),
            word => self.p.word("status", word),
        }
    }

    fn who(&self, id: &i64) -> String {
        self.people
            .get(id)
            .map_or_else(|| id.to_string(), users::Model::called)
    }
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer {
    let query = vec![("status", asked.status.clone())];
    let mut paging = Paging::new("/payments", asked.page.as_deref(), query);
    let wanted = wanted(&asked.status);
    let rows = invoices::list(&app.db, None, wanted, paging.offset(), paging.limit()).await?;
    let rows = paging.cut(rows);
    let people = users::of(&app.db, rows.iter().map(|row| row.user_id)).await?;
    page::show(&PaymentsPage {
        p: &visit.page,
        rows,
        people,
        filters: FILTERS,
        chosen: &asked.status,
        paging,
    })
}
