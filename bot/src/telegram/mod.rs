//! Telegram: updates come in by [`polling`] or [`webhook`], everything that goes out goes through [`sender`].

pub mod alert;
pub mod failure;
pub mod intake;
pub mod limiter;
pub mod polling;
pub mod sender;
pub mod split;
pub mod start;
pub mod watch;
pub mod webhook;
