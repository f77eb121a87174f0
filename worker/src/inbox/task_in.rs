//! `task_in`: the older way to start a task. It becomes an event in the log.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::task_in::StartTask;
use geobot_shared::topics::{InfoIn, TaskIn};
use serde_json::Value;

use crate::App;

pub(crate) fn handlers() -> Inbox<App, TaskIn> {
    Inbox::new().on(start_task)
}

async fn start_task(app: Arc<App>, event: Event<StartTask>) -> Handled {
    let logged = InfoIn::new(
        "start_task",
        "It is start_task",
        Value::Object(event.data.fields),
    )
    .at(event.level)
    .keyed(event.cause.correlation_id.clone());
    app.producer
        .publish_caused::<InfoIn>(logged, &event.cause, 0)
        .await?;
    Ok(())
}
