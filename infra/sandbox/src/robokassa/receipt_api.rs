//! RoboFiscal: the second receipt after a prepayment is attached, and its state asked for. Bodies are
//! `base64url(json).base64url(hex of the hash over the first part and Password#1)`.

use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::amount::Amount;
use super::decimal;
use super::receipt::{self, Item};
use super::second_receipts::SecondReceipt;
use super::shop::keys;
use crate::app::App;
use crate::clock::unix_millis;
use crate::connection::Connection;
use crate::faults::{self, Target};

/// Robokassa's result codes.
const OK: &str = "0";
const WAITING: &str = "1";
const REGISTERED: &str = "2";
const ERROR: &str = "3";
const INTERNAL: &str = "1000";
const BAD_SIGNATURE: &str = "1001";

/// A result code and its description.
type Refusal = (&'static str, String);

fn refusal(description: impl Into<String>) -> Refusal {
    (ERROR, description.into())
}

/// Attach's request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attach<'a> {
    merchant_id: String,
    id: String,
    origin_id: String,
    operation: String,
    #[serde(borrow)]
    total: &'a RawValue,
    #[serde(borrow)]
    items: Vec<Item<'a>>,
    client: Client,
    #[serde(borrow)]
    payments: Vec<Sum<'a>>,
    #[serde(borrow)]
    vats: Vec<Sum<'a>>,
}

#[derive(Deserialize)]
struct Client {
    #[serde(default)]
    email: String,
    #[serde(default)]
    phone: String,
}

#[derive(Deserialize)]
struct Sum<'a> {
    #[serde(rename = "type")]
    kind: Value,
    #[serde(borrow)]
    sum: &'a RawValue,
}

/// Status's request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    merchant_id: String,
    id: String,
}

/// `POST …/RoboFiscal/Receipt/Attach`.
pub(crate) async fn attach(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    body: Bytes,
) -> Response {
    let fault = app.faults.strike(Target::Robokassa, "receipt_attach", None);
    let refused = faults::refusal_of(fault.as_ref(), "error");
    let work = async {
        let answer = match refused {
            Some(description) => Err(refusal(description)),
            None => take(&app, &body),
        };
        let (code, description) = match answer {
            Ok(()) => (OK, "ok".to_owned()),
            Err(refusal) => refusal,
        };
        axum::Json(json!({"ResultCode": code, "ResultDescription": description})).into_response()
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

fn take(app: &App, body: &[u8]) -> Result<(), Refusal> {
    let json = open(app, body)?;
    let request: Attach<'_> = read(&json)?;
    merchant(app, &request.merchant_id)?;
    let (id, origin) = (
        number("id", &request.id)?,
        number("originId", &request.origin_id)?,
    );
    if id == origin {
        return Err(refusal("id must not be originId"));
    }
    if request.operation != "sell" {
        return Err(refusal("operation must be sell"));
    }
    if request.client.email.is_empty() && request.client.phone.is_empty() {
        return Err(refusal("client needs an email or a phone"));
    }
    let kopecks =
        |number: &RawValue| decimal::kopecks(number).ok_or_else(|| refusal("a sum cannot be read"));
    let total = Amount::of_kopecks(kopecks(request.total)?);
    receipt::check_total(&request.items, total).map_err(|error| refusal(error.to_string()))?;
    if !request.items.iter().all(Item::is_full_payment) {
        return Err(refusal(
            "payment_method of a second receipt must be full_payment",
        ));
    }
    let mut paid = 0;
    for payment in &request.payments {
        // Robokassa: 2 is what was paid in advance.
        if payment.kind.as_i64() != Some(2) {
            return Err(refusal("payments must be of type 2"));
        }
        paid += kopecks(payment.sum)?;
    }
    if Amount::of_kopecks(paid) != total {
        return Err(refusal("payments and total differ"));
    }
    if request.vats.is_empty() || request.vats.iter().any(|vat| !vat.kind.is_string()) {
        return Err(refusal("vats need a type and a sum"));
    }
    for vat in &request.vats {
        kopecks(vat.sum)?;
    }
    let ready_at = unix_millis().saturating_add_unsigned(app.settings.processing_ms);
    let receipt = SecondReceipt {
        id,
        total,
        ready_at,
    };
    let payment = app
        .payments
        .lock()
        .attach(origin, receipt)
        .map_err(refusal)?;
    app.events
        .publish(json!({"kind": "payment", "payment": payment.view()}));
    Ok(())
}

/// `POST …/RoboFiscal/Receipt/Status`.
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    body: Bytes,
) -> Response {
    let fault = app.faults.strike(Target::Robokassa, "receipt_status", None);
    let refused = faults::refusal_of(fault.as_ref(), "error");
    let work = async {
        let answer = match refused {
            Some(description) => Err(refusal(description)),
            None => look(&app, &body),
        };
        let answer = answer.unwrap_or_else(
            |(code, description)| json!({"Code": code, "Description": description}),
        );
        axum::Json(answer).into_response()
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

fn look(app: &App, body: &[u8]) -> Result<Value, Refusal> {
    let json = open(app, body)?;
    let request: Status = read(&json)?;
    merchant(app, &request.merchant_id)?;
    let id = number("id", &request.id)?;
    let payments = app.payments.lock();
    let receipt = payments
        .find_receipt(id)
        .ok_or_else(|| (INTERNAL, "the receipt was not found".to_owned()))?;
    if !receipt.is_registered(unix_millis()) {
        return Ok(json!({"Code": WAITING, "Description": "waiting"}));
    }
    // Robokassa: the zone is Moscow's.
    let date = DateTime::from_timestamp_millis(receipt.ready_at)
        .zip(FixedOffset::east_opt(3 * 60 * 60))
        .map(|(at, zone)| {
            at.with_timezone(&zone)
                .format("%Y-%m-%dT%H:%M:%S")
                .to_string()
        });
    Ok(json!({
        "Code": REGISTERED, "Description": "registered",
        "FnNumber": "9999078900001234", "FiscalDocumentNumber": (id % 100_000).to_string(),
        "FiscalDocumentAttribute": format!("{:010}", id.unsigned_abs() % 4_294_967_296),
        "FiscalDate": date, "FiscalType": "sell",
    }))
}

/// The JSON in the body, if it was signed with the shop's live Password#1.
fn open(app: &App, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let malformed = || refusal("the body is not base64.base64");
    let body = std::str::from_utf8(body).map_err(|_| malformed())?.trim();
    let (payload, signature) = body.split_once('.').ok_or_else(malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
    let json = decode(payload)?;
    let signature = String::from_utf8(decode(signature)?).map_err(|_| malformed())?;
    let keys = keys(&app.settings, false);
    let base = format!("{payload}{}", keys.password1);
    match !keys.password1.is_empty() && keys.algorithm.accepts(&base, &signature) {
        true => Ok(json),
        false => Err((BAD_SIGNATURE, "wrong signature".to_owned())),
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(json).map_err(|error| refusal(error.to_string()))
}

fn merchant(app: &App, login: &str) -> Result<(), Refusal> {
    match login == app.settings.robokassa_login {
        true => Ok(()),
        false => Err((INTERNAL, "the shop was not found".to_owned())),
    }
}

/// Robokassa: a whole number from 1 to 9223372036854775807, as text.
fn number(name: &str, text: &str) -> Result<i64, Refusal> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| refusal(format!("{name} must be a whole number above 0")))
}
