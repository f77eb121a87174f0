//! Who is signed in: the cookie, and the extractors through which every page gets its reader.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use chrono::Utc;

use super::client;
use super::failure::Failure;
use super::page::Page;
use crate::access::Role;
use crate::app::App;
use crate::store::sessions;

const COOKIE: &str = "arm_session";

/// Where one may be with a one-time password: at choosing another, and out.
const CHANGING: [&str; 3] = ["/account", "/account/password", "/sign-out"];

/// A signed-in member of the staff.
#[derive(Clone, Debug)]
pub(crate) struct Staff {
    pub(crate) id: i64,
    pub(crate) login: String,
    pub(crate) role: Role,
    /// The password is a one-time one.
    pub(crate) must_change: bool,
    /// What every form of this session carries.
    pub(crate) csrf: String,
    /// The session's row.
    pub(crate) session: String,
}

/// A page for somebody who is signed in; anybody else is sent to the sign-in.
pub(crate) struct Visit {
    pub(crate) page: Page,
    pub(crate) staff: Staff,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Visit, Response> {
        let Some(token) = token(&parts.headers) else {
            return Err(Redirect::to("/sign-in").into_response());
        };
        let found = sessions::find(&app.db, &token, Utc::now())
            .await
            .map_err(|error| Failure::from(error).into_response())?;
        let Some((session, account)) = found else {
            return Err(Redirect::to("/sign-in").into_response());
        };
        if account.must_change && !CHANGING.contains(&parts.uri.path()) {
            return Err(Redirect::to("/account").into_response());
        }
        let role = account
            .role()
            .map_err(|error| Failure::from(error).into_response())?;
        let staff = Staff {
            id: account.id,
            login: account.login,
            role,
            must_change: account.must_change,
            csrf: session.csrf,
            session: session.token_hash,
        };
        let page = Page::new(app, parts).of(staff.clone());
        Ok(Visit { page, staff })
    }
}

/// A page for anybody.
pub(crate) struct Guest(pub(crate) Page);

impl FromRequestParts<Arc<App>> for Guest {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<App>,
    ) -> Result<Guest, std::convert::Infallible> {
        Ok(Guest(Page::new(app, parts)))
    }
}

/// The token in the cookie.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers)
        .get(COOKIE)
        .map(|cookie| cookie.value().to_owned())
        .filter(|token| token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The `Set-Cookie` of a session that begins.
pub(crate) fn cookie(token: &str, headers: &HeaderMap) -> String {
    let seconds = sessions::LIFETIME.num_seconds();
    format!(
        "{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{}",
        secure(headers)
    )
}

/// The `Set-Cookie` of a session that has ended.
pub(crate) fn no_cookie(headers: &HeaderMap) -> String {
    format!(
        "{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{}",
        secure(headers)
    )
}

/// The attribute of every cookie but those of plain HTTP on this machine.
pub(crate) fn secure(headers: &HeaderMap) -> &'static str {
    if client::is_loopback(client::host(headers)) {
        ""
    } else {
        "; Secure"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_secure_everywhere_but_on_loopback() {
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1:8000".parse().unwrap());
        assert!(!cookie("t", &headers).contains("Secure"));
        headers.insert("host", "arm.example".parse().unwrap());
        assert!(cookie("t", &headers).ends_with("HttpOnly; SameSite=Strict; Secure"));
        assert!(no_cookie(&headers).contains("Max-Age=0"));
        assert!(cookie("t", &HeaderMap::new()).contains("Secure"));
    }

    #[test]
    fn a_cookie_that_can_be_no_token_is_none() {
        let mut headers = HeaderMap::new();
        for odd in [
            "",
            "arm_session=",
            "arm_session=abc",
            &format!("arm_session={}", "z".repeat(64)),
        ] {
            headers.insert("cookie", odd.parse().unwrap());
            assert_eq!(token(&headers), None, "{odd}");
        }
        headers.insert(
            "cookie",
            format!("a=b; arm_session={}", "a1".repeat(32))
                .parse()
                .unwrap(),
        );
        assert!(token(&headers).is_some());
    }
}
