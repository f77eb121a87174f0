//! Records as they come from Kafka.

use std::sync::Arc;

use geobot_arm::app::App;
use geobot_shared::bus::{Cause, Handled, Inbox, Record};
use geobot_shared::topics::Topic;
use serde_json::{Value, json};
use uuid::Uuid;

/// Hands a record to a topic's handlers, under a new message-id.
pub(crate) async fn give<T: Topic>(
    app: &Arc<App>,
    inbox: &Inbox<App, T>,
    action: &str,
    data: Value,
) -> Handled {
    give_as(app, inbox, &Uuid::now_v7().to_string(), action, data).await
}

/// Hands a record to a topic's handlers.
pub(crate) async fn give_as<T: Topic>(
    app: &Arc<App>,
    inbox: &Inbox<App, T>,
    message_id: &str,
    action: &str,
    data: Value,
) -> Handled {
    let value = json!({ "service": "LK", "action": action, "payload": { "data": data } });
    inbox
        .handle(Arc::clone(app), &record(message_id, &value.to_string()))
        .await
}

pub(crate) fn record(message_id: &str, value: &str) -> Record {
    Record {
        topic: "test".into(),
        partition: 0,
        offset: 0,
        timestamp: None,
        key: None,
        value: value.as_bytes().to_vec(),
        headers: Vec::new(),
        cause: Cause {
            message_id: message_id.to_owned(),
            correlation_id: message_id.to_owned(),
            traceparent: None,
        },
    }
}
