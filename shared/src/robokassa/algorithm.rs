//! The six hash algorithms that a shop chooses between in its cabinet, separately for live and for test.

use std::fmt;
use std::str::FromStr;

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use md5::Md5;
use ripemd::Ripemd160;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

/// The algorithm of `SignatureValue` and of the HMAC of a JWT.
///
/// Robokassa: `SignatureValue` is a plain hash of a base string that holds a password, never an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashAlgorithm {
    /// 128 bits. Robokassa's default for old shops.
    Md5,
    /// 160 bits.
    Ripemd160,
    /// 160 bits.
    Sha1,
    /// 256 bits. What a new shop should choose.
    Sha256,
    /// 384 bits.
    Sha384,
    /// 512 bits.
    Sha512,
}

/// The text names none of the six algorithms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hash must be one of md5, ripemd160, sha1, sha256, sha384, sha512")]
pub struct UnknownAlgorithm;

impl HashAlgorithm {
    /// All of them, weakest first.
    pub const ALL: [Self; 6] = [
        Self::Md5,
        Self::Ripemd160,
        Self::Sha1,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// The name in settings and vectors, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Ripemd160 => "ripemd160",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of a digest in bytes; its hex text is twice as long.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Ripemd160 | Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of `data`.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(data).to_vec(),
            Self::Ripemd160 => Ripemd160::digest(data).to_vec(),
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    /// The HMAC of `data` under `key`.
    #[must_use]
    pub fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => hmac_of::<Md5>(key, data),
            Self::Ripemd160 => hmac_of::<Ripemd160>(key, data),
            Self::Sha1 => hmac_of::<Sha1>(key, data),
            Self::Sha256 => hmac_of::<Sha256>(key, data),
            Self::Sha384 => hmac_of::<Sha384>(key, data),
            Self::Sha512 => hmac_of::<Sha512>(key, data),
        }
    }
}

#[allow(
    clippy::expect_used,
    reason = "RFC 2104: an HMAC key may have any length"
)]
fn hmac_of<D: EagerHash>(key: &[u8], data: &[u8]) -> Vec<u8>
where
    Hmac<D>: KeyInit + Mac,
{
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// Whether two digests are equal, in a time that tells nothing about where they differ.
pub(crate) fn digests_equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for HashAlgorithm {
    type Err = UnknownAlgorithm;

    /// Reads the names in any letter case, with or without a hyphen (`SHA-256`), as people copy them from the cabinet.
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let name = text.to_ascii_lowercase().replace('-', "");
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

impl clap::ValueEnum for HashAlgorithm {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for algorithm in HashAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(algorithm.as_str().to_uppercase().parse(), Ok(algorithm));
        }
        assert_eq!("SHA-256".parse(), Ok(HashAlgorithm::Sha256));
        for text in ["", "sha", "sha3", "hmac", "sha256 "] {
            assert_eq!(
                text.parse::<HashAlgorithm>(),
                Err(UnknownAlgorithm),
                "{text:?}"
            );
        }
    }

    #[test]
    fn digests_are_those_of_the_standards() {
        // The empty text, from the documents that define each algorithm.
        let expected = [
            "d41d8cd98f00b204e9800998ecf8427e",
            "9c1185a5c5e9fc54612808977ee8f548b2258d31",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ];
        for (algorithm, expected) in HashAlgorithm::ALL.into_iter().zip(expected) {
            let digest = algorithm.digest(b"");
            assert_eq!(hex::encode(&digest), expected);
            assert_eq!(digest.len(), algorithm.digest_len());
            assert_eq!(algorithm.hmac(b"k", b"").len(), algorithm.digest_len());
        }
    }

    #[test]
    fn an_hmac_is_that_of_the_standard() {
        // RFC 4231, test case 2.
        let mac = HashAlgorithm::Sha256.hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex::encode(mac),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
