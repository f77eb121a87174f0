//! `worker_done_orm`: how jobs go.

use std::sync::Arc;

use chrono::Utc;
use geobot_shared::bus::{Cause, Event, Handled, Inbox};
use geobot_shared::topics::WorkerDoneOrm;
use geobot_shared::topics::worker_done_orm::{TaskDone, TaskFailed, TaskProgress};
use tracing::warn;
use uuid::Uuid;

use crate::app::App;
use crate::jobs;
use crate::store::tasks::{self, Report};

/// The handlers of the topic.
pub fn handlers() -> Inbox<App, WorkerDoneOrm> {
    Inbox::new().on(task_progress).on(task_done).on(task_failed)
}

async fn task_progress(app: Arc<App>, event: Event<TaskProgress>) -> Handled {
    let fact = &event.data;
    let report = Report::Progress(fact.done, fact.total);
    take(&app, &event.cause, fact.task_id, &fact.worker, report).await
}

async fn task_done(app: Arc<App>, event: Event<TaskDone>) -> Handled {
    let fact = &event.data;
    let report = Report::Done(&fact.result);
    take(&app, &event.cause, fact.task_id, &fact.worker, report).await
}

async fn task_failed(app: Arc<App>, event: Event<TaskFailed>) -> Handled {
    let fact = &event.data;
    let report = Report::Failed(&fact.reason);
    take(&app, &event.cause, fact.task_id, &fact.worker, report).await
}

async fn take(app: &App, cause: &Cause, task: Uuid, worker: &str, report: Report<'_>) -> Handled {
    let Some(transaction) = app.first_time(cause).await? else {
        return Ok(());
    };
    let now = Utc::now();
    let end = match &report {
        Report::Progress(..) => None,
        Report::Done(result) => Some(Ok(*result)),
        Report::Failed(reason) => Some(Err(*reason)),
    };
    if !tasks::report(&transaction, task, worker, report, now).await? {
        warn!(task_id = %task, worker, "report_about_no_running_task");
    } else if let Some(end) = end
        && let Some(job) = tasks::get(&transaction, task).await?
    {
        jobs::ended(app, &transaction, &job, end, cause, now).await?;
    }
    Ok(app.commit(transaction).await?)
}
