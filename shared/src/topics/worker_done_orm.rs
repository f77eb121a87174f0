//! `worker_done_orm`, WORKER → ARM: how jobs go.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::define::{keyed, topic};

topic! {
    /// WORKER → ARM: how jobs go.
    pub enum WorkerDoneOrm, "worker_done_orm", aliases: [], from: [Worker], to: [Arm], {
        /// Some of it is done.
        "task_progress" => TaskProgress(TaskProgress),
        /// All of it is done.
        "task_done" => TaskDone(TaskDone),
        /// It will not be done.
        "task_failed" => TaskFailed(TaskFailed),
    }
}

/// Some of a job is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskProgress {
    /// The task.
    pub task_id: Uuid,
    /// Who does it.
    pub worker: String,
    /// How many parts are done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
}

/// A job is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskDone {
    /// The task.
    pub task_id: Uuid,
    /// Who did it.
    pub worker: String,
    /// What came out.
    #[serde(default)]
    pub result: serde_json::Value,
}

/// A job will not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskFailed {
    /// The task.
    pub task_id: Uuid,
    /// Who tried.
    pub worker: String,
    /// Why not.
    pub reason: String,
}

keyed! {
    TaskProgress => task_id,
    TaskDone => task_id,
    TaskFailed => task_id,
}
