//! Jobs given to workers.

use chrono::{DateTime, Utc};
use geobot_shared::topics::states::Task;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, IntoActiveModel, QueryOrder, QuerySelect};

use super::version::written;
use super::{micros, storable};

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
    /// When it was last heard of.
    pub updated_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

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
    };
    written(
        Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::column(Column::TaskId).do_nothing().to_owned())
            .exec_without_returning(db)
            .await,
    )
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

/// Takes a worker's word. A job that has ended stays as it ended. False: nobody asked for such a job, or it has ended.
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
    let parts = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    update = match report {
        Report::Progress(done, total) => update
            .col_expr(Column::Done, Expr::value(parts(done)))
            .col_expr(Column::Total, Expr::value(parts(total))),
        Report::Done(result) => update
            .col_expr(Column::State, Expr::value(TaskState::Done.as_str()))
            .col_expr(Column::Result, Expr::value(result.to_string())),
        Report::Failed(reason) => update
            .col_expr(Column::State, Expr::value(TaskState::Failed.as_str()))
            .col_expr(Column::Reason, Expr::value(storable(reason))),
    };
    let result = update
        .filter(Column::TaskId.eq(task_id.to_string()))
        .filter(Column::State.eq(TaskState::Started.as_str()))
        .exec(db)
        .await?;
    Ok(result.rows_affected > 0)
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
