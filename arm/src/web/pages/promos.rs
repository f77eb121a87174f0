//! Promo codes: the list, and the page that adds or changes one.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;

use super::promo_form::Form;
use super::{Answer, Sent};
use crate::app::App;
use crate::promo::{self, Expected, LONGEST_CODE, PromoError, PromoSaved};
use crate::store::promos::{self, Model};
use crate::web::failure::Failure;
use crate::web::page::{self, Page, show_as};
use crate::web::posted::Posted;
use crate::web::session::{Staff, Visit};

struct Row {
    code: String,
    href: String,
    off: String,
    used: i64,
    limit: Option<i64>,
    once: bool,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    taken: bool,
}

impl Row {
    fn new(p: &Page, row: Model) -> Row {
        let taken = row.is_taken(Utc::now());
        Row {
            href: address(&row.code),
            off: match row.percent {
                Some(percent) => format!("{percent} %"),
                None => p.rubles(&row.amount.unwrap_or(0)),
            },
            used: row.used,
            limit: row.use_limit,
            once: row.once_per_person,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            taken,
            code: row.code,
        }
    }
}

/// The page of a code; it may have letters of any alphabet.
fn address(code: &str) -> String {
    let code: String = url::form_urlencoded::byte_serialize(code.as_bytes()).collect();
    format!("/promos/{code}")
}

#[derive(Template)]
#[template(path = "promos.html")]
struct PromosPage<'a> {
    p: &'a Page,
    rows: Vec<Row>,
    may_change: bool,
}

pub(super) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Answer {
    let rows = promos::all(&app.db).await?;
    page::show(&PromosPage {
        p: &visit.page,
        rows: rows
            .into_iter()
            .map(|row| Row::new(&visit.page, row))
            .collect(),
        may_change: visit.staff.role.may_change_promos(),
    })
}

#[derive(Template)]
#[template(path = "promo.html")]
struct PromoPage<'a> {
    p: &'a Page,
    /// Where the form goes.
    action: String,
    new: bool,
    may_change: bool,
    longest_code: usize,
    form: Form,
    wrong: Option<String>,
}

impl<'a> PromoPage<'a> {
    fn new(p: &'a Page, staff: &Staff, code: Option<&str>, form: Form) -> PromoPage<'a> {
        PromoPage {
            p,
            action: code.map_or_else(|| "/promos".to_owned(), address),
            new: code.is_none(),
            may_change: staff.role.may_change_promos(),
            longest_code: LONGEST_CODE,
            form,
            wrong: None,
        }
    }
}

fn may_change(staff: &Staff) -> Result<(), Failure> {
    if staff.role.may_change_promos() {
        Ok(())
    } else {
        Err(Failure::Forbidden)
    }
}

pub(super) async fn blank(visit: Visit) -> Answer {
    may_change(&visit.staff)?;
    let form = Form::blank();
    page::show(&PromoPage::new(&visit.page, &visit.staff, None, form))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(code): Path<String>,
) -> Answer {
    let row = promos::get(&app.db, &code)
        .await?
        .ok_or(Failure::NotFound)?;
    let form = Form::of(&row, app.zone);
    page::show(&PromoPage::new(
        &visit.page,
        &visit.staff,
        Some(&row.code),
        form,
    ))
}

pub(super) async fn create(State(app): State<Arc<App>>, Posted { visit, fields }: Posted) -> Sent {
    let form = Form::sent(&fields);
    save(&app, &visit, None, form, Expected::New).await
}

pub(super) async fn update(
    State(app): State<Arc<App>>,
    Path(code): Path<String>,
    Posted { visit, fields }: Posted,
) -> Sent {
    let form = Form {
        code: code.clone(),
        ..Form::sent(&fields)
    };
    let version = form.version.parse().map_err(|_| Failure::BadForm)?;
    save(&app, &visit, Some(&code), form, Expected::Version(version)).await
}

async fn save(
    app: &App,
    visit: &Visit,
    code: Option<&str>,
    form: Form,
    expected: Expected,
) -> Sent {
    may_change(&visit.staff)?;
    let refuse = |status, form, key: &str| {
        let shown = PromoPage {
            wrong: Some(visit.page.t(key)),
            ..PromoPage::new(&visit.page, &visit.staff, code, form)
        };
        show_as(status, &shown)
    };
    let draft = match form.draft(app.zone) {
        Ok(draft) => draft,
        Err(fault) => return refuse(StatusCode::BAD_REQUEST, form, fault.key()),
    };
    let saved = promo::save(app, &visit.staff.login, draft, expected, Utc::now()).await;
    match saved {
        Ok(PromoSaved::Created(_) | PromoSaved::Changed(_) | PromoSaved::Unchanged(_)) => {
            Ok(Redirect::to("/promos").into_response())
        }
        Err(PromoError::NotFound) => Err(Failure::NotFound),
        Err(PromoError::Exists) => refuse(StatusCode::CONFLICT, form, "wrong-promo-exists"),
        Err(PromoError::Stale) => refuse(StatusCode::CONFLICT, form, "wrong-promo-stale"),
        Err(PromoError::Outbox(error)) => Err(error.into()),
    }
}
