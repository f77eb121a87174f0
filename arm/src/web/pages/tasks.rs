//! Jobs: the list.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::Answer;
use crate::app::App;
use crate::store::tasks;
use crate::web::page::{self, Page};
use crate::web::paging::Paging;
use crate::web::session::Visit;

#[derive(Deserialize)]
pub(super) struct Asked {
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage<'a> {
    p: &'a Page,
    rows: Vec<tasks::Model>,
    paging: Paging,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer {
    let mut paging = Paging::new("/tasks", asked.page.as_deref(), vec![]);
    let rows = tasks::list(&app.db, paging.offset(), paging.limit()).await?;
    page::show(&TasksPage {
        p: &visit.page,
        rows: paging.cut(rows),
        paging,
    })
}
