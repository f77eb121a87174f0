//! The parts of ARM, the staff workplace; `main.rs` wires them. See there for topics, storage and promises.
//!
//! They are a library so that the tests in `tests/` can stand a whole ARM up without a process.

pub mod access;
pub mod app;
pub mod catalog;
pub mod config;
pub mod decisions;
pub mod deeds;
pub mod inbox;
pub mod jobs;
pub mod maintenance;
pub mod passwords;
pub mod people;
pub mod promo;
pub mod store;
pub mod support;
pub mod team;
pub mod web;
