//! Compact tokens: those signed with the sandbox's own RSA key (ResultURL2), and those that come under an HMAC (refunds).

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::Value;

/// The certificate of the key that signs ResultURL2 here. Robokassa: `jwtsign.cer` is the real one.
pub(crate) const CERTIFICATE: &str =
    include_str!("../../keys/worthless-outside-the-sandbox.cert.pem");

/// Published with the sources: it proves nothing to anybody but a shop that was told to trust the sandbox.
static KEY: LazyLock<Option<RsaKeyPair>> = LazyLock::new(|| {
    let file = include_str!("../../keys/worthless-outside-the-sandbox.key.pem");
    let (_, rest) = file.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: String = body.split_whitespace().collect();
    RsaKeyPair::from_pkcs8(&STANDARD.decode(body).ok()?).ok()
});

/// Robokassa: RSASSA-PKCS1-v1_5 with SHA-256, all three parts base64url without padding. Nothing if the key that is
/// part of the program could not be used.
pub(crate) fn sign(payload: &Value) -> Option<String> {
    let key = KEY.as_ref()?;
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256"}"#);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload.to_string()));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        input.as_bytes(),
        &mut signature,
    )
    .ok()?;
    Some(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Why a token under an HMAC is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// Not three parts of base64url with a JSON header.
    Malformed,
    /// Another algorithm than HS256, HS384, HS512, or a signature that does not fit.
    BadSignature,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The payload of a token that was signed with this key.
pub(crate) fn verify(token: &str, key: &str) -> Result<Vec<u8>, TokenError> {
    let decode = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .map_err(|_| TokenError::Malformed)
    };
    let (input, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = input.split_once('.').ok_or(TokenError::Malformed)?;
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Malformed)?;
    let (payload, signature) = (decode(payload)?, decode(signature)?);
    let algorithm = match header.alg.as_str() {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return Err(TokenError::BadSignature),
    };
    let key = hmac::Key::new(algorithm, key.as_bytes());
    hmac::verify(&key, input.as_bytes(), &signature).map_err(|_| TokenError::BadSignature)?;
    Ok(payload)
}

/// Robokassa: the payload must be compact. Whether it has no space or line break outside of its texts.
pub(crate) fn is_compact(json: &[u8]) -> bool {
    let (mut inside, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            byte if !inside && byte.is_ascii_whitespace() => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_key_signs_and_its_own_public_half_verifies() {
        let token = sign(&json!({"a": "ы"})).unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let public = KEY.as_ref().unwrap().public().as_ref().to_vec();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public)
            .verify(
                input.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
        // The certificate holds the same public key, byte for byte.
        let body: String = CERTIFICATE
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = STANDARD.decode(body).unwrap();
        assert!(der.windows(public.len()).any(|part| part == public));
    }

    #[test]
    fn only_the_right_key_and_algorithm_verify_a_token() {
        // HS256 over {"OpKey":"K"} with the key "secret", made with openssl.
        let token = concat!(
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJPcEtleSI6IksifQ.",
            "CH46hd3XTEw3BI_3TN0qOmSGYMdivjqyRrz5oJDWM8w"
        );
        assert_eq!(verify(token, "secret").unwrap(), br#"{"OpKey":"K"}"#);
        assert_eq!(verify(token, "other"), Err(TokenError::BadSignature));
        assert_eq!(verify("a.b.c", "secret"), Err(TokenError::Malformed));
        assert_eq!(verify("", "secret"), Err(TokenError::Malformed));
        let none = "eyJhbGciOiJub25lIn0.eyJPcEtleSI6IksifQ.";
        assert_eq!(verify(none, "secret"), Err(TokenError::BadSignature));
    }

    #[test]
    fn spaces_count_only_outside_of_texts() {
        assert!(is_compact(br#"{"a":"b \" c","d":[1,2]}"#));
        assert!(!is_compact(br#"{"a": 1}"#));
        assert!(!is_compact(b"{\"a\":1}\n"));
    }
}
