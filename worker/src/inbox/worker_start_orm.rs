//! `worker_start_orm`: jobs from ARM, dispatched by their kind.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::envelope::Level;
use geobot_shared::topics::states::Task;
use geobot_shared::topics::worker_done_orm::TaskFailed;
use geobot_shared::topics::{InfoIn, WorkerDoneOrm, WorkerStartOrm};
use serde_json::json;

use crate::App;

/// A kind's name longer than this is cut where it is repeated.
const LONGEST_KIND: usize = 100;

pub(crate) fn handlers() -> Inbox<App, WorkerStartOrm> {
    Inbox::new().on(start_task)
}

async fn start_task(app: Arc<App>, event: Event<Task>) -> Handled {
    match app.jobs.find(&event.data.kind) {
        Some(job) => job(Arc::clone(&app), event).await,
        None => refuse(&app, &event).await,
    }
}

/// A kind nobody knows is an answer, not a fault: ARM shows the task as failed.
async fn refuse(app: &App, event: &Event<Task>) -> Handled {
    let kind: String = event.data.kind.chars().take(LONGEST_KIND).collect();
    let reason = format!("this worker does not know jobs of the kind `{kind}`");
    let failed = TaskFailed {
        task_id: event.data.task_id,
        worker: app.producer.service().to_owned(),
        reason: reason.clone(),
    };
    app.producer
        .publish_caused::<WorkerDoneOrm>(failed, &event.cause, 0)
        .await?;
    let logged = InfoIn::new(
        "task_failed",
        reason,
        json!({"task_id": event.data.task_id, "kind": kind}),
    )
    .at(Level::Warn)
    .keyed(event.cause.correlation_id.clone());
    app.producer
        .publish_caused::<InfoIn>(logged, &event.cause, 0)
        .await?;
    Ok(())
}
