//! `/api/maintenance`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Json;
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, STAFF};
use crate::app::App;
use crate::maintenance;
use crate::store::maintenance::{self as stored, Model};
use crate::store::time;

#[derive(Deserialize)]
struct Sent {
    closed: bool,
}

fn shown(row: &Model) -> Json<Value> {
    let since = (row.version > 0).then(|| time(row.changed_at));
    Json(json!({ "closed": row.closed, "since": since }))
}

pub(super) async fn show(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    Ok(shown(&stored::get(&app.db).await?))
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let sent: Sent =
        serde_json::from_slice(&body).map_err(|error| ApiError::Bad(error.to_string()))?;
    let row = maintenance::change(&app, STAFF, sent.closed, Utc::now()).await?;
    Ok(shown(&row))
}
