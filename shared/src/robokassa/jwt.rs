//! Compact JWTs with an HMAC, as the Invoice API and the Refund API take them.
//!
//! Robokassa goes beyond RFC 7518: besides HS256 and its like there are HMACs with MD5, RIPEMD-160 and SHA-1. What is
//! signed are the bytes of both parts as sent, so the order of members and spaces in the JSON do not matter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::algorithm::{HashAlgorithm, digests_equal};

/// The `alg` of a header. Robokassa: the header governs, whatever hash the shop's settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JwtAlgorithm {
    name: &'static str,
    hash: HashAlgorithm,
}

impl JwtAlgorithm {
    /// HMAC with SHA-256 under its standard name; what we sign with.
    pub const HS256: Self = Self::named("HS256", HashAlgorithm::Sha256);
    /// HMAC with SHA-384 under its standard name.
    pub const HS384: Self = Self::named("HS384", HashAlgorithm::Sha384);
    /// HMAC with SHA-512 under its standard name.
    pub const HS512: Self = Self::named("HS512", HashAlgorithm::Sha512);

    /// All names that Robokassa takes.
    pub const ALL: [Self; 10] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::named("HS1", HashAlgorithm::Sha1),
        Self::named("MD5", HashAlgorithm::Md5),
        Self::named("RIPEMD160", HashAlgorithm::Ripemd160),
        Self::named("SHA1", HashAlgorithm::Sha1),
        Self::named("SHA256", HashAlgorithm::Sha256),
        Self::named("SHA384", HashAlgorithm::Sha384),
        Self::named("SHA512", HashAlgorithm::Sha512),
    ];

    const fn named(name: &'static str, hash: HashAlgorithm) -> Self {
        Self { name, hash }
    }

    /// The algorithm of that name, exactly as in a header.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name == name)
    }

    /// The name in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The hash under the HMAC.
    #[must_use]
    pub const fn hash(self) -> HashAlgorithm {
        self.hash
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not three parts of base64url, or a header that is not JSON.
    #[error("the token is malformed")]
    Malformed,
    /// `alg` is missing or not among those expected; `none` never is.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// The HMAC is wrong.
    #[error("the token's signature is wrong")]
    BadSignature,
}

/// `base64url(header).base64url(payload)`, the text that is signed.
#[must_use]
pub fn signing_input(header_json: &str, payload_json: &str) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header_json),
        URL_SAFE_NO_PAD.encode(payload_json)
    )
}

/// The third part: base64url of the raw HMAC bytes, not of their hex.
#[must_use]
pub fn signature(signing_input: &str, key: &str, hash: HashAlgorithm) -> String {
    URL_SAFE_NO_PAD.encode(hash.hmac(key.as_bytes(), signing_input.as_bytes()))
}

/// A whole token.
#[must_use]
pub fn token(algorithm: JwtAlgorithm, payload_json: &str, key: &str) -> String {
    let header = format!(r#"{{"typ":"JWT","alg":"{}"}}"#, algorithm.name());
    let input = signing_input(&header, payload_json);
    let signature = signature(&input, key, algorithm.hash());
    format!("{input}.{signature}")
}

/// The body of a request: the token as a JSON text, in quotes.
///
/// Robokassa: with `Content-Type: application/json`; a bare token is answered with an error.
#[must_use]
pub fn request_body(token: &str) -> String {
    serde_json::Value::from(token).to_string()
}

/// Checks a token in constant time and returns its payload. For stand-ins and tests.
///
/// # Errors
/// A [`JwtError`]; only algorithms in `accepted` are looked at.
pub fn verify(token: &str, key: &str, accepted: &[JwtAlgorithm]) -> Result<Vec<u8>, JwtError> {
    check(token, key, accepted, None)
}

/// As [`verify`], where a header without `alg` means the hash of the shop's settings (Robokassa: the Invoice API).
///
/// # Errors
/// A [`JwtError`].
pub fn verify_for_shop(
    token: &str,
    key: &str,
    accepted: &[JwtAlgorithm],
    shop: HashAlgorithm,
) -> Result<Vec<u8>, JwtError> {
    check(token, key, accepted, Some(shop))
}

fn check(
    token: &str,
    key: &str,
    accepted: &[JwtAlgorithm],
    unnamed: Option<HashAlgorithm>,
) -> Result<Vec<u8>, JwtError> {
    #[derive(Deserialize)]
    struct Header {
        alg: Option<String>,
    }
    let decode = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .map_err(|_| JwtError::Malformed)
    };
    let (input, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, payload) = input.split_once('.').ok_or(JwtError::Malformed)?;
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| JwtError::Malformed)?;
    let payload = decode(payload)?;
    let signature = decode(signature)?;
    let hash = match header.alg {
        Some(name) => accepted
            .iter()
            .find(|known| known.name == name)
            .map(|known| known.hash),
        None => unnamed,
    };
    let hash = hash.ok_or(JwtError::Algorithm)?;
    let expected = hash.hmac(key.as_bytes(), input.as_bytes());
    if digests_equal(&expected, &signature) {
        Ok(payload)
    } else {
        Err(JwtError::BadSignature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_that_of_the_standard() {
        // RFC 7515, appendix A.1, whose key is binary, is no text; this is the well-known example of jwt.io.
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        let payload = r#"{"sub":"1234567890","name":"John Doe","iat":1516239022}"#;
        let input = signing_input(header, payload);
        assert_eq!(
            signature(&input, "your-256-bit-secret", HashAlgorithm::Sha256),
            "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        );
    }

    #[test]
    fn only_the_accepted_algorithms_verify() {
        let md5 = JwtAlgorithm::from_name("MD5").unwrap();
        let token = token(md5, "{}", "k");
        assert_eq!(verify(&token, "k", &JwtAlgorithm::ALL), Ok(b"{}".to_vec()));
        assert_eq!(
            verify(&token, "k", &[JwtAlgorithm::HS256]),
            Err(JwtError::Algorithm)
        );
        assert_eq!(
            verify(&token, "other", &JwtAlgorithm::ALL),
            Err(JwtError::BadSignature)
        );
        let none = format!("{}.", signing_input(r#"{"alg":"none"}"#, "{}"));
        assert_eq!(
            verify(&none, "k", &JwtAlgorithm::ALL),
            Err(JwtError::Algorithm)
        );
        assert_eq!(JwtAlgorithm::from_name("hs256"), None);
    }

    #[test]
    fn a_header_without_algorithm_means_that_of_the_shop() {
        let input = signing_input(r#"{"typ":"JWT"}"#, "{}");
        let signature = signature(&input, "k", HashAlgorithm::Md5);
        let token = format!("{input}.{signature}");
        let under = |hash| verify_for_shop(&token, "k", &JwtAlgorithm::ALL, hash);
        assert_eq!(under(HashAlgorithm::Md5), Ok(b"{}".to_vec()));
        assert_eq!(under(HashAlgorithm::Sha256), Err(JwtError::BadSignature));
        assert_eq!(
            verify(&token, "k", &JwtAlgorithm::ALL),
            Err(JwtError::Algorithm)
        );
    }

    #[test]
    fn malformed_tokens_are_refused() {
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "e30.e30.===",
            "!.e30.e30",
            "e30.e30.e30.e30",
        ] {
            assert!(verify(text, "k", &JwtAlgorithm::ALL).is_err(), "{text}");
        }
    }

    #[test]
    fn a_request_carries_the_token_in_quotes() {
        assert_eq!(request_body("a.b.c"), r#""a.b.c""#);
    }

    proptest! {
        #[test]
        fn every_algorithm_verifies_its_own(index in 0_usize..10, payload in ".{0,60}", key in ".{0,200}") {
            let algorithm = JwtAlgorithm::ALL[index];
            let token = token(algorithm, &payload, &key);
            prop_assert_eq!(verify(&token, &key, &[algorithm]), Ok(payload.into_bytes()));
        }
    }
}
