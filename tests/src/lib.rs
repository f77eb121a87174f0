//! What the end-to-end tests stand on: the whole graph as processes, and typed clients for what surrounds it.
//!
//! [`stack::Stack`] starts the real binaries of this build against the Kafka and Redis named by `GEOBOT_TEST_…`
//! (`sh init.sh test` runs both and sets the names) and against the sandbox, each on a free port, in a temporary
//! folder. Topics and groups are global on a broker, so one stack serves all tests of a binary: [`shared`] and
//! [`alone`] hand it out. Tests run beside each other with people, products and invoices of their own; one that stops
//! services, empties Redis or breaks the sandbox takes the stack for itself.
//!
//! Nothing here waits a fixed time: [`wait::eventually`] looks until it sees what must come, and names the hop that
//! is missing when it does not.

// A step of a test that fails ends the test with its name: that is what panics are for here.
#![allow(clippy::expect_used, clippy::panic)]

pub mod arm;
pub mod buyer;
pub mod crowd;
pub mod fixture;
pub mod goods;
pub mod kafka;
pub mod ledger;
pub mod lk;
pub mod ordeal;
pub mod own_kafka;
pub mod own_redis;
pub mod page;
pub mod ports;
pub mod process;
pub mod robokassa;
pub mod sandbox;
pub mod servers;
pub mod stack;
pub mod wait;
pub mod watchdog;

pub use fixture::{alone, on_a_kafka_of_its_own, shared};
pub use wait::{eventually, stays};
