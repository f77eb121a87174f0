//! `update_user_in`: the older way; the record becomes a line in the log.

use std::sync::Arc;

use chrono::Utc;
use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::update_user_in::UpdateUser;
use geobot_shared::topics::{InfoIn, UpdateUserIn};
use serde_json::Value;

use crate::app::App;

/// The handlers of the topic.
pub fn handlers() -> Inbox<App, UpdateUserIn> {
    Inbox::new().on(update_user)
}

async fn update_user(app: Arc<App>, event: Event<UpdateUser>) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    let line = InfoIn::new(
        event.action.as_str(),
        format!("It is {}", event.action),
        Value::Object(event.data.fields),
    )
    .at(event.level)
    .keyed(event.cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &event.cause, 0, Utc::now())
        .await?;
    Ok(app.commit(transaction).await?)
}
