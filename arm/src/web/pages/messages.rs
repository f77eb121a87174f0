//! The inbox: what people wrote, and the answer.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;
use geobot_shared::files::{FileError, LONGEST_FILE};
use geobot_shared::sql;
use serde::Deserialize;
use uuid::Uuid;

use super::talk::{self, Line, Shown};
use super::{Answer, Sent, files};
use crate::app::App;
use crate::store::audit::{self, Deed};
use crate::store::messages::{self, Source};
use crate::store::users;
use crate::support::{self, AnswerError, LONGEST_CAPTION, LONGEST_MESSAGE};
use crate::web::failure::Failure;
use crate::web::page::{self, Page, show_as};
use crate::web::paging::Paging;
use crate::web::posted::Posted;
use crate::web::session::Visit;
use crate::web::upload::{Upload, Uploaded};

/// Lines of the talk beside the form.
const TALK: u64 = 20;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    show: String,
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage<'a> {
    p: &'a Page,
    rows: Vec<messages::Model>,
    people: HashMap<i64, users::Model>,
    all: bool,
    paging: Paging,
}

impl MessagesPage<'_> {
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
    let all = asked.show == "all";
    let query = vec![("show", asked.show)];
    let mut paging = Paging::new("/messages", asked.page.as_deref(), query);
    let rows = messages::list(&app.db, !all, paging.offset(), paging.limit()).await?;
    let rows = paging.cut(rows);
    let people = users::of(&app.db, rows.iter().map(|row| row.user_id)).await?;
    page::show(&MessagesPage {
        p: &visit.page,
        rows,
        people,
        all,
        paging,
    })
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    p: &'a Page,
    message: Line,
    who: String,
    talk: Vec<Line>,
    text: &'a str,
    longest: usize,
    /// Makes a second press of the button harmless.
    form: String,
    wrong: Option<String>,
}

fn number(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| Failure::NotFound)
}

async fn show_form(
    app: &App,
    page: &Page,
    id: i64,
    text: &str,
    form: Option<&str>,
    wrong: Option<String>,
) -> Answer {
    let message = messages::get(&app.db, id)
        .await?
        .filter(|message| message.source != Source::Staff.as_str())
        .ok_or(Failure::NotFound)?;
    let person = users::get(&app.db, message.user_id).await?;
    let status = match wrong {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    let shown = MessagePage {
        p: page,
        who: person.map_or_else(|| message.user_id.to_string(), |person| person.called()),
        talk: talk::with(&app.db, message.user_id, TALK).await?,
        message: Line::new(message)?,
        text,
        longest: LONGEST_MESSAGE,
        form: form.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned),
        wrong,
    };
    show_as(status, &shown)
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
) -> Answer {
    let id = number(&id)?;
    show_form(&app, &visit.page, id, "", None, None).await
}

pub(super) async fn answer(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    upload: Upload,
) -> Sent {
    let id = number(&id)?;
    // Whoever is signed in may answer.
    let Uploaded {
        visit,
        fields,
        file,
        refused,
    } = upload.read(|_| true, &app.files).await?;
    let form = fields.get("form");
    let press: Uuid = form.parse().map_err(|_| Failure::BadForm)?;
    let text = fields.get("text");
    let refuse =
        async |wrong: String| show_form(&app, &visit.page, id, text, Some(form), Some(wrong)).await;
    if let Some(error) = refused {
        let key = match error {
            FileError::Empty => "file-empty",
            _ => "file-long",
        };
        return refuse(visit.page.n(key, LONGEST_FILE / 1_024 / 1_024)).await;
    }
    let file = match file {
        Some(file) => Some((file.clone(), files::is_photo(&app.files, &file).await?)),
        None => None,
    };
    match support::answer(&app, &visit.staff.login, id, text, file, press).await {
        Ok(()) => Ok(Redirect::to(&format!("/messages/{id}")).into_response()),
        Err(AnswerError::NotFound) => Err(Failure::NotFound),
        Err(AnswerError::Length) => {
            refuse(visit.page.n("message-wrong-length", LONGEST_MESSAGE as u64)).await
        }
        Err(AnswerError::Caption) => {
            refuse(
                visit
                    .page
                    .n("message-wrong-caption", LONGEST_CAPTION as u64),
            )
            .await
        }
        Err(AnswerError::Outbox(error)) => Err(error.into()),
    }
}

/// Not every message needs an answer.
pub(super) async fn close(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { visit, .. }: Posted,
) -> Sent {
    let id = number(&id)?;
    let transaction = sql::begin(&app.db).await?;
    if messages::get(&transaction, id).await?.is_none() {
        return Err(Failure::NotFound);
    }
    messages::mark_answered(&transaction, id).await?;
    let deed = Deed {
        staff: &visit.staff.login,
        action: "message_closed",
        object: ("message", &id.to_string()),
        detail: "",
    };
    audit::enter(&transaction, deed, Utc::now()).await?;
    app.commit(transaction).await?;
    Ok(Redirect::to("/messages").into_response())
}
