//! `/create_user`, `/update_user`, `/info`, `/start_task`: the older system's endpoints. A record is written and
//! acknowledged by Kafka before the answer says ok.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, get, post};
use chrono::Utc;
use geobot_shared::bus::header::MESSAGE_ID;
use geobot_shared::bus::{Cause, Outgoing, PublishError};
use geobot_shared::robokassa::form;
use geobot_shared::topics::create_user_in::CreateUser;
use geobot_shared::topics::task_in::StartTask;
use geobot_shared::topics::update_user_in::UpdateUser;
use geobot_shared::topics::{CreateUserIn, InfoIn, TaskIn, Topic, UpdateUserIn};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;
use tracing::{error, info};

use crate::app::App;
use crate::settings::ApiAccess;

/// A caller is not kept longer than this; the record may still arrive after a 503.
const PUBLISH_LIMIT: Duration = Duration::from_secs(10);

/// One of the four.
#[derive(Clone, Copy, Debug)]
enum Endpoint {
    CreateUser,
    UpdateUser,
    Info,
    StartTask,
}

/// The routes; with GET as well if older callers need it.
pub(super) fn routes(with_get: bool) -> Router<Arc<App>> {
    [
        ("/create_user", Endpoint::CreateUser),
        ("/update_user", Endpoint::UpdateUser),
        ("/info", Endpoint::Info),
        ("/start_task", Endpoint::StartTask),
    ]
    .into_iter()
    .fold(Router::new(), |router, (path, endpoint)| {
        router.route(path, methods(endpoint, with_get))
    })
}

fn methods(endpoint: Endpoint, with_get: bool) -> MethodRouter<Arc<App>> {
    let by_post = post(
        move |State(app): State<Arc<App>>,
              headers: HeaderMap,
              body: Result<Bytes, BytesRejection>| async move {
            let fields = authorized(&headers, &app.settings.api).and_then(|()| read_body(body));
            answer(&app, endpoint, fields).await
        },
    );
    if !with_get {
        return by_post;
    }
    by_post.merge(get(
        move |State(app): State<Arc<App>>, headers: HeaderMap, RawQuery(query): RawQuery| async move {
            let fields = authorized(&headers, &app.settings.api)
                .map(|()| read_query(&query.unwrap_or_default()));
            answer(&app, endpoint, fields).await
        },
    ))
}

/// Why a call is refused; the reason is for its author.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the bearer token is missing or wrong")]
    Token,
    #[error("the body can't be read: {0}")]
    Body(#[from] BytesRejection),
    #[error("the body is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("the body must be a JSON object")]
    NotAnObject,
    #[error("the record can't be written: {0}")]
    Record(PublishError),
    #[error("Kafka did not acknowledge the record; it may still arrive")]
    Unavailable,
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Refused::Token => StatusCode::UNAUTHORIZED,
            Refused::Body(rejection) => rejection.status(),
            Refused::NotJson(_) | Refused::NotAnObject | Refused::Record(_) => {
                StatusCode::BAD_REQUEST
            }
            Refused::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<PublishError> for Refused {
    fn from(error: PublishError) -> Refused {
        match error {
            PublishError::Rejected { .. } => Refused::Record(error),
            PublishError::Unavailable { .. } => Refused::Unavailable,
        }
    }
}

/// Compares in constant time. A wrong token is refused in the sandbox too; only a missing one is taken there.
fn authorized(headers: &HeaderMap, access: &ApiAccess) -> Result<(), Refused> {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return if access.open {
            Ok(())
        } else {
            Err(Refused::Token)
        };
    };
    let expected = access.token.expose_secret().as_bytes();
    let given = given.as_bytes();
    let token = match given.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
        _ => return Err(Refused::Token),
    };
    if !expected.is_empty() && bool::from(token.ct_eq(expected)) {
        Ok(())
    } else {
        Err(Refused::Token)
    }
}

/// The older `curl` lines send no content type that means anything, so only the text counts.
fn read_body(body: Result<Bytes, BytesRejection>) -> Result<Map<String, Value>, Refused> {
    let body = body?;
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&body)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Refused::NotAnObject),
    }
}

/// The last of several values counts.
fn read_query(query: &str) -> Map<String, Value> {
    form::decode(query)
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect()
}

async fn answer(
    app: &App,
    endpoint: Endpoint,
    fields: Result<Map<String, Value>, Refused>,
) -> Response {
    let result = match fields {
        Ok(fields) => publish(app, endpoint, fields).await,
        Err(refused) => Err(refused),
    };
    match result {
        Ok(message_id) => {
            info!(?endpoint, message_id, "record_accepted");
            Json(json!({"status": "ok", "message_id": message_id})).into_response()
        }
        Err(refused) => {
            let status = refused.status();
            if status.is_server_error() {
                error!(?endpoint, %refused, "record_not_accepted");
            }
            let reason = json!({"status": "error", "reason": refused.to_string()});
            (status, Json(reason)).into_response()
        }
    }
}

async fn publish(
    app: &App,
    endpoint: Endpoint,
    fields: Map<String, Value>,
) -> Result<String, Refused> {
    match endpoint {
        Endpoint::CreateUser => send::<CreateUserIn>(app, |_| CreateUser { fields }.into()).await,
        Endpoint::UpdateUser => send::<UpdateUserIn>(app, |_| UpdateUser { fields }.into()).await,
        Endpoint::StartTask => send::<TaskIn>(app, |_| StartTask { fields }.into()).await,
        Endpoint::Info => {
            send::<InfoIn>(app, |cause| {
                InfoIn::new("info", "It is info", Value::Object(fields))
                    .keyed(cause.correlation_id.clone())
            })
            .await
        }
    }
}

/// Publishes one event of a new story and returns its message-id.
async fn send<T: Topic>(app: &App, event: impl FnOnce(&Cause) -> T) -> Result<String, Refused> {
    let cause = Cause::new_story();
    let record = Outgoing::new(app.producer.service(), &event(&cause), &cause, Utc::now())?;
    match tokio::time::timeout(PUBLISH_LIMIT, app.producer.send(&record)).await {
        Ok(sent) => sent?,
        Err(_) => return Err(Refused::Unavailable),
    }
    let id = record
        .headers
        .into_iter()
        .find(|(name, _)| name == MESSAGE_ID);
    Ok(id.map(|(_, id)| id).unwrap_or_default())
}
