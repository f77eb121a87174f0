//! The Refund API: `Create` takes a token under Password#3 as a JSON string, `GetState` needs no signature.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::amount::Amount;
use super::decimal;
use super::form::Form;
use super::jws::{self, TokenError};
use super::payments::Payment;
use super::receipt::{self, Item};
use super::refunds::{CannotRefund, RefundState};
use crate::app::App;
use crate::clock::unix_millis;
use crate::connection::Connection;
use crate::faults::{self, Target};

/// Robokassa: what a request that cannot be read is answered.
const UNKNOWN_REQUEST: &str = "Id is invalid or request id does not exist";

/// What the token says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Payload<'a> {
    op_key: String,
    #[serde(borrow, default)]
    refund_sum: Option<&'a RawValue>,
    #[serde(borrow, default)]
    invoice_items: Option<Vec<Item<'a>>>,
}

/// `POST …/RefundService/Refund/Create`.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = app.faults.strike(Target::Robokassa, "refund_create", None);
    let refused = faults::refusal_of(fault.as_ref(), "RefundIsNotAvailable");
    let work = async {
        let answer = match refused {
            Some(message) => Err(Refusal::new(StatusCode::OK, message)),
            None => take_on(&app, &headers, &body),
        };
        match answer {
            Ok(request_id) => {
                app.counters.refunds_accepted.add(1);
                axum::Json(json!({"success": true, "message": null, "requestId": request_id}))
                    .into_response()
            }
            Err(refusal) => {
                app.counters.refunds_refused.add(1);
                tracing::info!(
                    status = refusal.status.as_u16(),
                    reason = refusal.message,
                    "refund_refused"
                );
                refusal.into_response()
            }
        }
    };
    faults::under(
        fault,
        &connection,
        &app.stopping,
        faults::bare_refusal,
        work,
    )
    .await
}

/// Why a refund is not taken on.
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"success": false, "message": self.message, "requestId": null});
        (self.status, axum::Json(body)).into_response()
    }
}

/// Checks the request from the outside in, and takes the refund on.
fn take_on(app: &Arc<App>, headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let is_json = content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported Media Type",
        ));
    }
    let token: String =
        serde_json::from_slice(body).map_err(|_| Refusal::bad("the body is no JSON string"))?;
    let unsigned = |message: &str| Refusal::new(StatusCode::UNAUTHORIZED, message);
    let password3 = app.settings.robokassa_password3.expose_secret();
    if password3.is_empty() {
        return Err(unsigned("the shop has no access to the Refund API"));
    }
    let payload = jws::verify(&token, password3).map_err(|error| match error {
        TokenError::Malformed => Refusal::bad("the token is malformed"),
        TokenError::BadSignature => unsigned("InvalidSignature"),
    })?;
    if !jws::is_compact(&payload) {
        return Err(Refusal::bad("the payload is not compact JSON"));
    }
    let payload: Payload<'_> = serde_json::from_slice(&payload)
        .map_err(|error| Refusal::bad(format!("the payload cannot be read: {error}")))?;
    let asked = match payload.refund_sum {
        Some(number) => {
            let kopecks = decimal::kopecks(number).filter(|kopecks| *kopecks > 0);
            Some(Amount::of_kopecks(
                kopecks.ok_or_else(|| Refusal::bad("RefundSum is no sum"))?,
            ))
        }
        None => None,
    };

    let now = unix_millis();
    let wait = app.settings.processing_ms;
    let finishes_at = now.saturating_add_unsigned(wait);
    let refuse = |cause: CannotRefund| Refusal::new(StatusCode::OK, cause.message());
    let mut payments = app.payments.lock();
    let sum = payments
        .refund_sum(&payload.op_key, asked, now)
        .map_err(refuse)?;
    if let Some(items) = payload.invoice_items.filter(|items| !items.is_empty()) {
        receipt::check_total(&items, sum).map_err(|error| Refusal::bad(error.to_string()))?;
    }
    let (payment, request_id) = payments
        .refund(&payload.op_key, asked, now, finishes_at)
        .map_err(refuse)?;
    drop(payments);
    tracing::info!(
        inv_id = payment.inv_id,
        request_id,
        amount = sum.text(true),
        "refund_taken_on"
    );
    show(app, payment, Duration::from_millis(wait));
    Ok(request_id)
}

/// Shows the refund on the pages now, and once more when it has left processing.
fn show(app: &Arc<App>, payment: Payment, wait: Duration) {
    app.events
        .publish(json!({"kind": "payment", "payment": payment.view()}));
    let app = app.clone();
    app.clone().tasks.spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.stopping.cancelled() => return,
        }
        let now = app.payments.lock().get(payment.key()).map(Payment::view);
        if let Some(view) = now {
            app.events
                .publish(json!({"kind": "payment", "payment": view}));
        }
    });
}

/// `GET …/RefundService/Refund/GetState?id=`.
pub(crate) async fn state(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    RawQuery(query): RawQuery,
) -> Response {
    let fault = app.faults.strike(Target::Robokassa, "refund_state", None);
    let cancels = faults::refusal_of(fault.as_ref(), "").is_some();
    let form = Form::parse(query.unwrap_or_default().as_bytes());
    let work = async {
        let request_id = form.get("id").unwrap_or_default();
        let now = unix_millis();
        let mut payments = app.payments.lock();
        if cancels
            && let Ok(payment) = payments.decide_refund(request_id, RefundState::Canceled, now)
        {
            app.events
                .publish(json!({"kind": "payment", "payment": payment.view()}));
        }
        match payments.find_refund(request_id) {
            // Robokassa: the amount is a number with six decimals, which a JSON library would shorten.
            Some(refund) => {
                let body = format!(
                    r#"{{"requestId":"{}","amount":{},"label":"{}"}}"#,
                    refund.request_id,
                    refund.amount.text(false),
                    refund.state(now).label()
                );
                let headers = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
                (headers, body).into_response()
            }
            None => {
                let body = axum::Json(json!({"message": UNKNOWN_REQUEST}));
                (StatusCode::BAD_REQUEST, body).into_response()
            }
        }
    };
    faults::under(
        fault,
        &connection,
        &app.stopping,
        faults::bare_refusal,
        work,
    )
    .await
}
