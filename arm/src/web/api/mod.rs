//! The JSON API, for `geobot-ctl` and tests. Every call needs the bearer token; every refusal is `{"error": "…"}`.
//!
//! | call | answer |
//! |---|---|
//! | `GET /api/products` | `{"products": […]}`, those on sale in the menu's order, then the archived |
//! | `POST /api/products` | the product: 201 made, 200 changed or as it was (`product_id` makes it repeatable) |
//! | `GET`, `PUT /api/products/{id}` | the product |
//! | `POST /api/products/{id}/archive`, `…/restore` | the product |
//! | `POST /api/products/{id}/keys` | 202: keys went to LK (`keys`; `upload_id` makes it repeatable) |
//! | `POST /api/files?name=…` | 201: the body's bytes are kept; what a product's `delivery.file` is |
//! | `GET`, `POST /api/promos` | `{"promos": […]}`; the code: 201 made, 200 changed or as it was |
//! | `GET /api/promos/{code}` | the code, with `used` |
//! | `GET /api/invoices?user_id=&status=` | `{"invoices": […]}`, the newest 200 |
//! | `GET /api/invoices/{id}` | the invoice, with what the bot said of it in `events` |
//! | `POST /api/invoices/{id}/check`, `…/accept`, `…/reject`, `…/refund`, `…/refund-recorded`, `…/refund-done`, `…/refund-not-done`, `…/deliver-again`, `…/delivered-by-hand` | 202: LK was asked (`reason`; `amount` or `refund_id` where it takes one; `request_id` makes it repeatable) |
//! | `POST /api/users/{id}/block`, `…/unblock`, `…/balance` | 202: LK was asked (`reason`; `amount`, signed) |
//! | `GET /api/users/{id}` | the person, with `telegram`, `entitlements` and `messages` |
//! | `GET /api/tasks`, `GET /api/tasks/{id}` | `{"tasks": […]}`, the newest 200; the job |
//! | `POST /api/tasks/{id}/retry` | 202: a failed job is handed out again (`request_id` makes it repeatable) |
//! | `GET`, `PUT /api/maintenance` | `{"closed": …, "since": …}`: whether the bot sells |

mod decisions;
mod files;
mod invoices;
mod keys;
mod maintenance;
mod products;
mod promos;
mod tasks;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::money::Money;
use sea_orm::DbErr;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tracing::error;

use super::LONGEST_UPLOAD;
use crate::app::App;
use crate::catalog::ChangeError;

/// The name under which the API's deeds stand in the audit.
const STAFF: &str = "api";

pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/products", get(products::list).post(products::create))
        .route("/products/{id}", get(products::show).put(products::update))
        .route("/products/{id}/archive", post(products::archive))
        .route("/products/{id}/restore", post(products::restore))
        .route(
            "/products/{id}/keys",
            post(keys::upload).layer(DefaultBodyLimit::max(LONGEST_UPLOAD)),
        )
        .route("/files", post(files::keep))
        .route("/promos", get(promos::list).post(promos::save))
        .route("/promos/{code}", get(promos::show))
        .route("/invoices", get(invoices::list))
        .route("/invoices/{id}/{deed}", post(decisions::invoice))
        .route("/users/{id}/{deed}", post(decisions::user))
        .route("/invoices/{id}", get(invoices::show))
        .route("/users/{id}", get(users::show))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{id}", get(tasks::show))
        .route("/tasks/{id}/retry", post(tasks::retry))
        .route(
            "/maintenance",
            get(maintenance::show).put(maintenance::change),
        )
        .fallback(|| async { ApiError::NotFound("call") })
        .method_not_allowed_fallback(|| async { ApiError::Method })
        .layer(from_fn_with_state(Arc::clone(app), only_with_token))
}

/// Rubles as text, or kopecks as a whole number.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "an amount must be rubles as text like \"299.00\", or whole kopecks"
)]
enum Price {
    Kopecks(i64),
    Rubles(String),
}

impl Price {
    fn money(self, what: &str) -> Result<Money, ApiError> {
        match self {
            Price::Kopecks(kopecks) => Ok(Money::from_kopecks(kopecks)),
            Price::Rubles(text) => Money::parse_rubles(&text)
                .map_err(|error| ApiError::Bad(format!("{what}: {error}"))),
        }
    }
}

async fn only_with_token(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if has_token(request.headers(), app.api_token.expose_secret()) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}

/// The digests are compared, so that neither content nor length shows in the time it takes.
fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let Some(sent) = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, sent)| sent.trim())
    else {
        return false;
    };
    Sha256::digest(sent).ct_eq(&Sha256::digest(token)).into()
}

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The token is missing or wrong.
    Unauthorized,
    /// What was sent can't be taken; says what is wrong with it.
    Bad(String),
    /// It does not fit what there is now.
    Conflict(String),
    /// There is no such thing.
    NotFound(&'static str),
    /// The address is known, the method is not.
    Method,
    /// Something of ours went wrong; it is in the log.
    Internal,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            ApiError::Unauthorized => {
                let why = json!({ "error": "the bearer token is missing or wrong" });
                let ask = [(WWW_AUTHENTICATE, "Bearer")];
                return (StatusCode::UNAUTHORIZED, ask, Json(why)).into_response();
            }
            ApiError::Bad(why) => (StatusCode::BAD_REQUEST, why),
            ApiError::Conflict(why) => (StatusCode::CONFLICT, why),
            ApiError::NotFound(what) => (StatusCode::NOT_FOUND, format!("there is no such {what}")),
            ApiError::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "another method is meant".to_owned(),
            ),
            ApiError::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "ARM could not do it; its log says why".to_owned(),
            ),
        };
        (status, Json(json!({ "error": why }))).into_response()
    }
}

impl From<DbErr> for ApiError {
    fn from(error: DbErr) -> ApiError {
        error!(%error, "api_call_failed");
        ApiError::Internal
    }
}

impl From<OutboxError> for ApiError {
    fn from(error: OutboxError) -> ApiError {
        error!(%error, "api_call_failed");
        ApiError::Internal
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> ApiError {
        match error {
            ChangeError::NotFound => ApiError::NotFound("product"),
            ChangeError::Stale | ChangeError::NoFile => ApiError::Bad(error.to_string()),
            ChangeError::Outbox(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_taken() {
        let mut headers = HeaderMap::new();
        assert!(!has_token(&headers, "secret-secret-secret"));
        for (value, taken) in [
            ("Bearer secret-secret-secret", true),
            ("bearer secret-secret-secret", true),
            ("Bearer secret-secret-secre", false),
            ("Bearer secret-secret-secrett", false),
            ("Bearer ", false),
            ("Bearer", false),
            ("Basic secret-secret-secret", false),
            ("secret-secret-secret", false),
        ] {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert_eq!(
                has_token(&headers, "secret-secret-secret"),
                taken,
                "{value}"
            );
        }
    }
}
