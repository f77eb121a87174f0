//! What other services tell ARM: one file per topic.
//!
//! Every handler is one transaction that begins with the mark of the record's message-id: a repeat changes nothing.

pub mod arm_sync_lk;
pub mod arm_sync_tg;
pub mod create_user_in;
pub mod update_user_in;
pub mod worker_done_orm;
