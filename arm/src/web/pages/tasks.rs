//! Jobs: the list, and the button that tries a failed one again.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use chrono::{DateTime, Utc};
use geobot_shared::ids::InvoiceId;
use serde::Deserialize;
use uuid::Uuid;

use super::{Answer, Sent};
use crate::app::App;
use crate::jobs::{self, RetryError};
use crate::store::tasks;
use crate::web::failure::Failure;
use crate::web::page::{self, Page};
use crate::web::paging::Paging;
use crate::web::posted::Posted;
use crate::web::session::Visit;

#[derive(Deserialize)]
pub(super) struct Asked {
    page: Option<String>,
    sent: Option<String>,
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage<'a> {
    p: &'a Page,
    rows: Vec<tasks::Model>,
    now: DateTime<Utc>,
    /// Whoever was silent before this is said to be.
    silent: DateTime<Utc>,
    may_retry: bool,
    sent: bool,
    paging: Paging,
}

impl TasksPage<'_> {
    fn is_silent(&self, row: &tasks::Model) -> bool {
        // Handed out again, it is silent until somebody answers.
        row.is_unanswered_since(self.silent) || (row.state == "started" && row.handed_out > 1)
    }

    fn age(&self, row: &tasks::Model) -> String {
        self.p.age(self.now, row.created_at)
    }

    /// Each form has a number of its own, which makes a second press of its button harmless.
    fn form(&self) -> String {
        Uuid::now_v7().to_string()
    }
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer {
    let now = Utc::now();
    let mut paging = Paging::new("/tasks", asked.page.as_deref(), vec![]);
    let rows = tasks::list(&app.db, paging.offset(), paging.limit()).await?;
    page::show(&TasksPage {
        p: &visit.page,
        rows: paging.cut(rows),
        now,
        silent: now - app.unanswered_after,
        may_retry: visit.staff.role.may_retry_tasks(),
        sent: asked.sent.is_some(),
        paging,
    })
}

/// Hands a failed job out again, and goes back to where the button was.
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { visit, fields }: Posted,
) -> Sent {
    if !visit.staff.role.may_retry_tasks() {
        return Err(Failure::Forbidden);
    }
    let id: Uuid = id.parse().map_err(|_| Failure::NotFound)?;
    let form: Uuid = fields.get("form").parse().map_err(|_| Failure::BadForm)?;
    match jobs::retry(&app, &visit.staff.login, id, form, Utc::now()).await {
        // Somebody else was faster, or it is done after all: the page shows what is.
        Ok(()) | Err(RetryError::NotNow) => {}
        Err(RetryError::NotFound) => return Err(Failure::NotFound),
        Err(RetryError::Outbox(error)) => return Err(error.into()),
    }
    let back = match fields.get("invoice").parse::<InvoiceId>() {
        Ok(invoice) => format!("/payments/{invoice}"),
        Err(_) => "/tasks?sent=1".to_owned(),
    };
    Ok(Redirect::to(&back).into_response())
}
