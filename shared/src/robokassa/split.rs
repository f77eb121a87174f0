//! A payment split between several shops. Only its signature.

use super::base_string::{BaseString, Password};
use super::secrets::Credentials;

/// Where it is sent, below the payment address.
pub const PATH: &str = "/Payment/CreateV2";

/// Signs the JSON exactly as it is sent. Robokassa: the JSON and Password#1 with nothing between them.
#[must_use]
pub fn sign(invoice_json: &str, credentials: &Credentials<'_>) -> String {
    base_string(invoice_json, credentials.password1()).sign(credentials.hash())
}

pub(super) fn base_string(invoice_json: &str, password1: Password<'_>) -> BaseString {
    BaseString::followed(invoice_json, password1)
}
