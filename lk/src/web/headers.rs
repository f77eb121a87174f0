//! What protects people's pages in their browsers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use url::Url;

use crate::app::App;

/// Adds the headers to every page: nothing from elsewhere, no scripts, no frames, nothing kept, no referrer (an
/// address holds the right to see an invoice).
pub(super) async fn protect(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    match HeaderValue::from_str(&policy(&app.settings.pay_page)) {
        Ok(policy) => {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        Err(error) => tracing::error!(%error, "content_policy_unusable"),
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ] {
        set(headers, name, value);
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Browsers apply `form-action` to the redirects of a form as well, and Robokassa moves people between its hosts.
fn policy(pay_page: &Url) -> String {
    let mut forms = pay_page.origin().ascii_serialization();
    for domain in ["robokassa.ru", "robokassa.kz"] {
        let host = pay_page.host_str().unwrap_or_default();
        if host == domain || host.ends_with(&format!(".{domain}")) {
            forms.push_str(&format!(" https://*.{domain}"));
        }
    }
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {forms}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_may_go_to_robokassa_only() {
        let policy = |url| policy(&Url::parse(url).unwrap());
        assert!(
            policy("https://auth.robokassa.ru/Merchant/Index.aspx").contains(
                "form-action 'self' https://auth.robokassa.ru https://*.robokassa.ru; base"
            )
        );
        assert!(
            policy("http://127.0.0.1:8081/Merchant/Index.aspx")
                .contains("form-action 'self' http://127.0.0.1:8081; base")
        );
        assert!(!policy("https://evilrobokassa.ru/").contains("*."));
    }
}
