//! `task_in`, LK → WORKER: the older way to start a task. The worker turns it into `info_in`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::create_user_in::key_of_fields;
use super::define::{keyed, topic};

topic! {
    /// LK → WORKER: start a task (older senders).
    pub enum TaskIn, "task_in", aliases: [], from: [Lk], to: [Worker], {
        /// Whatever the caller sent; older senders send nothing.
        "start_task" => StartTask(StartTask),
    }
}

/// The caller's own fields, untouched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct StartTask {
    /// Any fields.
    pub fields: Map<String, Value>,
}

keyed!(StartTask => "`user_id`, `telegram_id`, `id` or `task_id`, the first that is there", |it| key_of_fields(&it.fields));
