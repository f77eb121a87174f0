//! `worker_start_orm`: jobs from ARM, dispatched by their kind.

use std::sync::Arc;

use geobot_shared::bus::{Cause, Event, Handled, Inbox};
use geobot_shared::envelope::Level;
use geobot_shared::topics::states::Task;
use geobot_shared::topics::worker_done_orm::{TaskDone, TaskFailed};
use geobot_shared::topics::{InfoIn, WorkerDoneOrm, WorkerStartOrm};
use serde_json::json;
use uuid::Uuid;

use crate::App;
use crate::jobs::End;

/// A kind's name longer than this is cut where it is repeated.
const LONGEST_KIND: usize = 100;

pub(crate) fn handlers() -> Inbox<App, WorkerStartOrm> {
    Inbox::new().on(start_task)
}

async fn start_task(app: Arc<App>, event: Event<Task>) -> Handled {
    let Event { data, cause, .. } = event;
    let (task_id, kind) = (data.task_id, short(&data.kind));
    let end = match app.jobs.find(&data.kind) {
        Some(job) => job(Arc::clone(&app), data).await?,
        // A kind nobody knows is an answer, not a fault: ARM shows the task as failed.
        None => End::Failed(format!(
            "this worker does not know jobs of the kind `{kind}`"
        )),
    };
    answer(&app, task_id, &kind, end, &cause).await
}

/// Tells ARM how the task ended, and the log.
async fn answer(app: &App, task_id: Uuid, kind: &str, end: End, cause: &Cause) -> Handled {
    let worker = app.producer.service().to_owned();
    let fields = json!({"task_id": task_id, "kind": kind});
    let (told, logged): (WorkerDoneOrm, _) = match end {
        End::Done(result) => {
            let done = TaskDone {
                task_id,
                worker,
                result,
            };
            (
                done.into(),
                InfoIn::new("task_done", "A job is done", fields),
            )
        }
        End::Failed(reason) => {
            let failed = TaskFailed {
                task_id,
                worker,
                reason: reason.clone(),
            };
            let logged = InfoIn::new("task_failed", reason, fields).at(Level::Warn);
            (failed.into(), logged)
        }
    };
    metrics::counter!("geobot_worker_tasks_total", "outcome" => logged.action.clone()).increment(1);
    app.producer
        .publish_caused::<WorkerDoneOrm>(told, cause, 0)
        .await?;
    app.producer
        .publish_caused::<InfoIn>(logged.keyed(cause.correlation_id.clone()), cause, 0)
        .await?;
    Ok(())
}

fn short(kind: &str) -> String {
    kind.chars().take(LONGEST_KIND).collect()
}
