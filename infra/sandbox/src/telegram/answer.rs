//! What the Bot API answers: `{"ok":true,"result":…}` or `{"ok":false,"error_code":…,"description":…}`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, http::header};
use serde_json::{Value, json};

/// A refusal, with Telegram's own words. Clients classify by them, so they must not be reworded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    pub(crate) description: String,
    pub(crate) retry_after: Option<u64>,
}

/// The result of a method, or Telegram's refusal.
pub(crate) type Answer<T = Value> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(code: u16, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            retry_after: None,
        }
    }

    /// 400; the description starts with "Bad Request: ".
    pub(crate) fn bad_request(reason: impl std::fmt::Display) -> Self {
        Self::new(400, format!("Bad Request: {reason}"))
    }

    /// 403; the description starts with "Forbidden: ".
    pub(crate) fn forbidden(reason: impl std::fmt::Display) -> Self {
        Self::new(403, format!("Forbidden: {reason}"))
    }

    /// 409; the description starts with "Conflict: ".
    pub(crate) fn conflict(reason: impl std::fmt::Display) -> Self {
        Self::new(409, format!("Conflict: {reason}"))
    }

    /// 429 with the seconds to wait.
    pub(crate) fn too_many_requests(retry_after: u64) -> Self {
        Self {
            code: 429,
            description: format!("Too Many Requests: retry after {retry_after}"),
            retry_after: Some(retry_after),
        }
    }

    /// 401: not the sandbox's token.
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }
}

/// The HTTP answer. Bot API: the status is the error code.
pub(crate) fn respond(answer: &Answer) -> Response {
    match answer {
        Ok(result) => Json(json!({"ok": true, "result": result})).into_response(),
        Err(error) => {
            let status =
                StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut body =
                json!({"ok": false, "error_code": error.code, "description": error.description});
            match error.retry_after {
                Some(seconds) => {
                    body["parameters"] = json!({"retry_after": seconds});
                    (
                        status,
                        [(header::RETRY_AFTER, seconds.to_string())],
                        Json(body),
                    )
                        .into_response()
                }
                None => (status, Json(body)).into_response(),
            }
        }
    }
}
