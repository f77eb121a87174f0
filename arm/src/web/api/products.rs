//! `/api/products`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use chrono::Utc;
use geobot_shared::ids::ProductId;
use geobot_shared::robokassa::receipt::{PaymentMethod, PaymentObject, Tax};
use geobot_shared::topics::states::Delivery;
use sea_orm::DbErr;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Price, STAFF};
use crate::app::App;
use crate::catalog::{self, Draft, DraftError, Saved, Terms};
use crate::store::products::{self, Model};
use crate::store::{stocks, time};

/// A product as a caller sends it. Unknown fields are ignored.
#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    product_id: Option<ProductId>,
    title: String,
    #[serde(default)]
    description: String,
    price: Price,
    delivery: Delivery,
    #[serde(default)]
    position: i32,
    #[serde(default)]
    days: Option<u32>,
    #[serde(default)]
    low_stock: Option<u32>,
    #[serde(default)]
    tax: Tax,
    #[serde(default)]
    payment_object: Option<PaymentObject>,
    #[serde(default)]
    payment_method: Option<PaymentMethod>,
}

impl Sent {
    fn read(body: &[u8]) -> Result<Sent, ApiError> {
        serde_json::from_slice(body)
            .map_err(|error| ApiError::Bad(format!("the product can't be read: {error}")))
    }

    fn draft(self) -> Result<Draft, ApiError> {
        let bad = |error: DraftError| ApiError::Bad(error.to_string());
        let price = self.price.money("price")?;
        let terms = Terms {
            days: self.days,
            low_stock: self.low_stock,
            tax: self.tax,
            payment_object: self.payment_object,
            payment_method: self.payment_method,
        };
        Draft::new(
            &self.title,
            &self.description,
            price,
            self.delivery,
            self.position,
        )
        .and_then(|draft| draft.with(terms))
        .map_err(bad)
    }
}

fn product_id(text: &str) -> Result<ProductId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound("product"))
}

/// The state on the wire, and what a caller of this API wants besides.
fn shown(row: &Model) -> Result<Value, DbErr> {
    let state = row.state()?;
    let price = state.price.to_out_sum();
    let mut value = serde_json::to_value(&state).map_err(|e| DbErr::Type(e.to_string()))?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("archived".to_owned(), (!state.active).into());
        fields.insert("price_rubles".to_owned(), price.into());
        fields.insert("created_at".to_owned(), json!(time(row.created_at)));
        fields.insert("updated_at".to_owned(), json!(time(row.updated_at)));
    }
    Ok(value)
}

fn saved(saved: Saved) -> Result<Response, ApiError> {
    let status = match saved {
        Saved::Created(_) => StatusCode::CREATED,
        Saved::Changed(_) | Saved::Unchanged(_) => StatusCode::OK,
    };
    Ok((status, Json(shown(&saved.product())?)).into_response())
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let rows = products::all(&app.db).await?;
    let all = rows.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "products": all })))
}

/// The product with its stock, if it is sold from one.
async fn with_stock(app: &App, row: &Model) -> Result<Value, DbErr> {
    let mut value = shown(row)?;
    let state = row.state()?;
    if let (Delivery::Key { .. }, Some(fields)) = (&state.delivery, value.as_object_mut()) {
        let stock = stocks::of(&app.db, state.product_id).await?;
        let stock = json!({ "free": stock.free, "given": stock.given, "waiting": stock.waiting });
        fields.insert("stock".to_owned(), stock);
    }
    Ok(value)
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let row = products::get(&app.db, product_id(&id)?).await?;
    let row = row.ok_or(ApiError::NotFound("product"))?;
    Ok(Json(with_stock(&app, &row).await?))
}

pub(super) async fn create(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, ApiError> {
    let sent = Sent::read(&body)?;
    let id = sent.product_id;
    saved(catalog::create(&app, STAFF, id, sent.draft()?, Utc::now()).await?)
}

pub(super) async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let id = product_id(&id)?;
    let draft = Sent::read(&body)?.draft()?;
    saved(catalog::update(&app, STAFF, id, draft, None, Utc::now()).await?)
}

pub(super) async fn archive(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    saved(catalog::set_active(&app, STAFF, product_id(&id)?, false, Utc::now()).await?)
}

pub(super) async fn restore(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    saved(catalog::set_active(&app, STAFF, product_id(&id)?, true, Utc::now()).await?)
}
