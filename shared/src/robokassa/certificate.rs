//! Robokassa's certificate (`jwtsign.cer`), from which only the RSA key and the validity are read.
//!
//! The file is put there by the operator and is trusted as it is; no chain is built. A reader of the few DER fields on
//! the way to the key is enough and needs no X.509 library.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// Why a file is no certificate that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Neither DER nor PEM of an X.509 certificate.
    #[error("the file is no X.509 certificate in DER or PEM")]
    NotACertificate,
    /// The key is of another kind.
    #[error("the certificate's key is not RSA")]
    NotRsa,
}

/// The key that verifies Robokassa's notifications, and when it is valid.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningCertificate {
    /// PKCS #1 `RSAPublicKey` in DER.
    key: Vec<u8>,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
}

impl SigningCertificate {
    /// Reads the bytes of the file, DER or PEM.
    ///
    /// # Errors
    /// A [`CertificateError`]. Whether the certificate is valid *now* is asked at each notification.
    pub fn parse(file: &[u8]) -> Result<Self, CertificateError> {
        let decoded = std::str::from_utf8(file).ok().and_then(from_pem);
        let der = decoded.as_deref().unwrap_or(file);
        let (key, valid_from, valid_until) =
            read_certificate(der).ok_or(CertificateError::NotACertificate)?;
        let key = key.ok_or(CertificateError::NotRsa)?;
        Ok(Self {
            key: key.to_vec(),
            valid_from,
            valid_until,
        })
    }

    /// Whether it is valid at that time.
    #[must_use]
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.valid_from <= now && now <= self.valid_until
    }

    /// When it ends. Robokassa replaces the file before that.
    #[must_use]
    pub const fn valid_until(&self) -> DateTime<Utc> {
        self.valid_until
    }

    /// Whether `signature` is RSASSA-PKCS1-v1_5 with SHA-256 over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.key)
            .verify(message, signature)
            .is_ok()
    }
}

impl std::fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningCertificate")
            .field("valid_from", &self.valid_from)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

fn from_pem(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`: the version of the certificate.
const VERSION: u8 = 0xa0;
/// 1.2.840.113549.1.1.1, rsaEncryption.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

type Contents<'a> = (Option<&'a [u8]>, DateTime<Utc>, DateTime<Utc>);

/// RFC 5280, 4.1: `Certificate ::= SEQUENCE { TBSCertificate, … }`, and in the latter version, serial number,
/// signature algorithm, issuer, validity, subject, public key.
fn read_certificate(der: &[u8]) -> Option<Contents<'_>> {
    let mut certificate = Der(Der(der).next(SEQUENCE)?);
    let mut body = Der(certificate.next(SEQUENCE)?);
    if body.tag() == Some(VERSION) {
        body.next(VERSION)?;
    }
    body.next(INTEGER)?;
    body.next(SEQUENCE)?;
    body.next(SEQUENCE)?;
    let mut validity = Der(body.next(SEQUENCE)?);
    let (valid_from, valid_until) = (validity.time()?, validity.time()?);
    body.next(SEQUENCE)?;
    let mut public_key = Der(body.next(SEQUENCE)?);
    let mut algorithm = Der(public_key.next(SEQUENCE)?);
    let is_rsa = algorithm.next(OBJECT_ID)? == RSA_ENCRYPTION;
    // The first byte of a bit string counts its unused bits.
    let key = public_key.next(BIT_STRING)?.strip_prefix(&[0])?;
    Some((is_rsa.then_some(key), valid_from, valid_until))
}

/// Reads DER values one after another.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The contents of the next value, which must have that tag.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        if found != tag {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0_usize, |length, &byte| (length << 8) | usize::from(byte));
                (length, rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(contents)
    }

    /// RFC 5280, 4.1.2.5: `YYMMDDHHMMSSZ` of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
    fn time(&mut self) -> Option<DateTime<Utc>> {
        let tag = self.tag()?;
        let text = std::str::from_utf8(self.next(tag)?).ok()?;
        let text = match tag {
            UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
            UTC_TIME => format!("19{text}"),
            GENERALIZED_TIME => text.to_owned(),
            _ => return None,
        };
        NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ")
            .ok()
            .map(|time| time.and_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fixture(name: &str) -> String {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/result_url2.json")).unwrap();
        all[name].as_str().unwrap().to_owned()
    }

    #[test]
    fn pem_and_der_give_the_same_key_and_validity() {
        let pem = fixture("certificate");
        let der = from_pem(&pem).unwrap();
        let certificate = SigningCertificate::parse(pem.as_bytes()).unwrap();
        assert_eq!(SigningCertificate::parse(&der).unwrap(), certificate);
        let at = |text: &str| text.parse().unwrap();
        assert!(certificate.is_valid_at(at("2027-01-01T00:00:00Z")));
        assert!(certificate.is_valid_at(at("2100-01-01T00:00:00Z")));
        assert!(!certificate.is_valid_at(at("2020-01-01T00:00:00Z")));
        assert!(!certificate.is_valid_at(at("2200-01-01T00:00:00Z")));
    }

    #[test]
    fn another_kind_of_key_or_file_is_refused() {
        assert_eq!(
            SigningCertificate::parse(fixture("other_certificate").as_bytes()).unwrap_err(),
            CertificateError::NotRsa
        );
        for file in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ] {
            assert_eq!(
                SigningCertificate::parse(file.as_bytes()).unwrap_err(),
                CertificateError::NotACertificate
            );
        }
    }

    proptest! {
        #[test]
        fn a_damaged_file_never_panics(at in 0_usize..900, byte: u8, cut in 0_usize..900) {
            let mut der = from_pem(&fixture("certificate")).unwrap();
            let place = at % der.len();
            der[place] = byte;
            der.truncate(der.len() - cut % der.len());
            let _ = SigningCertificate::parse(&der);
        }
    }
}
