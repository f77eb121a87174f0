//! setWebhook, deleteWebhook, getWebhookInfo, and the delivery: with the secret header, in order per chat, repeated until 2xx.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::answer::{Answer, ApiError};
use super::methods;
use super::params::Params;
use super::updates::Pending;
use crate::app::App;
use crate::clock::unix_now;

/// Bot API: the header that proves the sender.
const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";
/// Bot API: default and most connections.
const CONNECTIONS: i64 = 40;
const MOST_CONNECTIONS: i64 = 100;
/// Longest wait between two tries, in units of the back-off setting.
const LONGEST_BACK_OFF: u64 = 60;

/// Where updates go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Webhook {
    /// Distinguishes this setting from an earlier one with the same address.
    generation: uuid::Uuid,
    url: String,
    secret: Option<String>,
    connections: usize,
    last_error: Option<(i64, String)>,
}

/// setWebhook.
pub(crate) fn set(app: &App, params: &Params) -> Answer {
    let address = params.text("url")?.unwrap_or_default();
    if address.is_empty() {
        return delete(app, params);
    }
    let url = checked_url(&address)?;
    let secret = params
        .text("secret_token")?
        .filter(|secret| !secret.is_empty());
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if secret
        .as_ref()
        .is_some_and(|secret| secret.len() > 256 || !secret.chars().all(fits))
    {
        return Err(ApiError::bad_request(
            "secret token contains unallowed characters",
        ));
    }
    let connections = params
        .number("max_connections")?
        .unwrap_or(CONNECTIONS)
        .clamp(1, MOST_CONNECTIONS) as usize;
    let mut world = app.world.lock();
    world.updates.allow(params)?;
    if params.flag("drop_pending_updates") {
        world.updates.pending.clear();
    }
    world.webhook = Some(Webhook {
        generation: uuid::Uuid::new_v4(),
        url,
        secret,
        connections,
        last_error: None,
    });
    drop(world);
    app.wake_updates();
    Ok(json!(true))
}

/// Bot API wants HTTPS and a public host. Here plain HTTP is taken, and only addresses of this machine are called.
fn checked_url(address: &str) -> Answer<String> {
    let refuse = |reason: &str| ApiError::bad_request(format_args!("bad webhook: {reason}"));
    let url = url::Url::parse(address).map_err(|_| refuse("URL host is empty"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("An HTTPS URL must be provided for webhook"));
    }
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match local {
        true => Ok(url.into()),
        false => Err(refuse(
            "the sandbox delivers to addresses of this machine only",
        )),
    }
}

/// deleteWebhook.
pub(crate) fn delete(app: &App, params: &Params) -> Answer {
    let mut world = app.world.lock();
    world.webhook = None;
    if params.flag("drop_pending_updates") {
        world.updates.pending.clear();
    }
    drop(world);
    app.wake_updates();
    Ok(json!(true))
}

/// getWebhookInfo.
pub(crate) fn info(app: &App, _: &Params) -> Answer {
    let world = app.world.lock();
    let mut info = json!({
        "url": world.webhook.as_ref().map_or("", |webhook| webhook.url.as_str()),
        "has_custom_certificate": false,
        "pending_update_count": world.updates.pending.len(),
    });
    if let Some(webhook) = &world.webhook {
        info["max_connections"] = json!(webhook.connections);
        if let Some((date, message)) = &webhook.last_error {
            info["last_error_date"] = json!(date);
            info["last_error_message"] = json!(message);
        }
    }
    if !world.updates.allowed.is_empty() {
        info["allowed_updates"] = json!(world.updates.allowed);
    }
    Ok(info)
}

/// Delivers updates for as long as the sandbox runs.
pub(crate) async fn deliver(app: Arc<App>) {
    let mut changes = app.updates_changed.subscribe();
    let mut busy = HashSet::new();
    let mut deliveries = JoinSet::new();
    loop {
        for (webhook, update) in deliverable(&app, &busy) {
            busy.insert(update.chat_id);
            deliveries.spawn(deliver_one(app.clone(), webhook, update));
        }
        tokio::select! {
            _ = changes.changed() => {}
            Some(done) = deliveries.join_next() => match done {
                Ok(chat_id) => { busy.remove(&chat_id); }
                // A panicked delivery: its chat is unknown, so all are taken as free; order within it is lost once.
                Err(_) => busy.clear(),
            },
            () = app.stopping.cancelled() => return,
        }
    }
}

/// The oldest update of every chat that has none on its way.
fn deliverable(app: &App, busy: &HashSet<i64>) -> Vec<(Webhook, Pending)> {
    let mut world = app.world.lock();
    world.updates.expire(unix_now());
    let Some(webhook) = world.webhook.clone() else {
        return Vec::new();
    };
    let mut seen = busy.clone();
    let room = webhook.connections.saturating_sub(busy.len());
    let fresh = world
        .updates
        .pending
        .iter()
        .filter(|update| seen.insert(update.chat_id));
    fresh
        .take(room)
        .map(|update| (webhook.clone(), update.clone()))
        .collect()
}

/// Sends one update until it is taken, expires, or the webhook is changed. Returns its chat.
async fn deliver_one(app: Arc<App>, webhook: Webhook, update: Pending) -> i64 {
    let mut back_off = 1;
    loop {
        let mut request = app.outside.post(&webhook.url).json(&update.update);
        if let Some(secret) = &webhook.secret {
            request = request.header(SECRET_HEADER, secret);
        }
        let failure = match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                app.counters.webhook_deliveries.add(1);
                app.world.lock().updates.remove(update.update_id);
                app.events.touch();
                if let Ok(body) = answer.bytes().await {
                    answer_in_webhook(&app, &body);
                }
                return update.chat_id;
            }
            Ok(answer) => format!("Wrong response from the webhook: {}", answer.status()),
            Err(error) if error.is_timeout() => "Read timeout expired".to_owned(),
            Err(_) => "Connection refused".to_owned(),
        };
        app.counters.webhook_failures.add(1);
        if !note_failure(&app, &webhook, &update, failure) {
            return update.chat_id;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(back_off * app.settings.retry_unit_ms)) => {}
            () = app.stopping.cancelled() => return update.chat_id,
        }
        back_off = (back_off * 2).min(LONGEST_BACK_OFF);
        let still_set = app
            .world
            .lock()
            .webhook
            .as_ref()
            .is_some_and(|now| now.generation == webhook.generation);
        if !still_set {
            return update.chat_id;
        }
    }
}

/// Remembers the error for getWebhookInfo; false when the update need not be sent any more.
fn note_failure(app: &App, webhook: &Webhook, update: &Pending, failure: String) -> bool {
    let mut world = app.world.lock();
    world.updates.expire(unix_now());
    match &mut world.webhook {
        Some(now) if now.generation == webhook.generation => {
            now.last_error = Some((unix_now(), failure))
        }
        _ => return false,
    }
    world
        .updates
        .pending
        .binary_search_by_key(&update.update_id, |pending| pending.update_id)
        .is_ok()
}

/// Bot API: the answer to a webhook may itself be a method call; its result is not told.
fn answer_in_webhook(app: &App, body: &[u8]) {
    let Ok(Value::Object(mut values)) = serde_json::from_slice(body) else {
        return;
    };
    let Some(Value::String(name)) = values.remove("method") else {
        return;
    };
    if let Some(method) = methods::find(&name) {
        let _ = methods::call(
            app,
            method,
            &Params {
                values,
                ..Params::default()
            },
        );
    }
}
