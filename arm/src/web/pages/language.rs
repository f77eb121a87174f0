//! The language switch. It changes nothing but the reader's own cookie, so it is a link.

use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use geobot_shared::i18n::Language;
use serde::Deserialize;

use crate::web::page::{LANGUAGE_COOKIE, with_cookie};
use crate::web::session;

/// A year.
const KEPT_SECONDS: u32 = 365 * 24 * 60 * 60;

#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    back: String,
}

pub(super) async fn choose(
    Path(code): Path<String>,
    Query(Back { back }): Query<Back>,
    headers: HeaderMap,
) -> Response {
    let language = Language::from_tag(&code);
    let cookie = format!(
        "{LANGUAGE_COOKIE}={language}; Path=/; Max-Age={KEPT_SECONDS}; HttpOnly; SameSite=Lax{}",
        session::secure(&headers)
    );
    with_cookie(Redirect::to(local(&back)).into_response(), &cookie)
}

/// A path of ours, or the first page: the address never leads to another site.
fn local(back: &str) -> &str {
    let is_path = back.starts_with('/')
        && !back.starts_with("//")
        && back
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.'));
    if is_path { back } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_never_leads_away() {
        assert_eq!(local("/users/7"), "/users/7");
        for odd in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/a\r\nb",
            "users",
        ] {
            assert_eq!(local(odd), "/", "{odd:?}");
        }
    }
}
