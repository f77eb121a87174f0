//! The channels and groups that the bot has announced, and what it may do there.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::Answer;
use crate::app::App;
use crate::store::chats::{self, Model};
use crate::web::page::{self, Page};
use crate::web::session::Visit;

#[derive(Template)]
#[template(path = "chats.html")]
struct ChatsPage<'a> {
    p: &'a Page,
    rows: Vec<Model>,
}

pub(super) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Answer {
    page::show(&ChatsPage {
        p: &visit.page,
        rows: chats::all(&app.db).await?,
    })
}
