//! Payments: seen, paid, declined, called back again, refunds decided.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Body, Refused};
use crate::app::App;
use crate::clock::unix_millis;
use crate::robokassa::payments::{CannotPay, Key};
use crate::robokassa::refunds::RefundState;
use crate::robokassa::{callback, jws, pages, result_url2};

type Answer = Result<Json<Value>, Refused>;

const MOST_COPIES: u32 = 100;

/// Which of two payments with one number is meant; without it the live one, else the test one.
#[derive(Deserialize)]
pub(super) struct Mode {
    is_test: Option<bool>,
}

fn key(app: &App, inv_id: i64, mode: &Mode) -> Result<Key, CannotPay> {
    let payments = app.payments.lock();
    payments
        .find(inv_id, mode.is_test)
        .map(|payment| payment.key())
        .ok_or(CannotPay::NotOpened(inv_id))
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let payments: Vec<Value> = app
        .payments
        .lock()
        .all()
        .map(|payment| payment.view())
        .collect();
    Json(json!({"payments": payments}))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(inv_id): Path<i64>,
    Query(mode): Query<Mode>,
) -> Answer {
    let payments = app.payments.lock();
    let payment = payments
        .find(inv_id, mode.is_test)
        .ok_or(CannotPay::NotOpened(inv_id))?;
    Ok(Json(payment.view()))
}

#[derive(Deserialize)]
pub(super) struct Paying {
    #[serde(default = "one_copy")]
    copies: u32,
    out_sum: Option<String>,
    #[serde(default)]
    lose_callback: bool,
}

fn one_copy() -> u32 {
    1
}

impl Paying {
    fn checked(self) -> Result<Self, Refused> {
        match (1..=MOST_COPIES).contains(&self.copies) {
            true => Ok(self),
            false => Err(Refused::new(
                StatusCode::BAD_REQUEST,
                format_args!("copies must be 1 to {MOST_COPIES}"),
            )),
        }
    }
}

pub(super) async fn pay(
    State(app): State<Arc<App>>,
    Path(inv_id): Path<i64>,
    Query(mode): Query<Mode>,
    Body(how): Body<Paying>,
) -> Answer {
    let how = how.checked()?;
    let key = key(&app, inv_id, &mode)?;
    let paying = pages::Paying {
        copies: how.copies,
        told_sum: how.out_sum,
        lose_callback: how.lose_callback,
    };
    Ok(Json(pages::pay(&app, key, paying)?.view()))
}

pub(super) async fn decline(
    State(app): State<Arc<App>>,
    Path(inv_id): Path<i64>,
    Query(mode): Query<Mode>,
) -> Answer {
    let key = key(&app, inv_id, &mode)?;
    Ok(Json(pages::decline(&app, key)?.view()))
}

pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    Path(inv_id): Path<i64>,
    Query(mode): Query<Mode>,
) -> Answer {
    let key = key(&app, inv_id, &mode)?;
    Ok(Json(pages::confirm(&app, key)?.view()))
}

/// ResultURL once more for a paid payment, as when the shop's answer was lost; also what ends a lost callback.
pub(super) async fn call_again(
    State(app): State<Arc<App>>,
    Path(inv_id): Path<i64>,
    Query(mode): Query<Mode>,
    Body(how): Body<Paying>,
) -> Answer {
    let how = how.checked()?;
    let key = key(&app, inv_id, &mode)?;
    let payment = app.payments.lock().call_again(key, how.copies)?;
    callback::start(&app, &payment, how.copies);
    Ok(Json(payment.view()))
}

/// ResultURL2 once more for a paid live payment.
pub(super) async fn notify_again(
    State(app): State<Arc<App>>,
    Path(inv_id): Path<i64>,
    Query(mode): Query<Mode>,
) -> Answer {
    let key = key(&app, inv_id, &mode)?;
    let payment = app.payments.lock().notify_again(key)?;
    if result_url2::address(&payment, &app.settings).is_none() {
        return Err(Refused::new(
            StatusCode::CONFLICT,
            "there is no ResultURL2 to tell: it is for live payments, and SANDBOX_RESULT2_URL says where",
        ));
    }
    result_url2::start(&app, &payment);
    Ok(Json(payment.view()))
}

#[derive(Deserialize)]
pub(super) struct Deciding {
    state: RefundState,
}

/// A refund ends now, is cancelled, or stays in processing until it is told otherwise.
pub(super) async fn decide_refund(
    State(app): State<Arc<App>>,
    Path(request_id): Path<String>,
    Body(body): Body<Deciding>,
) -> Answer {
    let payment = app
        .payments
        .lock()
        .decide_refund(&request_id, body.state, unix_millis())?;
    app.events
        .publish(json!({"kind": "payment", "payment": payment.view()}));
    Ok(Json(payment.view()))
}

/// What verifies the sandbox's ResultURL2.
pub(super) async fn certificate() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "application/x-pem-file")];
    (headers, jws::CERTIFICATE)
}
