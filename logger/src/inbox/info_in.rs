//! `info_in`: every event, under any action, becomes one document.

use std::sync::Arc;

use geobot_shared::bus::{Event, HandleError, Handled, Inbox};
use geobot_shared::topics::InfoIn;
use serde_json::Value;

use crate::App;
use crate::batch::NotDelivered;
use crate::document;

pub(crate) fn handlers() -> Inbox<App, InfoIn> {
    Inbox::new().otherwise(event_logged)
}

/// Done when Logstash has the document.
async fn event_logged(app: Arc<App>, event: Event<Value>) -> Handled {
    app.alerts.note(&event);
    let document = document::of(&event).map_err(|e| HandleError::BadData(e.to_string()))?;
    app.batcher
        .deliver(document)
        .await
        .map_err(|error| match error {
            NotDelivered::Unavailable(_) => HandleError::unavailable("logstash", error),
            NotDelivered::Refused(_) => HandleError::BadData(error.to_string()),
        })
}
