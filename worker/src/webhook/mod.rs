//! Calls to other systems, signed as in Standard Webhooks.

mod caller;
mod key;
mod retries;

pub(crate) use caller::{Called, Caller};
pub(crate) use key::WebhookKey;
pub(crate) use retries::Retries;
