//! Telegram: updates come in by [`polling`] or [`webhook`], everything that goes out goes through [`sender`].

pub mod alert;
pub mod api;
pub mod content;
pub mod download;
pub mod failure;
mod files;
pub mod intake;
pub mod joining;
pub mod limiter;
pub mod manner;
mod outage;
pub mod polling;
pub mod reading;
mod request;
pub mod sender;
pub mod split;
pub mod start;
mod unsettled;
pub mod watch;
pub mod webhook;
