//! The card of a person, and what staff do with the account.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;
use geobot_shared::ids::TelegramUserId;
use serde::Deserialize;
use uuid::Uuid;

use super::talk::{self, Line, Shown};
use super::{Answer, Sent};
use crate::app::App;
use crate::decisions::LONGEST_REASON;
use crate::people::{self, Change, PersonError};
use crate::store::invoices::{self, Wanted};
use crate::store::{entitlements, events, users};
use crate::web::failure::Failure;
use crate::web::page::{self, Page, show_as};
use crate::web::posted::Posted;
use crate::web::session::Visit;

/// Rows of each list on a card.
const ON_CARD: u64 = 20;

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage<'a> {
    p: &'a Page,
    user: users::Model,
    invoices: Vec<invoices::Model>,
    entitlements: Vec<entitlements::Model>,
    talk: Vec<Line>,
    heard: Vec<events::Model>,
    may_block: bool,
    may_adjust: bool,
    longest_reason: usize,
    sent: bool,
    wrong: Option<String>,
}

impl UserPage<'_> {
    /// Each form has a number of its own, which makes a second press of its button harmless.
    fn form(&self) -> String {
        Uuid::now_v7().to_string()
    }
}

impl<'a> UserPage<'a> {
    async fn of(app: &App, visit: &'a Visit, id: i64) -> Result<UserPage<'a>, Failure> {
        let db = &app.db;
        let user = users::get(db, id).await?.ok_or(Failure::NotFound)?;
        Ok(UserPage {
            p: &visit.page,
            user,
            invoices: invoices::list(db, Some(id), Wanted::All, 0, ON_CARD).await?,
            entitlements: entitlements::of_user(db, id, ON_CARD).await?,
            talk: talk::with(db, id, ON_CARD).await?,
            heard: events::of_user(db, id, ON_CARD).await?,
            may_block: visit.staff.role.may_block(),
            may_adjust: visit.staff.role.may_decide_payments(),
            longest_reason: LONGEST_REASON,
            sent: false,
            wrong: None,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    sent: Option<String>,
}

fn number(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| Failure::NotFound)
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    page::show(&UserPage {
        sent: asked.sent.is_some(),
        ..UserPage::of(&app, &visit, number(&id)?).await?
    })
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path((id, deed)): Path<(String, String)>,
    Posted { visit, fields }: Posted,
) -> Sent {
    let role = visit.staff.role;
    let allowed = match deed.as_str() {
        "block" | "unblock" => role.may_block(),
        "balance" => role.may_decide_payments(),
        _ => return Err(Failure::NotFound),
    };
    if !allowed {
        return Err(Failure::Forbidden);
    }
    let id = number(&id)?;
    let form: Uuid = fields.get("form").parse().map_err(|_| Failure::BadForm)?;
    let change = match deed.as_str() {
        "block" => Change::Block,
        "unblock" => Change::Unblock,
        // What can't be read is 0, which is refused in words.
        _ => Change::AdjustBalance(people::signed_rubles(fields.get("amount")).unwrap_or(0)),
    };
    let (staff, user) = (&visit.staff.login, TelegramUserId(id));
    let p = &visit.page;
    let why = fields.get("reason");
    let words = match people::change(&app, staff, user, change, why, form, Utc::now()).await {
        Ok(()) => return Ok(Redirect::to(&format!("/users/{id}?sent=1")).into_response()),
        Err(PersonError::NotFound) => return Err(Failure::NotFound),
        Err(PersonError::Outbox(error)) => return Err(error.into()),
        Err(PersonError::Amount) => p.t("wrong-balance"),
        Err(PersonError::Reason) => p.n("wrong-reason", LONGEST_REASON as u64),
    };
    let shown = UserPage {
        wrong: Some(words),
        ..UserPage::of(&app, &visit, id).await?
    };
    show_as(StatusCode::BAD_REQUEST, &shown)
}
