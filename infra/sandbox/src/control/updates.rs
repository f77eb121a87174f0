//! Any update at all: what no person of the sandbox can do, and what Telegram has not invented yet.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{Body, Refused};
use crate::app::App;
use crate::clock::unix_now;

/// Queues an update as it is, wanted or not; the sandbox gives it its number.
pub(super) async fn push(
    State(app): State<Arc<App>>,
    Body(update): Body<Map<String, Value>>,
) -> Result<Json<Value>, Refused> {
    if update.is_empty() || update.contains_key("update_id") {
        let why = "an update without update_id is needed, such as {\"message\": {…}}";
        return Err(Refused::new(StatusCode::BAD_REQUEST, why));
    }
    let update_id = app.world.lock().updates.push_as_it_is(update, unix_now());
    app.wake_updates();
    Ok(Json(json!({"update_id": update_id})))
}
