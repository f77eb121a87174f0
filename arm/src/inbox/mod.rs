//! What other services tell ARM: one file per topic.
//!
//! Every handler is one transaction that begins with the mark of the record's message-id: a repeat changes nothing.

pub mod arm_sync_lk;
pub mod arm_sync_tg;
pub mod create_user_in;
pub mod update_user_in;
pub mod worker_done_orm;

use chrono::Utc;
use geobot_shared::bus::{Event, Handled};
use geobot_shared::topics::InfoIn;
use serde_json::{Map, Value};

use crate::app::App;

/// A record of the older graph becomes a line in the log, with its own fields.
async fn becomes_a_line<E>(
    app: &App,
    event: Event<E>,
    fields: fn(E) -> Map<String, Value>,
) -> Handled {
    let Some(transaction) = app.first_time(&event.cause).await? else {
        return Ok(());
    };
    let line = InfoIn::new(
        event.action.as_str(),
        format!("It is {}", event.action),
        Value::Object(fields(event.data)),
    )
    .at(event.level)
    .keyed(event.cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &event.cause, 0, Utc::now())
        .await?;
    Ok(app.commit(transaction).await?)
}
