//! The keys under which tokens and grants are signed, and their rotation.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

/// The bytes of a key.
pub(super) const KEY_LEN: usize = 32;
/// The bytes of an HMAC-SHA256.
pub(super) const MAC_LEN: usize = 32;

/// What is wrong with the settings `ROUTE_KEY` and `ROUTE_KEYS_RETIRED`. Never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteKeyError {
    /// Not `id:hex`.
    #[error("a route key is written as <id>:<64 hex digits>")]
    Form,
    /// The id is not 1 to 255.
    #[error("a route key id is a number from 1 to 255")]
    Id,
    /// Not 32 bytes of hex.
    #[error("route key {0} is not 64 hex digits")]
    Hex(u8),
    /// One id stands for two keys.
    #[error("route key id {0} is used twice")]
    DuplicateId(u8),
}

/// The key that signs and the retired ones, which only verify.
pub struct RouteKeys {
    signing_id: u8,
    signing: Key,
    retired: BTreeMap<u8, Key>,
}

type Key = SecretBox<[u8; KEY_LEN]>;

impl RouteKeys {
    /// Reads `signing`, written `1:<64 hex>`, and `retired`, a comma list of the same form or empty.
    ///
    /// # Errors
    /// A [`RouteKeyError`], which never shows a key.
    pub fn parse(signing: &str, retired: &str) -> Result<Self, RouteKeyError> {
        let (signing_id, signing) = parse_key(signing.trim())?;
        let mut older = BTreeMap::new();
        let texts = retired.split(',').map(str::trim);
        for text in texts.filter(|text| !text.is_empty()) {
            let (id, key) = parse_key(text)?;
            if id == signing_id || older.insert(id, key).is_some() {
                return Err(RouteKeyError::DuplicateId(id));
            }
        }
        Ok(Self {
            signing_id,
            signing,
            retired: older,
        })
    }

    /// The id of the key that signs.
    #[must_use]
    pub const fn signing_id(&self) -> u8 {
        self.signing_id
    }

    pub(super) fn sign(&self, tag: &[u8], body: &[u8]) -> [u8; MAC_LEN] {
        mac(&self.signing, tag, body).finalize().into_bytes().into()
    }

    pub(super) fn mac_of(&self, key_id: u8, tag: &[u8], body: &[u8]) -> Option<Hmac<Sha256>> {
        let key = if key_id == self.signing_id {
            Some(&self.signing)
        } else {
            self.retired.get(&key_id)
        };
        key.map(|key| mac(key, tag, body))
    }
}

fn mac(key: &Key, tag: &[u8], body: &[u8]) -> Hmac<Sha256> {
    // RFC 2104 pads a key that is shorter than a block with zeros, so this is HMAC under the key itself.
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..KEY_LEN].copy_from_slice(key.expose_secret());
    let mut mac = Hmac::<Sha256>::new(&block);
    mac.update(tag);
    mac.update(body);
    mac
}

impl fmt::Debug for RouteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteKeys")
            .field("signing", &self.signing_id)
            .field("retired", &self.retired.keys().collect::<Vec<_>>())
            .finish()
    }
}

fn parse_key(text: &str) -> Result<(u8, Key), RouteKeyError> {
    let (id, hex_key) = text.split_once(':').ok_or(RouteKeyError::Form)?;
    if !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RouteKeyError::Id);
    }
    let id: u8 = id.parse().map_err(|_| RouteKeyError::Id)?;
    if id == 0 {
        return Err(RouteKeyError::Id);
    }
    let mut key = Box::new([0_u8; KEY_LEN]);
    hex::decode_to_slice(hex_key, key.as_mut_slice()).map_err(|_| RouteKeyError::Hex(id))?;
    Ok((id, SecretBox::new(key)))
}
