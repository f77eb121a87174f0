//! Money: what the gateway says is verified, settled in one transaction and published. What is particular to a gateway
//! is behind [`gateway`].

pub mod accept;
pub mod check_now;
pub mod forged;
pub mod found;
pub mod gateway;
pub mod group;
pub mod mismatch;
pub mod publish;
pub mod settle;

pub use accept::{Accepted, CallbackRefused, accept_callback};
