//! Promises P7 to P9 and refunds: what the gateway is asked, what goes back, what is held.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod decisions;
mod held;
mod model;
mod notified;
mod reconcile;
mod refunds;
mod robokassa;
