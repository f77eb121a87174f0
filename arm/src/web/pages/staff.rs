//! Staff accounts, for the owner: who is in, who is out, new passwords.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;

use super::{Answer, Sent};
use crate::access::Role;
use crate::app::App;
use crate::store::staff;
use crate::team::{self, TeamError};
use crate::web::failure::Failure;
use crate::web::page::{self, Page, show_as};
use crate::web::posted::Posted;
use crate::web::session::{Staff, Visit};

/// A password that is shown once: never on a page that can be opened again.
struct Shown {
    login: String,
    password: String,
}

#[derive(Template)]
#[template(path = "staff.html")]
struct StaffPage<'a> {
    p: &'a Page,
    rows: Vec<staff::Model>,
    me: &'a str,
    roles: [&'static str; 3],
    login: String,
    role: String,
    shown: Option<Shown>,
    wrong: Option<String>,
}

impl<'a> StaffPage<'a> {
    async fn of(app: &App, visit: &'a Visit) -> Result<StaffPage<'a>, Failure> {
        Ok(StaffPage {
            p: &visit.page,
            rows: staff::all(&app.db).await?,
            me: &visit.staff.login,
            roles: Role::ALL.map(Role::as_str),
            login: String::new(),
            role: Role::Support.as_str().to_owned(),
            shown: None,
            wrong: None,
        })
    }
}

fn may_manage(staff: &Staff) -> Result<(), Failure> {
    if staff.role.may_manage_staff() {
        Ok(())
    } else {
        Err(Failure::Forbidden)
    }
}

pub(super) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Answer {
    may_manage(&visit.staff)?;
    page::show(&StaffPage::of(&app, &visit).await?)
}

pub(super) async fn add(State(app): State<Arc<App>>, Posted { visit, fields }: Posted) -> Sent {
    may_manage(&visit.staff)?;
    let role = Role::from_name(fields.get("role")).ok_or(Failure::BadForm)?;
    let login = fields.get("login").trim();
    let (status, key) = match team::add(&app, &visit.staff.login, login, role, Utc::now()).await {
        Ok(password) => {
            let shown = Shown {
                login: staff::normal(login),
                password,
            };
            return once(&app, &visit, shown).await;
        }
        Err(TeamError::Login) => (StatusCode::BAD_REQUEST, "wrong-login"),
        Err(TeamError::Exists) => (StatusCode::CONFLICT, "wrong-login-taken"),
        Err(error) => return Err(error.into()),
    };
    let page = StaffPage {
        login: login.to_owned(),
        role: role.as_str().to_owned(),
        wrong: Some(visit.page.t(key)),
        ..StaffPage::of(&app, &visit).await?
    };
    show_as(status, &page)
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path((id, deed)): Path<(String, String)>,
    Posted { visit, .. }: Posted,
) -> Sent {
    may_manage(&visit.staff)?;
    let id: i64 = id.parse().map_err(|_| Failure::NotFound)?;
    let (by, now) = (&visit.staff.login, Utc::now());
    match deed.as_str() {
        "password" => {
            let (account, password) = team::reset_password(&app, by, id, now).await?;
            let shown = Shown {
                login: account.login,
                password,
            };
            return once(&app, &visit, shown).await;
        }
        "disable" => team::set_disabled(&app, by, id, true, now).await?,
        "enable" => team::set_disabled(&app, by, id, false, now).await?,
        _ => return Err(Failure::NotFound),
    }
    Ok(Redirect::to("/staff").into_response())
}

async fn once(app: &App, visit: &Visit, shown: Shown) -> Sent {
    page::show(&StaffPage {
        shown: Some(shown),
        ..StaffPage::of(app, visit).await?
    })
}

impl From<TeamError> for Failure {
    fn from(error: TeamError) -> Failure {
        match error {
            TeamError::NotFound => Failure::NotFound,
            TeamError::Own => Failure::Forbidden,
            TeamError::Login | TeamError::Exists => Failure::BadForm,
            TeamError::Password(error) => error.into(),
            TeamError::Outbox(error) => error.into(),
        }
    }
}
