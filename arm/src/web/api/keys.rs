//! `/api/products/{id}/keys`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use chrono::Utc;
use geobot_shared::ids::ProductId;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{ApiError, STAFF};
use crate::app::App;
use crate::catalog::{self, UploadError};

/// Keys as a caller sends them. Unknown fields are ignored.
#[derive(Deserialize)]
struct Sent {
    /// Makes the call repeatable.
    #[serde(default)]
    upload_id: Option<Uuid>,
    keys: Vec<String>,
}

pub(super) async fn upload(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let id: ProductId = id.parse().map_err(|_| ApiError::NotFound("product"))?;
    // The reason is not told: it could quote a key.
    let sent: Sent = serde_json::from_slice(&body).map_err(|_| {
        ApiError::Bad("the body must be {\"keys\": [\"…\"], \"upload_id\"?}".to_owned())
    })?;
    let upload = sent.upload_id.unwrap_or_else(Uuid::now_v7);
    let keys = sent.keys.iter().map(String::as_str);
    let uploaded = catalog::upload_keys(&app, STAFF, id, upload, keys, Utc::now()).await?;
    let answer = json!({ "upload_id": upload, "sent": uploaded.keys });
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> ApiError {
        match error {
            UploadError::NotFound => ApiError::NotFound("product"),
            UploadError::Outbox(error) => error.into(),
            UploadError::NoStock
            | UploadError::Empty
            | UploadError::TooMany
            | UploadError::Bad(_) => ApiError::Bad(error.to_string()),
        }
    }
}
