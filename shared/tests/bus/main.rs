//! The delivery promises D1–D6 against a real Kafka (`GEOBOT_TEST_KAFKA`), each in a form of some seconds. The long
//! forms are in `geobot-bench chaos`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on has failed"
)]

mod bad_input;
mod breaker;
mod dependency;
mod kafka;
mod kill;
mod mock;
mod order;
#[cfg(feature = "sql")]
mod outbox;
mod rebalance;
mod service;
mod shutdown;
