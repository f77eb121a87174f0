//! `/api/tasks`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ApiError, STAFF};
use crate::app::App;
use crate::jobs::{self, RetryError};
use crate::store::{tasks, time};

const MOST: u64 = 200;

fn shown(row: &tasks::Model) -> Value {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    json!({
        "task_id": row.task_id,
        "kind": row.kind,
        "args": parsed(&row.args),
        "state": row.state,
        "requested_by": row.requested_by,
        "invoice_id": row.invoice_id,
        "handed_out": row.handed_out,
        "worker": row.worker,
        "done": row.done,
        "total": row.total,
        "result": row.result.as_deref().map(parsed),
        "reason": row.reason,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    })
}

/// The newest, to look for what has failed.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let rows = tasks::list(&app.db, 0, MOST).await?;
    let all: Vec<Value> = rows.iter().map(shown).collect();
    Ok(Json(json!({ "tasks": all })))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let missing = || ApiError::NotFound("task");
    let id: Uuid = id.parse().map_err(|_| missing())?;
    let row = tasks::get(&app.db, id).await?.ok_or_else(missing)?;
    Ok(Json(shown(&row)))
}

/// What a caller sends. Unknown fields are ignored.
#[derive(Default, Deserialize)]
struct Sent {
    /// Makes the call repeatable.
    #[serde(default)]
    request_id: Option<Uuid>,
}

/// Hands a failed job out again.
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let id: Uuid = id.parse().map_err(|_| ApiError::NotFound("task"))?;
    let sent: Sent = match body.is_empty() {
        true => Sent::default(),
        false => serde_json::from_slice(&body)
            .map_err(|error| ApiError::Bad(format!("the body can't be read: {error}")))?,
    };
    let form = sent.request_id.unwrap_or_else(Uuid::now_v7);
    match jobs::retry(&app, STAFF, id, form, Utc::now()).await {
        Ok(()) => Ok((StatusCode::ACCEPTED, Json(json!({ "request_id": form }))).into_response()),
        Err(RetryError::NotFound) => Err(ApiError::NotFound("task")),
        Err(error @ RetryError::NotNow) => Err(ApiError::Conflict(error.to_string())),
        Err(RetryError::Outbox(error)) => Err(error.into()),
    }
}
