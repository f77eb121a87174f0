//! Invoices: the rules of their life, how they are made, and how a change is announced.

pub mod announce;
pub mod checks;
pub mod request;
pub mod transitions;
