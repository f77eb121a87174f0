//! The webhook: 200 is answered only after Kafka has the update; anything else makes Telegram repeat it.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use geobot_shared::bus::Producer;
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;
use subtle::ConstantTimeEq;
use tracing::{error, warn};

use super::intake::{publish, read_update};

/// Bot API: carries the secret of setWebhook.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";
/// Where Telegram delivers.
pub const PATH: &str = "/telegram/webhook";

/// What the webhook needs.
pub struct Hook {
    /// What must come along with each call.
    pub secret: SecretString,
    /// The bot's own id.
    pub bot_id: u64,
    /// Where updates go.
    pub producer: Producer,
}

/// The webhook's route.
pub fn routes(hook: Hook) -> Router {
    Router::new()
        .route(PATH, post(receive))
        .layer(DefaultBodyLimit::max(1024 * 1024))
        .with_state(Arc::new(hook))
}

async fn receive(State(hook): State<Arc<Hook>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let given = headers
        .get(SECRET_HEADER)
        .map(|value| value.as_bytes())
        .unwrap_or_default();
    if !bool::from(given.ct_eq(hook.secret.expose_secret().as_bytes())) {
        metrics::counter!("geobot_webhook_refused_total").increment(1);
        return StatusCode::UNAUTHORIZED;
    }
    let update = match serde_json::from_slice::<Box<RawValue>>(&body).and_then(read_update) {
        Ok(update) => update,
        Err(error) => {
            warn!(%error, "webhook_call_unreadable");
            return StatusCode::BAD_REQUEST;
        }
    };
    match publish(&hook.producer, hook.bot_id, vec![update]).await {
        (1, None) => {
            metrics::counter!("geobot_updates_total").increment(1);
            StatusCode::OK
        }
        (_, failure) => {
            error!(error = ?failure, "update_not_published");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
