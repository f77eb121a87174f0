//! What LK serves: Robokassa's addresses, people's pages, the older endpoints, and the document of all of them.

mod cabinet;
mod docs;
mod headers;
mod language;
mod older;
mod page;
mod pay;
mod robokassa;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;

/// The longest body that is read anywhere here, in bytes. Robokassa's calls have a few hundred.
const LONGEST_BODY: usize = 64 * 1024;

/// All routes but health and metrics.
pub fn routes(app: Arc<App>) -> Router {
    let pages = Router::new()
        .route("/", get(home))
        .merge(pay::routes())
        .merge(cabinet::routes())
        .merge(docs::routes())
        .merge(robokassa::pages())
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            headers::protect,
        ));
    Router::new()
        .merge(robokassa::result())
        .merge(older::routes(app.settings.api.legacy_get))
        .route("/static/style.css", get(style))
        .merge(pages)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(app)
}

async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    page::notice(
        &app,
        StatusCode::OK,
        language::of_reader(&headers),
        "home-title",
        "home-text",
    )
}

async fn not_found(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    page::not_found(&app, language::of_reader(&headers))
}

async fn style() -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "text/css; charset=utf-8"),
            (header::CACHE_CONTROL, "public, max-age=3600"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        include_str!("../../static/style.css"),
    )
}
