//! LK's grant: what may be delivered because an invoice is paid.

use hmac::Mac;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::keys::{MAC_LEN, RouteKeys};
use super::layout::{VERSION, Writer, mode_byte};
use crate::ids::{InvoiceId, Mode, ProductId, TelegramUserId};
use crate::money::Money;

/// Version, key id, mode, source, invoice, user, product, amount, digest of the delivery.
const GRANT_BODY_LEN: usize = 1 + 1 + 1 + 1 + 8 + 8 + 16 + 8 + 32;
/// Keeps a grant's MAC from passing as that of anything else.
pub(super) const GRANT_TAG: &[u8] = b"geobot grant v1\0";

/// Why a grant is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The MAC is not 32 bytes of hex.
    #[error("the MAC of the grant is not 64 hex digits")]
    Malformed,
    /// Signed with a key that is neither current nor retired.
    #[error("route key {0} is not known")]
    UnknownKey(u8),
    /// The MAC is not that of these values and this delivery.
    #[error("the grant does not cover these values")]
    BadMac,
}

/// Why LK says that an invoice may be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantSource {
    /// Robokassa's ResultURL call; the bot verifies its signature as well.
    Robokassa,
    /// The reconciler found the payment by OpStateExt.
    Reconciler,
    /// A promo code made it free.
    Promo,
    /// Staff accepted it.
    Staff,
}

impl GrantSource {
    const fn byte(self) -> u8 {
        match self {
            Self::Robokassa => 1,
            Self::Reconciler => 2,
            Self::Promo => 3,
            Self::Staff => 4,
        }
    }
}

/// Everything that a grant covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantClaims<'a> {
    /// The invoice.
    pub invoice: InvoiceId,
    /// The person.
    pub user: TelegramUserId,
    /// The product.
    pub product: ProductId,
    /// The price.
    pub amount: Money,
    /// The mode of the invoice.
    pub mode: Mode,
    /// Why it may be delivered.
    pub source: GrantSource,
    /// The canonical bytes of what is to be delivered, exactly as they travel in the record.
    pub delivery: &'a [u8],
}

impl GrantClaims<'_> {
    /// Fixed widths only, so that no two sets of claims give the same bytes: version, key id, mode, source, invoice,
    /// user, product, amount, SHA-256 of the delivery.
    fn body(&self, key_id: u8) -> [u8; GRANT_BODY_LEN] {
        let mut body = [0; GRANT_BODY_LEN];
        let mut writer = Writer(&mut body);
        writer.put(&[VERSION, key_id, mode_byte(self.mode), self.source.byte()]);
        writer.put(&self.invoice.get().to_be_bytes());
        writer.put(&self.user.get().to_be_bytes());
        writer.put(self.product.get().as_bytes());
        writer.put(&self.amount.kopecks().to_be_bytes());
        writer.put(&Sha256::digest(self.delivery));
        body
    }
}

/// LK's word that these claims hold, as it travels in a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    /// The key that signed it.
    pub key_id: u8,
    /// HMAC-SHA256 in lower-case hex.
    pub mac: String,
}

impl Grant {
    /// Signs the claims with the current key.
    #[must_use]
    pub fn sign(claims: &GrantClaims<'_>, keys: &RouteKeys) -> Self {
        let key_id = keys.signing_id();
        Self {
            key_id,
            mac: hex::encode(keys.sign(GRANT_TAG, &claims.body(key_id))),
        }
    }

    /// Checks in constant time that this grant covers exactly these claims.
    ///
    /// # Errors
    /// [`GrantError`] says whether it is malformed, of an unknown key, or does not cover them.
    pub fn verify(&self, claims: &GrantClaims<'_>, keys: &RouteKeys) -> Result<(), GrantError> {
        let mut mac = [0_u8; MAC_LEN];
        hex::decode_to_slice(&self.mac, &mut mac).map_err(|_| GrantError::Malformed)?;
        keys.mac_of(self.key_id, GRANT_TAG, &claims.body(self.key_id))
            .ok_or(GrantError::UnknownKey(self.key_id))?
            .verify_slice(&mac)
            .map_err(|_| GrantError::BadMac)
    }
}
