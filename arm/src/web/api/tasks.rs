//! `/api/tasks`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Json;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ApiError;
use crate::app::App;
use crate::store::{tasks, time};

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let missing = || ApiError::NotFound("task");
    let id: Uuid = id.parse().map_err(|_| missing())?;
    let row = tasks::get(&app.db, id).await?.ok_or_else(missing)?;
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    Ok(Json(json!({
        "task_id": row.task_id,
        "kind": row.kind,
        "args": parsed(&row.args),
        "state": row.state,
        "requested_by": row.requested_by,
        "worker": row.worker,
        "done": row.done,
        "total": row.total,
        "result": row.result.as_deref().map(parsed),
        "reason": row.reason,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    })))
}
