//! The whole graph, end to end: real processes, real Kafka and Redis, the sandbox around them.

// A test that fails ends there, with words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod buying;
mod callbacks;
mod chatting;
mod older_graph;
mod outages;
mod reaching;
mod refused_settings;
mod sending;
mod shutdown;
