//! geobot-sandbox: the outside world of the shop on one loopback port, to try and to test everything without any account.
//!
//! | stand-in | where | what it obeys |
//! |---|---|---|
//! | Telegram Bot API | `/bot<token>/<method>`, `/file/bot<token>/<path>` | limits, errors, long polling, webhooks, entities |
//! | Robokassa | `/Merchant/Index.aspx`, `/Merchant/WebService/Service.asmx/OpStateExt` | signatures, receipts, ResultURL with repeats, ResultURL2, page errors |
//! | Robokassa's services | `/robokassa-services/…` | Refund API, second receipts |
//! | Logstash's http input | `/logstash` | Basic auth, one document or an array |
//! | pages | `/`, `/payments`, `/logs` | the chat as people see it, live |
//! | control API | `/control/…` | people, clicks, payments, faults, limits, what was called |
//!
//! It consumes and produces no topic. It keeps its state in memory, bounded, and in one JSON file when asked.
//! It promises to listen on loopback only and to refuse a real bot token. The key that signs ResultURL2 is published with
//! the sources (`keys/`): it is worth nothing outside of the sandbox.

mod app;
mod clock;
mod connection;
mod control;
mod counters;
mod events;
mod faults;
mod guarded;
mod logstash;
mod page;
mod robokassa;
mod saved_state;
mod server;
pub mod settings;
mod telegram;

pub use server::{Running, StartError, start};
pub use settings::Settings;
