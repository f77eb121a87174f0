//! The pages: the chat, the payments, the logs. They are static and live on the control API.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::app::App;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/",
            get(async || part(HTML, include_str!("static/chat.html"))),
        )
        .route(
            "/payments",
            get(async || part(HTML, include_str!("static/payments.html"))),
        )
        .route(
            "/logs",
            get(async || part(HTML, include_str!("static/logs.html"))),
        )
        .route(
            "/style.css",
            get(async || part("text/css; charset=utf-8", include_str!("static/style.css"))),
        )
        .route(
            "/chat.js",
            get(async || part(SCRIPT, include_str!("static/chat.js"))),
        )
        .route(
            "/payments.js",
            get(async || part(SCRIPT, include_str!("static/payments.js"))),
        )
        .route(
            "/logs.js",
            get(async || part(SCRIPT, include_str!("static/logs.js"))),
        )
        .route(
            "/live.js",
            get(async || part(SCRIPT, include_str!("static/live.js"))),
        )
        .route(
            "/icon.svg",
            get(async || part("image/svg+xml", include_str!("static/icon.svg"))),
        )
}

/// Nothing is loaded from elsewhere and no script is inline: whatever a bot writes stays text.
fn part(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; img-src 'self' data: https: http:; style-src 'self'",
        ),
    ];
    (headers, text)
}
