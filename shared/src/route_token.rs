//! What the bot believes about a payment: the route token in the payment link and LK's grant, both HMAC-SHA256 under
//! `ROUTE_KEY`.
//!
//! The **token** (`Shp_route`) is made before the payment and says whom an invoice belongs to; on its own it proves
//! nothing was paid. The **grant** is made by LK once the payment is committed and says that exactly this may be
//! delivered. Each has a domain tag of its own under the same key, so neither ever passes as the other. Neither
//! expires: a late payment is routed too, and retired keys still verify.

mod grant;
mod keys;
mod layout;
mod token;

pub use grant::{Grant, GrantClaims, GrantError, GrantSource};
pub use keys::{RouteKeyError, RouteKeys};
pub use token::{RouteToken, RouteTokenError};

#[cfg(test)]
mod tests;
