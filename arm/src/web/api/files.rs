//! `/api/files`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use futures_util::StreamExt;
use geobot_shared::files::FileError;
use serde::Deserialize;
use tracing::error;

use super::ApiError;
use crate::app::App;

#[derive(Deserialize)]
pub(super) struct Asked {
    /// What people see as its name.
    name: String,
}

/// Keeps a file for a product. The same bytes are kept once, so a repeat does no harm.
pub(super) async fn keep(
    State(app): State<Arc<App>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let mut incoming = app.files.begin().await?;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| ApiError::Bad("the body broke off".to_owned()))?;
        incoming.write(&part).await?;
    }
    let kept = incoming.end(&asked.name, media_type).await?;
    Ok((StatusCode::CREATED, Json(kept)).into_response())
}

impl From<FileError> for ApiError {
    fn from(error: FileError) -> ApiError {
        match error {
            FileError::TooLong | FileError::Empty => ApiError::Bad(error.to_string()),
            error => {
                error!(%error, "api_call_failed");
                ApiError::Internal
            }
        }
    }
}
