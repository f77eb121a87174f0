//! The key under which calls are signed. Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`; a key is base64,
//! with the prefix `whsec_` or without. The receiver's library takes the same text.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

const PREFIX: &str = "whsec_";
/// Standard Webhooks: a key has 24 to 64 bytes.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why it is no key. One line for the operator; it does not repeat the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "WEBHOOK_KEY must be 24 to 64 bytes in base64, with or without whsec_ in front, for example 64 hex digits"
)]
pub(crate) struct KeyError;

/// A key.
#[derive(Clone)]
pub(crate) struct WebhookKey(Vec<u8>);

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl WebhookKey {
    /// Reads the setting; `None` for an empty one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn read(text: &str) -> Result<Option<WebhookKey>, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        let key = BASE64.decode(text).map_err(|_| KeyError)?;
        match BYTES.contains(&key.len()) {
            true => Ok(Some(WebhookKey(key))),
            false => Err(KeyError),
        }
    }

    /// The value of `webhook-signature`; `None` never in practice: HMAC takes keys of every length.
    pub(crate) fn sign(&self, id: Uuid, timestamp: i64, body: &[u8]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_base64_of_some_length() {
        let hex = "00112233445566778899aabbccddeeff".repeat(2);
        for text in [
            hex.as_str(),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA",
        ] {
            assert!(WebhookKey::read(text).unwrap().is_some(), "{text}");
        }
        assert!(WebhookKey::read("  ").unwrap().is_none());
        for bad in [
            "short",
            "whsec_",
            "пароль",
            &"A".repeat(100),
            &"*".repeat(40),
        ] {
            assert_eq!(WebhookKey::read(bad).unwrap_err(), KeyError, "{bad}");
        }
    }

    /// Made with another implementation (Python's hmac) that gives the vector of the Standard Webhooks libraries.
    #[test]
    fn a_signature_is_over_id_time_and_body() {
        let key = WebhookKey::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let key = key.unwrap().unwrap();
        let id = Uuid::nil();
        let sign = |id, at, body: &str| key.sign(id, at, body.as_bytes()).unwrap();
        let signed = sign(id, 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,Y5/uRWupLQOPxe4D5mBYrd9dRGhY+xtWrnxDwy59WDE=");
        assert_ne!(signed, sign(id, 1_614_265_331, r#"{"test": 2432232314}"#));
        assert_ne!(signed, sign(id, 1_614_265_330, r#"{"test": 2432232315}"#));
        assert_ne!(
            signed,
            sign(Uuid::max(), 1_614_265_330, r#"{"test": 2432232314}"#)
        );
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = WebhookKey::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(format!("{:?}", key.unwrap().unwrap()), "[REDACTED]");
    }
}
