//! The route token, `Shp_route` of a payment link.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use uuid::Uuid;

use super::keys::{MAC_LEN, RouteKeys};
use super::layout::{Reader, VERSION, Writer, mode_byte};
use crate::ids::{InvoiceId, Mode, ProductId, TelegramUserId};
use crate::money::Money;

/// Version, key id, mode, invoice, user, product, amount.
pub(super) const TOKEN_BODY_LEN: usize = 1 + 1 + 1 + 8 + 8 + 16 + 8;
/// 75 bytes: exactly 100 characters of base64url, without padding and without spare bits.
pub(super) const TOKEN_LEN: usize = TOKEN_BODY_LEN + MAC_LEN;
/// Keeps a token's MAC from passing as that of anything else.
pub(super) const TOKEN_TAG: &[u8] = b"geobot route token v1\0";

/// Why a route token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteTokenError {
    /// Not 100 characters of base64url, another version, or values that cannot exist.
    #[error("the route token is malformed")]
    Malformed,
    /// Signed with a key that is neither current nor retired.
    #[error("route key {0} is not known")]
    UnknownKey(u8),
    /// The MAC is not that of these values.
    #[error("the MAC of the route token is wrong")]
    BadMac,
}

/// Whom an invoice belongs to and what it is for; echoed by Robokassa as `Shp_route`.
///
/// Layout, numbers big-endian: version (1 byte), key id (1), mode (1: 0 live, 1 test), invoice (8), user (8),
/// product (16), amount in kopecks (8), HMAC-SHA256 (32); in base64url without padding, 100 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteToken {
    /// The key that signed it.
    pub key_id: u8,
    /// The invoice; the bot compares it with `InvId`.
    pub invoice: InvoiceId,
    /// The person to be routed.
    pub user: TelegramUserId,
    /// What was bought.
    pub product: ProductId,
    /// The price; the bot compares it with `OutSum`.
    pub amount: Money,
    /// The mode of the invoice; it chooses the password of the callback.
    pub mode: Mode,
}

impl RouteToken {
    /// A new token for these values. `key_id` is that of the current key.
    #[must_use]
    pub const fn new(
        keys: &RouteKeys,
        invoice: InvoiceId,
        user: TelegramUserId,
        product: ProductId,
        amount: Money,
        mode: Mode,
    ) -> Self {
        Self {
            key_id: keys.signing_id(),
            invoice,
            user,
            product,
            amount,
            mode,
        }
    }

    /// The token's text, signed with the current key: 100 characters of `A-Za-z0-9_-`. `key_id` is set by the
    /// keys, not taken from `self`.
    #[must_use]
    pub fn sign(&self, keys: &RouteKeys) -> String {
        let body = self.body(keys.signing_id());
        let mut bytes = Vec::with_capacity(TOKEN_LEN);
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(&keys.sign(TOKEN_TAG, &body));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token whose MAC is right; compares in constant time.
    ///
    /// # Errors
    /// [`RouteTokenError`] says whether it is malformed, of an unknown key, or forged.
    pub fn verify(text: &str, keys: &RouteKeys) -> Result<Self, RouteTokenError> {
        let malformed = RouteTokenError::Malformed;
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| malformed.clone())?;
        let bytes: [u8; TOKEN_LEN] = bytes.try_into().map_err(|_| malformed.clone())?;
        let (body, mac) = bytes.split_at(TOKEN_BODY_LEN);
        let mut reader = Reader(body);
        if reader.byte() != Some(VERSION) {
            return Err(malformed);
        }
        let key_id = reader.byte().ok_or(malformed)?;
        keys.mac_of(key_id, TOKEN_TAG, body)
            .ok_or(RouteTokenError::UnknownKey(key_id))?
            .verify_slice(mac)
            .map_err(|_| RouteTokenError::BadMac)?;
        Self::read(key_id, reader).ok_or(RouteTokenError::Malformed)
    }

    pub(super) fn body(&self, key_id: u8) -> [u8; TOKEN_BODY_LEN] {
        let mut body = [0; TOKEN_BODY_LEN];
        let mut writer = Writer(&mut body);
        writer.put(&[VERSION, key_id, mode_byte(self.mode)]);
        writer.put(&self.invoice.get().to_be_bytes());
        writer.put(&self.user.get().to_be_bytes());
        writer.put(self.product.get().as_bytes());
        writer.put(&self.amount.kopecks().to_be_bytes());
        body
    }

    fn read(key_id: u8, mut reader: Reader<'_>) -> Option<Self> {
        let mode = match reader.byte()? {
            0 => Mode::Live,
            1 => Mode::Test,
            _ => return None,
        };
        Some(Self {
            key_id,
            mode,
            invoice: InvoiceId::new(u64::from_be_bytes(reader.array()?)).ok()?,
            user: TelegramUserId(i64::from_be_bytes(reader.array()?)),
            product: ProductId(Uuid::from_bytes(reader.array()?)),
            amount: Money::from_kopecks(i64::from_be_bytes(reader.array()?)),
        })
    }
}
