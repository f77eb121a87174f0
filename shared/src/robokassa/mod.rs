//! The protocol of Robokassa, as pure functions: what is signed, what is sent, what came back. No network here.
//!
//! One rule explains all of its encodings: **the text in the base string equals the value that the server sees after
//! exactly one form decoding**. So a message is built once as an ordered list of final values, signed from that
//! list, and serialised once ([`form`]).
//!
//! | you want to | look at |
//! |---|---|
//! | send a person to the payment page | [`link::PaymentRequest`] |
//! | take a ResultURL call | [`callback::UnverifiedCallback`], [`callback::ResultCallback`] |
//! | take a ResultURL2 notification (JWS) | [`result_url2::Notification`] |
//! | read a SuccessURL or FailURL redirect | [`redirect`] |
//! | ask what became of an invoice | [`op_state`] |
//! | give money back | [`refund`] |
//! | put lines into a fiscal receipt | [`receipt`], [`second_receipt`] |
//! | know why a callback is refused | [`explain`] |
//! | check an implementation against vectors | [`vectors`] |
//!
//! Passwords: #1 signs requests (and SuccessURL), #2 signs ResultURL and OpState, #3 signs refunds. The live and the
//! test set never meet: every function takes [`secrets::Credentials`], which only [`secrets::ShopSecrets::credentials`]
//! makes, for one mode.

pub mod algorithm;
mod alterations;
pub mod base_string;
pub mod callback;
pub mod certificate;
pub mod explain;
pub mod form;
pub mod hold;
pub mod invoice_api;
pub mod jwt;
pub mod link;
pub mod link_base;
pub mod op_state;
pub mod receipt;
pub mod recurring;
pub mod redirect;
pub mod refund;
pub mod result_url2;
pub mod second_receipt;
pub mod secrets;
pub mod shp;
mod signed_return;
mod signer;
pub mod split;
pub mod vectors;

pub use algorithm::HashAlgorithm;
pub use callback::{CallbackError, ResultCallback, UnverifiedCallback};
pub use link::{PaymentRequest, SignedPayment};
pub use secrets::{Credentials, PasswordSet, SecretsError, ShopSecrets};
pub use signed_return::{BadSignature, MalformedReturn};

#[cfg(test)]
pub(crate) mod test_shop;
