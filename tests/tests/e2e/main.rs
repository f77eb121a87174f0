//! The whole graph, end to end: real processes, real Kafka and Redis, the sandbox around them.

// A test that fails ends there, with words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod buying;
mod cabinet;
mod callbacks;
mod chatting;
mod copies;
mod deliveries;
mod dialogue;
mod foreign_webhook;
mod held;
mod joining;
mod kafka_lost;
mod keys;
mod killed_while_paying;
mod odd_messages;
mod older_graph;
mod outages;
mod promo_codes;
mod reaching;
mod receipts;
mod refunds;
mod refused_settings;
mod refused_token;
mod result_url2;
mod sending;
mod shutdown;
mod staff;
mod support_files;
mod wandering;
