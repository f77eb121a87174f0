//! `/api/users`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Json;
use sea_orm::DbErr;
use serde_json::{Value, json};

use super::ApiError;
use crate::app::App;
use crate::store::{entitlements, messages, time, users};

const MOST: u64 = 200;

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let missing = || ApiError::NotFound("user");
    let id: i64 = id.parse().map_err(|_| missing())?;
    let row = users::get(&app.db, id).await?.ok_or_else(missing)?;
    let rights = entitlements::of_user(&app.db, id, MOST)
        .await?
        .iter()
        .map(entitlements::Model::state)
        .collect::<Result<Vec<_>, _>>()?;
    let talk = messages::of_user(&app.db, id, MOST).await?;
    let mut value = serde_json::to_value(row.state()).map_err(|e| DbErr::Type(e.to_string()))?;
    if let Some(fields) = value.as_object_mut() {
        let telegram = json!({
            "chat_id": row.chat_id,
            "started_at": row.started_at.map(time),
            "start_payload": row.start_payload,
            "unreachable_at": row.unreachable_at.map(time),
            "unreachable_reason": row.unreachable_reason,
        });
        let talk = talk.iter().map(|m| {
            json!({ "id": m.id, "source": m.source, "state": m.state, "text": m.text, "at": time(m.at) })
        });
        // What people want to be told is LK's to know.
        fields.remove("settings");
        fields.insert("telegram".to_owned(), telegram);
        fields.insert("city".to_owned(), json!(row.city));
        fields.insert("country".to_owned(), json!(row.country));
        fields.insert("entitlements".to_owned(), json!(rights));
        fields.insert("messages".to_owned(), talk.collect());
    }
    Ok(Json(value))
}
