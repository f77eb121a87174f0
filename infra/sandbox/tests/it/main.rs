//! The sandbox as its users see it: over HTTP, started in this process on a free port.

// A test that cannot go on fails; clippy's own exception does not reach the helpers of tests.
#![allow(clippy::unwrap_used)]

mod chats;
mod control;
mod faults;
mod files;
mod logstash;
mod messages;
mod polling;
mod program;
mod requests;
mod robokassa;
mod state;
mod support;
mod teloxide_client;
mod webhook;
