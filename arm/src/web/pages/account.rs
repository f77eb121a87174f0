//! One's own account: another password.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use chrono::Utc;
use geobot_shared::sql;
use tracing::info;

use super::{Answer, Sent};
use crate::app::App;
use crate::config::SHORTEST_PASSWORD;
use crate::passwords::PasswordError;
use crate::store::audit::{self, Deed};
use crate::store::{sessions, staff};
use crate::web::client;
use crate::web::failure::Failure;
use crate::web::page::{self, Page, show_as};
use crate::web::posted::Posted;
use crate::web::session::Visit;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    p: &'a Page,
    login: &'a str,
    role: &'static str,
    shortest: usize,
    wrong: Option<String>,
    done: bool,
    must_change: bool,
}

impl<'a> AccountPage<'a> {
    fn of(visit: &'a Visit) -> AccountPage<'a> {
        AccountPage {
            p: &visit.page,
            login: &visit.staff.login,
            role: visit.staff.role.as_str(),
            shortest: SHORTEST_PASSWORD,
            wrong: None,
            done: false,
            must_change: visit.staff.must_change,
        }
    }
}

pub(super) async fn show(visit: Visit) -> Answer {
    page::show(&AccountPage::of(&visit))
}

/// All other sessions of the account end: whoever knew the old password is out.
pub(super) async fn change_password(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Posted { visit, fields }: Posted,
) -> Sent {
    let refuse = |status: StatusCode, words: String| {
        show_as(
            status,
            &AccountPage {
                wrong: Some(words),
                ..AccountPage::of(&visit)
            },
        )
    };
    let login = &visit.staff.login;
    let address = client::address(peer, &headers);
    if let Err(wait) = app.attempts.begin(address, login, Instant::now()) {
        let words = visit.page.n("sign-in-slow-down", wait.as_secs() + 1);
        return refuse(StatusCode::TOO_MANY_REQUESTS, words);
    }
    let Some(account) = staff::by_id(&app.db, visit.staff.id).await? else {
        return Err(Failure::Forbidden);
    };
    let hash = Some(account.password_hash.as_str());
    if !app.passwords.verify(fields.get("current"), hash).await? {
        let words = visit.page.t("account-wrong-current");
        return refuse(StatusCode::BAD_REQUEST, words);
    }
    app.attempts.succeeded(address, login);
    if visit.staff.must_change && fields.get("new") == fields.get("current") {
        let words = visit.page.t("account-wrong-same");
        return refuse(StatusCode::BAD_REQUEST, words);
    }
    if fields.get("new") != fields.get("repeated") {
        let words = visit.page.t("account-wrong-repeated");
        return refuse(StatusCode::BAD_REQUEST, words);
    }
    let hash = match app.passwords.hash(fields.get("new")).await {
        Ok(hash) => hash,
        Err(PasswordError::Length) => {
            let words = visit
                .page
                .n("account-wrong-length", SHORTEST_PASSWORD as u64);
            return refuse(StatusCode::BAD_REQUEST, words);
        }
        Err(error) => return Err(error.into()),
    };
    let now = Utc::now();
    let transaction = sql::begin(&app.db).await?;
    staff::set_password(&transaction, account.id, &hash).await?;
    sessions::close_others(&transaction, account.id, &visit.staff.session).await?;
    let deed = Deed {
        staff: login,
        action: "password_changed",
        object: ("staff", login),
        detail: "",
    };
    audit::enter(&transaction, deed, now).await?;
    app.commit(transaction).await?;
    info!(staff = login, "password_changed");
    page::show(&AccountPage {
        done: true,
        must_change: false,
        ..AccountPage::of(&visit)
    })
}
