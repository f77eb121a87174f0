//! `/api/invoices`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Json;
use geobot_shared::ids::InvoiceId;
use geobot_shared::topics::states::InvoiceStatus;
use sea_orm::DbErr;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use crate::app::App;
use crate::store::invoices::{self, Model, Wanted};
use crate::store::{events, time};

const MOST: u64 = 200;

#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    status: String,
}

fn shown(row: &Model) -> Result<Value, DbErr> {
    serde_json::to_value(row.state()?).map_err(|e| DbErr::Type(e.to_string()))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, ApiError> {
    let user = match filter.user_id.as_str() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| ApiError::Bad("user_id must be a whole number".to_owned()))?,
        ),
    };
    let wanted = match filter.status.as_str() {
        "" => Wanted::All,
        word => InvoiceStatus::from_name(word)
            .map(Wanted::Status)
            .ok_or_else(|| ApiError::Bad("status is none of an invoice's".to_owned()))?,
    };
    let rows = invoices::list(&app.db, user, wanted, 0, MOST).await?;
    let all = rows.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "invoices": all })))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let missing = || ApiError::NotFound("invoice");
    let id: InvoiceId = id.parse().map_err(|_| missing())?;
    let row = invoices::get(&app.db, id).await?.ok_or_else(missing)?;
    let mut value = shown(&row)?;
    let heard = events::of_invoice(&app.db, row.invoice_id, MOST).await?;
    if let Some(fields) = value.as_object_mut() {
        let heard = heard
            .iter()
            .map(|e| json!({ "kind": e.kind, "detail": e.detail, "at": time(e.at) }));
        fields.insert("events".to_owned(), heard.collect());
    }
    Ok(Json(value))
}
