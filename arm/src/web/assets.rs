//! The stylesheet and the icon, inside the program. The stylesheet's address holds its hash, so that a browser keeps
//! it until it changes.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

const STYLESHEET: &str = include_str!("../../assets/arm.css");
const ICON: &str = include_str!("../../assets/icon.svg");

static STYLESHEET_NAME: LazyLock<String> = LazyLock::new(|| {
    let digest = hex::encode(Sha256::digest(STYLESHEET));
    format!("arm.{}.css", digest.get(..12).unwrap_or_default())
});

/// The stylesheet's address.
pub(crate) fn stylesheet() -> String {
    format!("/assets/{}", *STYLESHEET_NAME)
}

/// `GET /assets/{name}`.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let (kind, body, keep) = match name.as_str() {
        name if name == *STYLESHEET_NAME => (
            "text/css; charset=utf-8",
            STYLESHEET,
            "public, max-age=31536000, immutable",
        ),
        "icon.svg" => ("image/svg+xml", ICON, "public, max-age=86400"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, keep)], body).into_response()
}
