//! `worker_start_orm`, ARM → WORKER: jobs to do.

use super::define::topic;
use super::states::Task;

topic! {
    /// ARM → WORKER: jobs to do.
    pub enum WorkerStartOrm, "worker_start_orm", aliases: [], from: [Arm], to: [Worker], {
        /// Do this job.
        "start_task" => StartTask(Task),
    }
}
