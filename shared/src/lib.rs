//! The contract between geobot's services and the runtime each of them stands on.
//!
//! - [`topics`], [`envelope`]: what is on the wire.
//! - [`bus`]: producing and consuming with the delivery promises D1–D6.
//! - [`robokassa`], [`money`], [`route_token`], [`ids`]: what payments rest on.
//! - [`files`]: what products deliver and people send.
//! - [`lifecycle`], [`config`], [`telemetry`], [`http`], [`i18n`]: what every process needs.
//!
//! The feature `sql` adds the outbox, the SQL dedupe table and the database connection.

/// Records are made by one thread and freed by another all the time. The system's allocator spends a third of the bus's
/// processor time on that, this one a tenth (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod bus;
pub mod config;
pub mod envelope;
pub mod files;
pub mod http;
pub mod i18n;
pub mod ids;
pub mod lifecycle;
pub mod money;
pub mod robokassa;
pub mod route_token;
pub mod shop;
#[cfg(feature = "sql")]
pub mod sql;
pub mod telemetry;
pub mod topics;
