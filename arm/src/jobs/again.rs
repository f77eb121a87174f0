//! Jobs that are handed out once more: because no worker answers, or because staff wants a failed one tried again.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, dedupe};
use geobot_shared::envelope::Level;
use geobot_shared::sql;
use geobot_shared::topics::{InfoIn, WorkerStartOrm};
use sea_orm::DbErr;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::app::App;
use crate::deeds::{self, Told};
use crate::store::audit::Deed;
use crate::store::tasks::{self, Model};

/// So many jobs in one round.
const AT_ONCE: u64 = 500;
/// Handed out so often without an answer, a job is an affair for staff.
const ALARMING: i64 = 3;

/// Why a job was not handed out again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// There is no such job.
    #[error("there is no such task")]
    NotFound,
    /// It has not failed, or can't be tried again.
    #[error("the task has not failed, or is of a kind that is not tried again")]
    NotNow,
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for RetryError {
    fn from(error: DbErr) -> RetryError {
        RetryError::Outbox(error.into())
    }
}

/// Hands a failed job out again, under its own name. The form's own number makes a second press of the button harmless.
///
/// # Errors
/// [`RetryError`].
pub async fn retry(
    app: &App,
    staff: &str,
    task: Uuid,
    form: Uuid,
    now: DateTime<Utc>,
) -> Result<(), RetryError> {
    let cause = deeds::story_of(form);
    let transaction = sql::begin(&app.db).await?;
    let job = tasks::get(&transaction, task)
        .await?
        .ok_or(RetryError::NotFound)?;
    if !dedupe::first_time(&transaction, &cause.message_id, now).await? {
        transaction.rollback().await?;
        return Ok(());
    }
    if !job.can_be_retried() || !tasks::hand_out_again(&transaction, &job, now).await? {
        return Err(RetryError::NotNow);
    }
    let told = Told {
        deed: Deed {
            staff,
            action: "task_retried",
            object: ("task", &job.task_id),
            detail: &job.kind,
        },
        fields: json!({ "task_id": job.task_id, "invoice_id": job.invoice_id }),
    };
    let again = job.task()?;
    Ok(deeds::commit::<WorkerStartOrm>(app, transaction, again, told, &cause, now).await?)
}

/// Hands out again what no worker has answered, until `stop`.
pub async fn look_after(app: Arc<App>, stop: CancellationToken) {
    let every = app.unanswered_after.to_std().unwrap_or_default() / 4;
    let every = every.clamp(Duration::from_millis(500), Duration::from_secs(30));
    while stop
        .run_until_cancelled(tokio::time::sleep(every))
        .await
        .is_some()
    {
        if let Err(error) = hand_out_again(&app, Utc::now()).await {
            warn!(%error, "tasks_not_handed_out");
        }
    }
}

/// Hands out again what no worker has answered for long; the number of such jobs. Each time has a name of its own, which
/// is the same for everybody who does it.
///
/// # Errors
/// The database's.
pub async fn hand_out_again(app: &App, now: DateTime<Utc>) -> Result<usize, OutboxError> {
    let unanswered = tasks::unanswered(&app.db, now - app.unanswered_after, AT_ONCE).await?;
    let mut handed_out = 0;
    for job in unanswered {
        match once_more(app, &job, now).await {
            Ok(done) => handed_out += usize::from(done),
            // One that can't be read must not hold up the others.
            Err(OutboxError::Database(DbErr::Type(error))) => {
                warn!(task_id = job.task_id, error, "task_unreadable");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(handed_out)
}

async fn once_more(app: &App, job: &Model, now: DateTime<Utc>) -> Result<bool, OutboxError> {
    let task = job.task()?;
    let cause = Cause {
        message_id: format!("task-{}-{}", job.task_id, job.handed_out),
        ..Cause::new_story()
    };
    let transaction = sql::begin(&app.db).await?;
    if !tasks::hand_out_again(&transaction, job, now).await? {
        transaction.rollback().await?;
        return Ok(false);
    }
    app.outbox
        .put::<WorkerStartOrm>(&transaction, task, &cause, 0, now)
        .await?;
    let level = match job.handed_out {
        ALARMING => Level::Error,
        _ => Level::Warn,
    };
    let line = InfoIn::new(
        "task_not_answered",
        "No worker has answered a job: it is handed out again",
        json!({ "task_id": job.task_id, "kind": job.kind, "handed_out": job.handed_out, "invoice_id": job.invoice_id }),
    )
    .at(level)
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &cause, 0, now)
        .await?;
    app.commit(transaction).await?;
    info!(
        task_id = job.task_id,
        kind = job.kind,
        handed_out = job.handed_out,
        "task_handed_out_again"
    );
    Ok(true)
}
