//! What the bot reads, one file per topic.

pub mod tg_notify;
pub mod tg_robokassa;
pub mod tg_send;
pub mod tg_send_bulk;
pub mod tg_updates;
