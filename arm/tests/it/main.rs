//! ARM's behaviour: the store on both databases, the inbox, the JSON API and the pages.

// A test fails by panicking; clippy's own exemption does not reach helpers outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod api;
mod arm;
mod browser;
mod chats;
mod databases;
mod deciding;
mod deliveries;
mod demo;
mod files;
mod inbox;
mod jobs;
mod look;
mod maintenance;
mod pages;
mod records;
mod shop;
mod sign_in;
mod store;
