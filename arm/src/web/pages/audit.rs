//! Who did what; for owners.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::Answer;
use crate::app::App;
use crate::store::audit;
use crate::web::failure::Failure;
use crate::web::page::{self, Page};
use crate::web::paging::Paging;
use crate::web::session::Visit;

#[derive(Deserialize)]
pub(super) struct Asked {
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'a> {
    p: &'a Page,
    rows: Vec<audit::Model>,
    paging: Paging,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer {
    if !visit.staff.role.may_read_audit() {
        return Err(Failure::Forbidden);
    }
    let mut paging = Paging::new("/audit", asked.page.as_deref(), vec![]);
    let rows = audit::list(&app.db, paging.offset(), paging.limit()).await?;
    page::show(&AuditPage {
        p: &visit.page,
        rows: paging.cut(rows),
        paging,
    })
}
