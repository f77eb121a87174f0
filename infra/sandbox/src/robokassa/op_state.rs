//! OpStateExt: the state of an operation, as XML. Live payments only.

use std::sync::Arc;

use askama::Template;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::amount::Amount;
use super::form::Form;
use super::payments::Payment;
use super::shop::keys;
use super::signature::state_base;
use crate::app::App;
use crate::connection::Connection;
use crate::faults::{self, Target};

#[derive(Template)]
#[template(path = "op_state.xml")]
struct OpState {
    code: u16,
    description: String,
    operation: Option<Operation>,
}

impl OpState {
    fn refused(code: u16, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            operation: None,
        }
    }
}

/// The part that is there when the code is 0.
struct Operation {
    state: u16,
    request_date: String,
    state_date: String,
    inc_sum: String,
    out_sum: String,
    op_key: String,
    fields: Vec<(String, String)>,
}

pub(crate) async fn by_get(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(
        app,
        connection,
        Form::parse(query.unwrap_or_default().as_bytes()),
    )
    .await
}

pub(crate) async fn by_post(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    body: Bytes,
) -> Response {
    answer(app, connection, Form::parse(&body)).await
}

async fn answer(app: Arc<App>, connection: Connection, form: Form) -> Response {
    let fault = app.faults.strike(Target::Robokassa, "OpStateExt", None);
    let refused = faults::refusal_of(fault.as_ref(), "Internal error");
    let work = async {
        // ASP.NET: a missing parameter is a plain 500 before the service is asked.
        for name in ["MerchantLogin", "InvoiceID", "Signature"] {
            if form.get(name).is_none() {
                return (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("Missing parameter: {name}."),
                )
                    .into_response();
            }
        }
        let answer = match refused {
            // Robokassa: 1000 is an error of the service itself.
            Some(description) => OpState::refused(1_000, description),
            None => state(&app, &form),
        };
        match answer.render() {
            Ok(xml) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], xml).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
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

fn state(app: &App, form: &Form) -> OpState {
    let login = form.get("MerchantLogin").unwrap_or_default();
    let invoice_id = form.get("InvoiceID").unwrap_or_default();
    if login.is_empty() || login != app.settings.robokassa_login {
        return OpState::refused(2, "Shop not found or not active");
    }
    // Robokassa: the live Password#2; the test one gives code 1.
    let keys = keys(&app.settings, false);
    let base = state_base(login, invoice_id, keys.password2);
    let signed = !keys.password2.is_empty()
        && keys
            .algorithm
            .accepts(&base, form.get("Signature").unwrap_or_default());
    if !signed {
        return OpState::refused(1, "Wrong signature");
    }
    let payments = app.payments.lock();
    let payment = invoice_id
        .parse()
        .ok()
        .and_then(|number| payments.get((number, false)));
    match payment.and_then(|payment| payment.op_state.map(|state| operation(payment, state))) {
        Some(operation) => OpState {
            code: 0,
            description: String::new(),
            operation: Some(operation),
        },
        None => OpState::refused(3, "Operation not found"),
    }
}

fn operation(payment: &Payment, state: u16) -> Operation {
    let amount = Amount::parse(&payment.out_sum)
        .map(|amount| amount.text(false))
        .unwrap_or_default();
    let date = |stamp: &str| {
        let at = DateTime::parse_from_rfc3339(stamp).map_or_else(|_| Utc::now(), |at| at.to_utc());
        // Robokassa: up to seven digits of a second and the zone of Moscow.
        let moscow = chrono::FixedOffset::east_opt(3 * 60 * 60)
            .map(|zone| at.with_timezone(&zone).to_owned());
        moscow.map_or_else(
            || at.to_rfc3339(),
            |at| at.format("%Y-%m-%dT%H:%M:%S%.3f0000%:z").to_string(),
        )
    };
    Operation {
        state,
        request_date: date(&payment.opened_at),
        state_date: date(payment.changed_at.as_deref().unwrap_or(&payment.opened_at)),
        inc_sum: amount.clone(),
        out_sum: amount,
        op_key: payment.op_key.clone().unwrap_or_default(),
        fields: payment.shp.clone(),
    }
}
