//! `/api/promos`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Price, STAFF};
use crate::app::App;
use crate::promo::{self, Expected, PromoDraft, PromoError, PromoSaved, PromoTerms};
use crate::store::promos::{self, Model};
use crate::store::time;

/// A code as a caller sends it. Unknown fields are ignored.
#[derive(Deserialize)]
struct Sent {
    code: String,
    #[serde(default)]
    percent: Option<u8>,
    #[serde(default)]
    amount: Option<Price>,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    once_per_person: bool,
    #[serde(default)]
    starts_at: Option<DateTime<Utc>>,
    #[serde(default)]
    ends_at: Option<DateTime<Utc>>,
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

impl Sent {
    fn draft(self) -> Result<PromoDraft, ApiError> {
        let terms = PromoTerms {
            percent: self.percent,
            amount: self.amount.map(|it| it.money("amount")).transpose()?,
            limit: self.limit,
            once_per_person: self.once_per_person,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            active: self.active,
        };
        PromoDraft::new(&self.code, terms).map_err(|fault| ApiError::Bad(fault.to_string()))
    }
}

fn shown(row: &Model) -> Result<Value, DbErr> {
    let mut value = serde_json::to_value(row.state()?).map_err(|e| DbErr::Type(e.to_string()))?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("used".to_owned(), row.used.into());
        fields.insert("created_at".to_owned(), json!(time(row.created_at)));
        fields.insert("updated_at".to_owned(), json!(time(row.updated_at)));
    }
    Ok(value)
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let rows = promos::all(&app.db).await?;
    let all = rows.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "promos": all })))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(code): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let row = promos::get(&app.db, &code).await?;
    Ok(Json(shown(&row.ok_or(ApiError::NotFound("promo code"))?)?))
}

/// Makes the code, or makes it be so: asking twice makes one.
pub(super) async fn save(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, ApiError> {
    let sent: Sent = serde_json::from_slice(&body)
        .map_err(|error| ApiError::Bad(format!("the promo code can't be read: {error}")))?;
    let draft = sent.draft()?;
    let saved = promo::save(&app, STAFF, draft, Expected::Any, Utc::now()).await?;
    let status = match saved {
        PromoSaved::Created(_) => StatusCode::CREATED,
        PromoSaved::Changed(_) | PromoSaved::Unchanged(_) => StatusCode::OK,
    };
    Ok((status, Json(shown(&saved.promo())?)).into_response())
}

impl From<PromoError> for ApiError {
    fn from(error: PromoError) -> ApiError {
        match error {
            PromoError::NotFound => ApiError::NotFound("promo code"),
            PromoError::Exists | PromoError::Stale => ApiError::Bad(error.to_string()),
            PromoError::Outbox(error) => error.into(),
        }
    }
}
