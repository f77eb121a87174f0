//! One file per incoming topic.

pub(crate) mod task_in;
pub(crate) mod worker_start_orm;
