//! The runtime between services: producing, consuming, retrying, giving up.
//!
//! Invariants (promises D1–D6 in docs/architecture.md):
//! 1. One thread per topic polls and never waits for a handler; a full topic is paused, polling goes on.
//! 2. A partition's committed offset is the contiguous frontier of finished records (`ledger`), never the highest.
//! 3. A record is finished when its handler is done or refused it with an answer, or when its dead letter is
//!    acknowledged. Nothing else moves the frontier.
//! 4. Records of one key run in order and one at a time (`lanes`); a waiting key holds back nobody else.
//! 5. A dependency that is down pauses its topic; no attempt is counted and nothing is dead-lettered meanwhile.
//!
//! Each topic has a consumer and a group of its own (`<service>.<topic>`), so a slow topic never delays another.

mod assignment;
mod breaker;
mod connection;
mod consumer;
mod dead_letter;
#[cfg(feature = "sql")]
pub mod dedupe;
mod delivery;
mod error;
mod gate;
mod group;
mod inbox;
mod lanes;
pub mod ledger;
mod meters;
mod options;
#[cfg(feature = "sql")]
pub mod outbox;
mod outgoing;
mod poller;
mod producer;
mod record;
mod service;
mod settings;
mod worker;

pub use consumer::{Consumer, ConsumerHealth};
pub use dead_letter::header as dead_letter_header;
pub use error::{HandleError, Handled, PublishError, StartError};
pub use inbox::{Event, Inbox};
pub use options::ConsumerOptions;
pub use outgoing::Outgoing;
pub use producer::Producer;
pub use record::{Cause, Record, header};
pub use service::Bus;
pub use settings::{GroupProtocol, KafkaSettings, Security};
