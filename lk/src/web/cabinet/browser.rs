//! What a browser tells of itself: its session's cookie, and from where it sends a form.

use axum::http::{HeaderMap, header};
use axum_extra::extract::cookie::CookieJar;
use url::Url;

use crate::cabinet::{SESSION_LIFETIME, Token};

/// The cookie's name.
const COOKIE: &str = "geobot_cabinet";

/// The session that the browser names.
pub(super) fn session(headers: &HeaderMap) -> Option<Token> {
    CookieJar::from_headers(headers)
        .get(COOKIE)
        .and_then(|cookie| Token::parse(cookie.value()))
}

/// The `Set-Cookie` of a session that begins.
pub(super) fn cookie(public_url: &Url, session: &Token) -> String {
    let seconds = SESSION_LIFETIME.num_seconds();
    written(public_url, &session.text(), seconds)
}

/// The `Set-Cookie` of a session that has ended.
pub(super) fn no_cookie(public_url: &Url) -> String {
    written(public_url, "", 0)
}

/// Lax: the link from the chat back to the cabinet is followed signed in; another site's form is not.
fn written(public_url: &Url, value: &str, seconds: i64) -> String {
    let folder = public_url.path().trim_end_matches('/');
    let secure = match public_url.scheme() {
        "https" => "; Secure",
        _ => "",
    };
    format!(
        "{COOKIE}={value}; Path={folder}/cabinet; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    )
}

/// Whether a form was sent by a page of ours. Browsers say it in `Sec-Fetch-Site`; those that don't name the origin,
/// unless (our pages' `no-referrer`) it is `null`. Then the cookie's SameSite alone keeps other sites out.
pub(super) fn is_own_form(headers: &HeaderMap, public_url: &Url) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site.as_bytes() == b"same-origin";
    }
    match headers.get(header::ORIGIN).map(|origin| origin.as_bytes()) {
        None | Some(b"null") => true,
        Some(origin) => origin == public_url.origin().ascii_serialization().as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_cookie_is_secure_where_the_cabinet_is() {
        let token = Token::generate();
        let text = token.text();
        assert_eq!(
            cookie(&url("https://shop.example/lk/"), &token),
            format!(
                "geobot_cabinet={text}; Path=/lk/cabinet; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"
            )
        );
        let local = cookie(&url("http://127.0.0.1:5500"), &token);
        assert!(local.ends_with("Path=/cabinet; Max-Age=2592000; HttpOnly; SameSite=Lax"));
        assert!(no_cookie(&url("https://shop.example")).contains("=; Path=/cabinet; Max-Age=0;"));
    }

    #[test]
    fn a_cookie_that_can_be_no_session_is_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(session(&headers), None);
        for odd in [
            "geobot_cabinet=",
            "geobot_cabinet=x",
            "other=1",
            "geobot_cabinet",
        ] {
            headers.insert(header::COOKIE, odd.parse().unwrap());
            assert_eq!(session(&headers), None, "{odd}");
        }
        let token = Token::generate();
        let both = format!("other=1; geobot_cabinet={}", token.text());
        headers.insert(header::COOKIE, both.parse().unwrap());
        assert_eq!(session(&headers), Some(token));
    }

    #[test]
    fn a_form_of_another_site_is_told_from_ours() {
        let ours = url("https://shop.example/lk");
        for (site, origin, own) in [
            (Some("same-origin"), Some("null"), true),
            (Some("same-site"), Some("https://shop.example"), false),
            (Some("cross-site"), None, false),
            (Some("none"), None, false),
            (None, Some("https://shop.example"), true),
            (None, Some("https://shop.example:8443"), false),
            (None, Some("http://shop.example"), false),
            (None, Some("https://evil.example"), false),
            (None, Some("null"), true),
            (None, None, true),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(site) = site {
                headers.insert("sec-fetch-site", site.parse().unwrap());
            }
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(is_own_form(&headers, &ours), own, "{site:?} {origin:?}");
        }
    }
}
