//! Jobs that somebody asks for become rows, and records for the workers; what workers answer has consequences.

mod again;
mod ended;

use chrono::Utc;
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::topics::WorkerStartOrm;
use geobot_shared::topics::states::Task;
use sea_orm::ConnectionTrait;
use tracing::info;

use crate::app::App;
use crate::store::tasks;

pub use again::{RetryError, hand_out_again, look_after, retry};
pub(crate) use ended::ended;

/// Enters a job and hands it out. A job that is known is not handed out again.
///
/// # Errors
/// The database's.
pub async fn start(
    app: &App,
    transaction: &impl ConnectionTrait,
    task: Task,
    requested_by: &str,
    cause: &Cause,
) -> Result<(), OutboxError> {
    let now = Utc::now();
    if tasks::enter(transaction, &task, requested_by, now).await? {
        info!(task_id = %task.task_id, kind = task.kind, requested_by, "task_started");
        app.outbox
            .put::<WorkerStartOrm>(transaction, task, cause, 0, now)
            .await?;
    }
    Ok(())
}
