//! Payments: [`check`] decides whether a record is believed, [`deliver`] gives people what they paid for.

pub mod check;
pub mod deliver;
mod webhook;
