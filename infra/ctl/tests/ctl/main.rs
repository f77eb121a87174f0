//! The tool as a process: what it prints and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod arm;
mod command;
mod contract;
mod dead_letters;
mod redrive_story;
mod robokassa;
mod settings;
mod shelf;
mod topics;
mod trial;
