//! Sign-in and sign-out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::{ConnectInfo, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;
use geobot_shared::bus::Cause;
use geobot_shared::sql;
use geobot_shared::topics::InfoIn;
use serde_json::json;
use tracing::{info, warn};

use super::{Answer, Sent};
use crate::app::App;
use crate::store::audit::{self, Deed};
use crate::store::{sessions, staff};
use crate::web::client;
use crate::web::page::{self, Page, show_as, with_cookie};
use crate::web::posted::{Fields, Posted};
use crate::web::session::{self, Guest};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    p: &'a Page,
    login: &'a str,
    wrong: Option<String>,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Guest(page): Guest,
) -> Answer {
    if let Some(token) = session::token(&headers)
        && sessions::find(&app.db, &token, Utc::now()).await?.is_some()
    {
        return Ok(Redirect::to("/").into_response());
    }
    page::show(&SignInPage {
        p: &page,
        login: "",
        wrong: None,
    })
}

pub(super) async fn enter(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Guest(page): Guest,
    fields: Fields,
) -> Sent {
    let login = staff::normal(fields.get("login"));
    let address = client::address(peer, &headers);
    if let Err(wait) = app.attempts.begin(address, &login, Instant::now()) {
        metrics::counter!("geobot_arm_sign_ins_total", "outcome" => "slowed_down").increment(1);
        let seconds = wait.as_secs() + 1;
        let mut response = show_as(
            StatusCode::TOO_MANY_REQUESTS,
            &SignInPage {
                p: &page,
                login: &login,
                wrong: Some(page.n("sign-in-slow-down", seconds)),
            },
        )?;
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        return Ok(response);
    }
    let account = staff::by_login(&app.db, &login)
        .await?
        .filter(|account| !account.disabled);
    let hash = account
        .as_ref()
        .map(|account| account.password_hash.as_str());
    let verified = app.passwords.verify(fields.get("password"), hash).await?;
    let Some(account) = account.filter(|_| verified) else {
        metrics::counter!("geobot_arm_sign_ins_total", "outcome" => "refused").increment(1);
        warn!(%address, "sign_in_refused");
        return show_as(
            StatusCode::UNAUTHORIZED,
            &SignInPage {
                p: &page,
                login: &login,
                wrong: Some(page.t("sign-in-wrong")),
            },
        );
    };
    app.attempts.succeeded(address, &login);
    metrics::counter!("geobot_arm_sign_ins_total", "outcome" => "signed_in").increment(1);

    let now = Utc::now();
    let cause = Cause::new_story();
    let transaction = sql::begin(&app.db).await?;
    if let Some(former) = session::token(&headers) {
        sessions::close(&transaction, &former).await?;
    }
    let token = sessions::open(&transaction, account.id, now).await?;
    let deed = Deed {
        staff: &account.login,
        action: "signed_in",
        object: ("staff", &account.login),
        detail: &address.to_string(),
    };
    audit::enter(&transaction, deed, now).await?;
    let line = InfoIn::new(
        "staff_signed_in",
        format!("{} signed in", account.login),
        json!({ "staff": account.login, "role": account.role, "address": address.to_string() }),
    )
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &cause, 0, now)
        .await?;
    app.commit(transaction).await?;
    info!(staff = account.login, %address, "staff_signed_in");
    let response = Redirect::to("/").into_response();
    Ok(with_cookie(response, &session::cookie(&token, &headers)))
}

pub(super) async fn leave(State(app): State<Arc<App>>, headers: HeaderMap, posted: Posted) -> Sent {
    let staff = &posted.visit.staff;
    let now = Utc::now();
    let transaction = sql::begin(&app.db).await?;
    if let Some(token) = session::token(&headers) {
        sessions::close(&transaction, &token).await?;
    }
    let deed = Deed {
        staff: &staff.login,
        action: "signed_out",
        object: ("staff", &staff.login),
        detail: "",
    };
    audit::enter(&transaction, deed, now).await?;
    app.commit(transaction).await?;
    info!(staff = staff.login, "staff_signed_out");
    let response = Redirect::to("/sign-in").into_response();
    Ok(with_cookie(response, &session::no_cookie(&headers)))
}
