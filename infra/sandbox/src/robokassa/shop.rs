//! The one shop: its login, and the passwords and hash of live and of test payments.

use secrecy::ExposeSecret;

use super::signature::Algorithm;
use crate::settings::Settings;

/// The keys of one mode.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) password1: &'a str,
    pub(crate) password2: &'a str,
    pub(crate) algorithm: Algorithm,
}

/// Robokassa: live and test payments have separate passwords and hashes.
pub(crate) fn keys(settings: &Settings, is_test: bool) -> Keys<'_> {
    let (password1, password2, hash) = match is_test {
        true => (
            &settings.robokassa_test_password1,
            &settings.robokassa_test_password2,
            &settings.robokassa_test_hash,
        ),
        false => (
            &settings.robokassa_password1,
            &settings.robokassa_password2,
            &settings.robokassa_hash,
        ),
    };
    Keys {
        password1: password1.expose_secret(),
        password2: password2.expose_secret(),
        // The settings' parser lets only known names through.
        algorithm: hash.parse().unwrap_or(Algorithm::Sha256),
    }
}
