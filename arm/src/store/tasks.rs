//! Jobs given to workers.

use chrono::{DateTime, Utc};
use geobot_shared::topics::states::Task;
use geobot_shared::topics::tasks::{DeliverWebhook, Job as _, ReverseGeocode};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect};

use super::version::insert_or;
use super::{invoices, micros, storable, unreadable};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Given to the workers.
    Started,
    /// All of it is done.
    Done,
    /// It will not be done.
    Failed,
}

impl TaskState {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            TaskState::Started => "started",
            TaskState::Done => "done",
            TaskState::Failed => "failed",
        }
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    /// UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: String,
    /// What kind of job; empty when only a worker has spoken of it.
    pub kind: String,
    /// What it needs to know, as JSON.
    #[sea_orm(column_type = "Text")]
    pub args: String,
    /// A [`TaskState`]'s word.
    pub state: String,
    /// Which service asked for it.
    pub requested_by: String,
    /// Who does it.
    pub worker: Option<String>,
    /// How many parts are done.
    pub done: i64,
    /// Of how many.
    pub total: i64,
    /// What came out, as JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub result: Option<String>,
    /// Why it failed.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: i64,
    /// When it was last heard of, or handed out.
    pub updated_at: i64,
    /// The invoice that it belongs to.
    pub invoice_id: Option<i64>,
    /// How often it was handed out.
    pub handed_out: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The job on the wire.
    ///
    /// # Errors
    /// For a row that this version can't read.
    pub fn task(&self) -> Result<Task, DbErr> {
        Ok(Task {
            task_id: self.task_id.parse().map_err(|e| unreadable("task id", e))?,
            kind: self.kind.clone(),
            args: serde_json::from_str(&self.args).map_err(|e| unreadable("arguments", e))?,
        })
    }

    /// Whether a failed job can be handed out again. Of a place only the city is kept, if there is one.
    pub fn can_be_retried(&self) -> bool {
        self.state == TaskState::Failed.as_str() && self.kind != ReverseGeocode::KIND
    }

    /// Nobody has said a word about it since `before`.
    pub fn is_unanswered_since(&self, before: DateTime<Utc>) -> bool {
        self.state == TaskState::Started.as_str() && self.updated_at < micros(before)
    }
}

/// Enters a job. False: it is known already.
///
/// # Errors
/// The database's.
pub async fn enter(
    db: &impl ConnectionTrait,
    task: &Task,
    requested_by: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = Model {
        task_id: task.task_id.to_string(),
        kind: storable(&task.kind),
        args: task.args.to_string(),
        state: TaskState::Started.as_str().to_owned(),
        requested_by: storable(requested_by),
        worker: None,
        done: 0,
        total: 0,
        result: None,
        reason: None,
        created_at: micros(now),
        updated_at: micros(now),
        invoice_id: match task.read::<DeliverWebhook>() {
            Some(Ok(webhook)) => Some(invoices::number(webhook.invoice_id)),
            _ => None,
        },
        handed_out: 1,
    };
    let once = OnConflict::column(Column::TaskId).do_nothing().to_owned();
    insert_or(db, row, once).await
}

/// What a worker says about a job.
#[derive(Clone, Debug)]
pub enum Report<'a> {
    /// So many parts are done, of so many.
    Progress(u64, u64),
    /// All is done, with this result.
    Done(&'a serde_json::Value),
    /// It will not be done, for this reason.
    Failed(&'a str),
}

/// Takes a worker's word. A job that has ended stays as it ended, but for one that is done after all: two workers may
/// have had it. False: nobody asked for such a job, or it has ended.
///
/// # Errors
/// The database's.
pub async fn report(
    db: &impl ConnectionTrait,
    task_id: Uuid,
    worker: &str,
    report: Report<'_>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::Worker, Expr::value(storable(worker)))
        .col_expr(Column::UpdatedAt, Expr::value(micros(now)));
    let may_be = match report {
        Report::Done(_) => &[TaskState::Started.as_str(), TaskState::Failed.as_str()][..],
        Report::Progress(..) | Report::Failed(_) => &[TaskState::Started.as_str()],
    };
    let parts = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    update = match report {
        Report::Progress(done, total) => update
            .col_expr(Column::Done, Expr::value(parts(done)))
            .col_expr(Column::Total, Expr::value(parts(total))),
        Report::Done(result) => update
            .col_expr(Column::State, Expr::value(TaskState::Done.as_str()))
            .col_expr(Column::Result, Expr::value(result.to_string()))
            .col_expr(Column::Reason, Expr::value(Option::<String>::None)),
        Report::Failed(reason) => update
            .col_expr(Column::State, Expr::value(TaskState::Failed.as_str()))
            .col_expr(Column::Reason, Expr::value(storable(reason))),
    };
    let result = update
        .filter(Column::TaskId.eq(task_id.to_string()))
        .filter(Column::State.is_in(may_be.iter().copied()))
        .exec(db)
        .await?;
    Ok(result.rows_affected > 0)
}

/// Marks a job as handed out once more; it is on its way again. False: somebody else did so, or it has ended meanwhile.
///
/// # Errors
/// The database's.
pub async fn hand_out_again(
    db: &impl ConnectionTrait,
    job: &Model,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::State, Expr::value(TaskState::Started.as_str()))
        .col_expr(Column::HandedOut, Expr::value(job.handed_out + 1))
        .col_expr(Column::UpdatedAt, Expr::value(micros(now)))
        .col_expr(Column::Reason, Expr::value(Option::<String>::None))
        .filter(Column::TaskId.eq(job.task_id.as_str()))
        .filter(Column::State.eq(job.state.as_str()))
        .filter(Column::HandedOut.eq(job.handed_out))
        .exec(db)
        .await?;
    Ok(result.rows_affected > 0)
}

/// Replaces what a job needed to know, once nobody needs it any more.
///
/// # Errors
/// The database's.
pub async fn forget_arguments(
    db: &impl ConnectionTrait,
    id: Uuid,
    rest: &serde_json::Value,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Args, Expr::value(rest.to_string()))
        .filter(Column::TaskId.eq(id.to_string()))
        .exec(db)
        .await?;
    Ok(())
}

/// Jobs of which nobody has said a word since `before`, the oldest first.
///
/// # Errors
/// The database's.
pub async fn unanswered(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::State.eq(TaskState::Started.as_str()))
        .filter(Column::UpdatedAt.lt(micros(before)))
        .order_by_asc(Column::UpdatedAt)
        .limit(limit)
        .all(db)
        .await
}

/// The jobs of an invoice, the oldest first.
///
/// # Errors
/// The database's.
pub async fn of_invoice(db: &impl ConnectionTrait, invoice: i64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::InvoiceId.eq(invoice))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::TaskId)
        .all(db)
        .await
}

/// One job.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.to_string()).one(db).await
}

/// Jobs, the newest first.
///
/// # Errors
/// The database's.
pub async fn list(db: &impl ConnectionTrait, offset: u64, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::TaskId)
        .offset(offset)
        .limit(limit)
        .all(db)
        .await
}
