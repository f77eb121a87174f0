//! What ARM serves: the pages for staff and the JSON API for programs.

mod api;
mod assets;
pub mod attempts;
mod chart;
mod client;
mod failure;
mod headers;
mod page;
mod pages;
mod paging;
mod posted;
mod same_origin;
mod session;
mod upload;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;

use crate::app::App;

/// No form and no JSON of ours but an upload of keys is longer, in bytes.
const LONGEST_BODY: usize = 64 * 1_024;
/// The longest upload of keys, in bytes.
const LONGEST_UPLOAD: usize = 2 * 1_024 * 1_024;

/// ARM's own routes; health and metrics are merged into them by `main`.
pub fn routes(app: &Arc<App>) -> Router {
    Router::new()
        .nest("/api", api::routes(app))
        .merge(pages::routes(app))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn(headers::secure))
        .with_state(Arc::clone(app))
}
