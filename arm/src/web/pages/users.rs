//! People: the list with its search.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::Answer;
use crate::app::App;
use crate::store::users;
use crate::web::page::{self, Page};
use crate::web::paging::Paging;
use crate::web::session::Visit;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage<'a> {
    p: &'a Page,
    rows: Vec<users::Model>,
    query: &'a str,
    paging: Paging,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Answer {
    let query = vec![("q", asked.q.clone())];
    let mut paging = Paging::new("/users", asked.page.as_deref(), query);
    let rows = users::search(&app.db, &asked.q, paging.offset(), paging.limit()).await?;
    page::show(&UsersPage {
        p: &visit.page,
        rows: paging.cut(rows),
        query: asked.q.trim(),
        paging,
    })
}
