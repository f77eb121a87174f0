//! `/cabinet`: the sign-in link, the account page, signing out.
//!
//! Opening the link only shows a button: chats look at links before people do. The button's POST uses it up.

mod account;
mod browser;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use geobot_shared::i18n::Language;
use geobot_shared::robokassa::form;
use geobot_shared::topics::states::UserState;
use tracing::warn;

use super::{language, page};
use crate::app::App;
use crate::cabinet::{self, Link, Token};

/// The longest body of these forms, in bytes; a token has 43 characters.
const LONGEST_FORM: usize = 1024;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/cabinet", get(show))
        .route("/cabinet/sign-in", get(ask).post(sign_in))
        .route("/cabinet/sign-out", post(sign_out))
        .route("/cabinet/sign-out-everywhere", post(sign_out_everywhere))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
}

fn language_of(account: &UserState) -> Language {
    Language::from_tag(&account.language)
}

fn address(app: &App) -> String {
    format!("{}/cabinet", app.settings.links.base_path())
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: page::Frame,
    text: String,
    action: String,
    token: String,
    button: String,
    hint: String,
}

/// The link was opened. Nothing is used up.
async fn ask(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let reader = language::of_reader(&headers);
    let Some(token) = named_token(&query.unwrap_or_default()) else {
        return malformed(&app, reader);
    };
    match cabinet::look(&app, &token, Utc::now()).await {
        Ok(Link::Good(account)) => {
            let language = language_of(&account);
            let get = |key| app.texts.get(language, key);
            let shown = SignInPage {
                frame: page::Frame::new(&app, language, get("sign-in-title")),
                text: app.texts.format(
                    language,
                    "sign-in-text",
                    &[("name", account::name(&account).into())],
                ),
                action: format!("{}/sign-in", address(&app)),
                token: token.text(),
                button: get("sign-in-button"),
                hint: get("sign-in-hint"),
            };
            page::html(StatusCode::OK, &shown)
        }
        Ok(other) => not_taken(&app, reader, &other),
        Err(failure) => page::unavailable(&app, reader, failure),
    }
}

fn named_token(fields: &str) -> Option<Token> {
    form::value(&form::decode(fields), "token").and_then(Token::parse)
}

fn malformed(app: &App, reader: Language) -> Response {
    let (status, title) = (StatusCode::BAD_REQUEST, "link-gone-title");
    page::notice(app, status, reader, title, "link-malformed-text")
}

fn not_taken(app: &App, reader: Language, link: &Link) -> Response {
    match link {
        Link::Blocked(account) => blocked(app, language_of(account)),
        Link::Good(_) | Link::Gone => {
            let (status, title) = (StatusCode::GONE, "link-gone-title");
            page::notice(app, status, reader, title, "link-gone-text")
        }
    }
}

fn blocked(app: &App, language: Language) -> Response {
    let (status, title) = (StatusCode::FORBIDDEN, "cabinet-blocked-title");
    page::notice(app, status, language, title, "cabinet-blocked-text")
}

/// The button was pressed: the link is used up and the browser gets its session.
async fn sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let reader = language::of_reader(&headers);
    if let Some(refusal) = foreign(&app, &headers, reader) {
        return refusal;
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return (rejection.status(), rejection.body_text()).into_response(),
    };
    let Some(link) = std::str::from_utf8(&body).ok().and_then(named_token) else {
        return malformed(&app, reader);
    };
    let session = Token::generate();
    let before = browser::session(&headers);
    match cabinet::sign_in(&app, &link, &session, before.as_ref(), Utc::now()).await {
        Ok(Link::Good(_)) => {
            let cookie = browser::cookie(&app.settings.public_url, &session);
            back(&app, &cookie)
        }
        Ok(other) => not_taken(&app, reader, &other),
        Err(failure) => page::unavailable(&app, reader, failure),
    }
}

/// To the cabinet, with a cookie.
fn back(app: &App, cookie: &str) -> Response {
    let mut response = Redirect::to(&address(app)).into_response();
    match HeaderValue::from_str(cookie) {
        Ok(value) => {
            response.headers_mut().insert(header::SET_COOKIE, value);
        }
        // LK_PUBLIC_URL's path is in it, and an address has no such characters.
        Err(failure) => tracing::error!(%failure, "cookie_unusable"),
    }
    response
}

/// A form that another site has sent.
fn foreign(app: &App, headers: &HeaderMap, reader: Language) -> Option<Response> {
    if browser::is_own_form(headers, &app.settings.public_url) {
        return None;
    }
    warn!("foreign_form_refused");
    let (status, title) = (StatusCode::FORBIDDEN, "cabinet-foreign-title");
    Some(page::notice(
        app,
        status,
        reader,
        title,
        "cabinet-foreign-text",
    ))
}

/// The account page.
async fn show(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let reader = language::of_reader(&headers);
    let now = Utc::now();
    let signed_in = match browser::session(&headers) {
        Some(session) => cabinet::signed_in(&app, &session, now).await,
        None => Ok(None),
    };
    match signed_in {
        Ok(Some(account)) if account.blocked => blocked(&app, language_of(&account)),
        Ok(Some(account)) => match account::page(&app, &account, now).await {
            Ok(shown) => page::html(StatusCode::OK, &shown),
            Err(failure) => page::unavailable(&app, reader, failure),
        },
        Ok(None) => {
            let (status, title) = (StatusCode::UNAUTHORIZED, "cabinet-closed-title");
            page::notice(&app, status, reader, title, "cabinet-closed-text")
        }
        Err(failure) => page::unavailable(&app, reader, failure),
    }
}

async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    end(&app, &headers, false).await
}

async fn sign_out_everywhere(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    end(&app, &headers, true).await
}

/// Ends this session, or all of its person. A browser without one is told the same.
async fn end(app: &App, headers: &HeaderMap, everywhere: bool) -> Response {
    let reader = language::of_reader(headers);
    if let Some(refusal) = foreign(app, headers, reader) {
        return refusal;
    }
    let ended = match browser::session(headers) {
        Some(session) if everywhere => {
            cabinet::sign_out_everywhere(app, &session, Utc::now()).await
        }
        Some(session) => cabinet::sign_out(app, &session).await,
        None => Ok(()),
    };
    match ended {
        Ok(()) => back(app, &browser::no_cookie(&app.settings.public_url)),
        Err(failure) => page::unavailable(app, reader, failure),
    }
}
