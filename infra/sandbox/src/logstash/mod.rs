//! The Logstash stand-in: its http input with Basic auth.

pub(crate) mod documents;

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock;
use crate::connection::Connection;
use crate::faults::{self, Refusal, Target};

/// Largest body taken in one request.
const LARGEST_BODY: usize = 20 * 1024 * 1024;

pub(crate) fn routes() -> Router<Arc<App>> {
    let input = || post(take).put(take);
    Router::new()
        .route("/logstash", input())
        .route("/logstash/", input())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
}

async fn take(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = app.faults.strike(Target::Logstash, "", None);
    let refuse = |refusal: Option<Refusal>| {
        app.counters.log_refusals.add(1);
        match refusal {
            Some(Refusal {
                status,
                retry_after: Some(seconds),
            }) => (status, [(header::RETRY_AFTER, seconds.to_string())]).into_response(),
            Some(Refusal {
                status: StatusCode::UNAUTHORIZED,
                ..
            }) => unauthorized(),
            Some(Refusal { status, .. }) => status.into_response(),
            None => StatusCode::BAD_GATEWAY.into_response(),
        }
    };
    let work = async {
        let refused = match is_known(&app, &headers) {
            false => unauthorized(),
            true => match keep(&app, &body) {
                Ok(()) => return "ok".into_response(),
                Err(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
            },
        };
        app.counters.log_refusals.add(1);
        refused
    };
    faults::under(fault, &connection, &app.stopping, refuse, work).await
}

fn is_known(app: &App, headers: &HeaderMap) -> bool {
    let expected = format!(
        "{}:{}",
        app.settings.logstash_user,
        app.settings.logstash_password.expose_secret()
    );
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, credentials)| BASE64_STANDARD.decode(credentials.trim()).ok())
        .is_some_and(|given| given == expected.as_bytes())
}

fn unauthorized() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"logstash\"")];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

/// Logstash: a JSON array is many events. What is not JSON is tagged there and refused here, so that it is noticed.
fn keep(app: &App, body: &[u8]) -> Result<(), String> {
    let documents = match serde_json::from_slice(body) {
        Ok(Value::Array(documents)) => documents,
        Ok(document) => vec![document],
        Err(error) => return Err(format!("not JSON: {error}")),
    };
    if !documents.iter().all(Value::is_object) {
        return Err("every document must be a JSON object".to_owned());
    }
    app.counters.log_documents.add(documents.len() as u64);
    let received_at = clock::stamp();
    let mut kept = app.documents.lock();
    for document in documents {
        if let Some(entry) = kept.push(&received_at, &document) {
            app.events.publish(json!({"kind": "log", "entry": entry}));
        }
    }
    Ok(())
}
