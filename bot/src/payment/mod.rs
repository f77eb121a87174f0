//! Payments: [`offer`] shows what is to be paid, [`check`] decides whether a record is believed, [`deliver`] gives
//! people what they paid for, [`links`] the way into a chat.

pub mod check;
pub mod deliver;
pub mod links;
pub mod offer;
mod webhook;
