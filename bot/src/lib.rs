//! The Telegram bot.
//!
//! Role: talks to people, sends everything that is to be sent, checks every payment and routes the person.
//! Topics in: tg_updates, tg_send, tg_send_bulk, tg_notify, tg_robokassa.
//! Topics out: lk_sync_tg, arm_sync_tg, tg_updates, tg_send_bulk, info_in.
//! Stores: Redis, see [`store`]; lost and empty, it is filled again, and payments route without it. Files that people
//! send go into the shop's file store (`FILES_DIR`), which ARM shares.
//! Promises: no update is lost, nobody is routed without a checked payment, and nobody is routed twice.

pub mod app;
pub mod dialog;
pub mod digest;
pub mod fill;
pub mod inbox;
pub mod joining;
pub mod notices;
pub mod payment;
pub mod reports;
pub mod settings;
pub mod store;
pub mod telegram;
pub mod texts;
