//! A form that comes from another site's page is refused before anything looks at it.

use axum::extract::Request;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::client;
use super::failure::Failure;

/// Lets through what only reads, and what our own pages send. A browser names the sender of a POST in `Origin`; what
/// names none is no browser, and still needs the session's form token.
pub(crate) async fn only(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_ours(request.headers()) {
        next.run(request).await
    } else {
        Failure::ForeignForm.into_response()
    }
}

fn is_ours(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    let sender = match (origin.host_str(), origin.port()) {
        (Some(name), Some(port)) => format!("{name}:{port}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => return false,
    };
    // A default port may stand in Host and never stands in a parsed Origin.
    let default = match origin.scheme() {
        "https" => ":443",
        _ => ":80",
    };
    let host = client::host(headers).to_ascii_lowercase();
    host.strip_suffix(default).unwrap_or(&host) == sender
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(host: &str, origin: Option<&str>, site: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        if let Some(site) = site {
            headers.insert("sec-fetch-site", site.parse().unwrap());
        }
        is_ours(&headers)
    }

    #[test]
    fn only_our_own_pages_may_send_forms() {
        assert!(ours(
            "127.0.0.1:8000",
            Some("http://127.0.0.1:8000"),
            Some("same-origin")
        ));
        assert!(ours("ARM.example", Some("https://arm.example"), None));
        assert!(ours("arm.example:443", Some("https://arm.example"), None));
        assert!(ours("arm.example", None, None));
        assert!(!ours("arm.example", Some("https://evil.example"), None));
        assert!(!ours("arm.example", Some("https://arm.example:8443"), None));
        assert!(!ours("arm.example", Some("null"), None));
        assert!(!ours("arm.example", Some("nonsense"), None));
        assert!(!ours("arm.example", None, Some("cross-site")));
        assert!(!ours("arm.example", None, Some("same-site")));
    }
}
