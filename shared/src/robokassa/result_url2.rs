//! ResultURL2: a notification as a JWS, signed with Robokassa's RSA key. It is the only message that tells of a hold.
//!
//! It carries no `OutSum` and no `Shp_`, and is not sent in test mode. Answer any 2xx; otherwise Robokassa tries up to
//! five times.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::certificate::SigningCertificate;
use super::signed_return::parse_inv_id;
use crate::ids::InvoiceId;
use crate::money::{Money, MoneyError};

/// A longer body is not read.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// Robokassa's own module: a notification may be this much ahead of our clock …
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);
/// … and this old.
const MAX_AGE: TimeDelta = TimeDelta::days(7);

/// Why a notification is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// Not three parts of base64url, or not the JSON that is expected.
    #[error("the notification is malformed: {0}")]
    Malformed(&'static str),
    /// The header says anything but RS256. No other algorithm is ever tried: a token signed by HMAC with the public
    /// certificate as its key must not pass.
    #[error("the notification is not signed with RS256")]
    Algorithm,
    /// The certificate has expired or is not valid yet: fetch the current one from Robokassa.
    #[error("Robokassa's certificate is not valid now")]
    CertificateNotValid,
    /// Not signed with the certificate's key.
    #[error("the signature of the notification is wrong")]
    BadSignature,
    /// More than five minutes ahead or more than seven days old.
    #[error("the notification is too old or from the future")]
    Untimely,
    /// Meant for another shop.
    #[error("the notification is for another shop")]
    OtherShop,
}

/// What a notification tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifiedState {
    /// Paid.
    Paid,
    /// The money is held.
    Held,
}

/// A notification whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// What it tells.
    pub state: NotifiedState,
    /// `invId`, up to 2^63-1.
    pub inv_id: u64,
    /// The operation's key, which a refund needs.
    pub op_key: String,
    /// How it was paid.
    pub payment_method: Option<String>,
    /// What the buyer paid; more than `OutSum` where the buyer pays the commission.
    pub inc_sum: Option<Result<Money, MoneyError>>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

impl Notification {
    /// Verifies the body of the POST, the bare token.
    ///
    /// # Errors
    /// A [`NotificationError`] that says what is wrong.
    pub fn receive(
        body: &str,
        certificate: &SigningCertificate,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, NotificationError> {
        let payload = verify(body.trim(), certificate, now)?;
        let payload: Payload = serde_json::from_slice(&payload)
            .map_err(|_| NotificationError::Malformed("the payload"))?;
        let Payload { header, data } = payload;
        if header.kind != "PaymentStateNotification" {
            return Err(NotificationError::Malformed("the type"));
        }
        let made_at = header
            .timestamp
            .into_text()
            .parse()
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or(NotificationError::Malformed("the timestamp"))?;
        if made_at > now + MAX_AHEAD || made_at < now - MAX_AGE {
            return Err(NotificationError::Untimely);
        }
        if data.shop != login {
            return Err(NotificationError::OtherShop);
        }
        let state = match data.state.as_str() {
            "OK" => NotifiedState::Paid,
            "HOLD" => NotifiedState::Held,
            _ => return Err(NotificationError::Malformed("the state")),
        };
        let inv_id = parse_inv_id(&data.inv_id.into_text())
            .ok_or(NotificationError::Malformed("the invId"))?;
        if data.op_key.is_empty() {
            return Err(NotificationError::Malformed("the opKey"));
        }
        Ok(Self {
            state,
            inv_id,
            op_key: data.op_key,
            payment_method: data.payment_method,
            inc_sum: data
                .inc_sum
                .map(|sum| Money::parse_rubles(&sum.into_text())),
            made_at,
        })
    }

    /// The invoice, or `None` for a number that we never give.
    #[must_use]
    pub fn invoice(&self) -> Option<InvoiceId> {
        InvoiceId::new(self.inv_id).ok()
    }
}

/// The payload of a token that was signed with the certificate's key.
fn verify(
    token: &str,
    certificate: &SigningCertificate,
    now: DateTime<Utc>,
) -> Result<Vec<u8>, NotificationError> {
    const MALFORMED: NotificationError = NotificationError::Malformed("not a JWS");
    if token.len() > MAX_BODY_BYTES {
        return Err(MALFORMED);
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED);
    let (input, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
    let (header, payload) = input.split_once('.').ok_or(MALFORMED)?;
    let header: JoseHeader =
        serde_json::from_slice(&decode(header)?).map_err(|_| NotificationError::Algorithm)?;
    if header.alg != "RS256" || header.typ != "JWT" {
        return Err(NotificationError::Algorithm);
    }
    let payload = decode(payload)?;
    let signature = decode(signature)?;
    if !certificate.verifies(input.as_bytes(), &signature) {
        return Err(NotificationError::BadSignature);
    }
    // Only of what its key has signed, so that nobody else can raise this alarm.
    if !certificate.is_valid_at(now) {
        return Err(NotificationError::CertificateNotValid);
    }
    Ok(payload)
}

#[derive(Deserialize)]
struct JoseHeader {
    alg: String,
    typ: String,
}

#[derive(Deserialize)]
struct Payload {
    header: PayloadHeader,
    data: PayloadData,
}

#[derive(Deserialize)]
struct PayloadHeader {
    #[serde(rename = "type")]
    kind: String,
    timestamp: Scalar,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayloadData {
    shop: String,
    op_key: String,
    inv_id: Scalar,
    payment_method: Option<String>,
    inc_sum: Option<Scalar>,
    state: String,
}

/// Robokassa: all values are texts; a number is read as well.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Number(serde_json::Number),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn fixtures() -> Value {
        serde_json::from_str(include_str!("../../tests/vectors/result_url2.json")).unwrap()
    }

    fn token(name: &str) -> String {
        fixtures()["tokens"][name].as_str().unwrap().to_owned()
    }

    fn certificate() -> SigningCertificate {
        let fixtures = fixtures();
        SigningCertificate::parse(fixtures["certificate"].as_str().unwrap().as_bytes()).unwrap()
    }

    /// The moment at which the tokens were made.
    fn made() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_500_000, 0).unwrap()
    }

    /// The test certificate begins a little later than the tokens.
    fn now() -> DateTime<Utc> {
        made() + TimeDelta::days(1)
    }

    fn receive(body: &str) -> Result<Notification, NotificationError> {
        Notification::receive(body, &certificate(), "demo_shop", now())
    }

    #[test]
    fn a_genuine_notification_is_read() {
        let read = receive(&format!("{}\n", token("paid"))).unwrap();
        assert_eq!(read.state, NotifiedState::Paid);
        assert_eq!(read.invoice(), InvoiceId::new(1001).ok());
        assert_eq!(read.inc_sum, Some(Ok(Money::from_kopecks(29_900))));
        assert_eq!(
            read.op_key,
            "0005F891-8CCD-434B-8455-816AFFFDBF37-0VOisWikFF"
        );
        assert_eq!(read.made_at, made());
        assert_eq!(receive(&token("held")).unwrap().state, NotifiedState::Held);
        assert_eq!(receive(&token("numeric_inv_id")).unwrap().inv_id, 1001);
    }

    #[test]
    fn only_rs256_is_looked_at() {
        for name in ["header_none", "header_hs256", "header_rs512", "no_typ"] {
            assert_eq!(
                receive(&token(name)),
                Err(NotificationError::Algorithm),
                "{name}"
            );
        }
    }

    #[test]
    fn only_robokassas_key_signs() {
        for name in ["other_key", "hs256_behind_rs256"] {
            assert_eq!(
                receive(&token(name)),
                Err(NotificationError::BadSignature),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_signed_must_also_make_sense() {
        for (name, what) in [
            ("unknown_state", "the state"),
            ("other_type", "the type"),
            ("no_op_key", "the payload"),
            ("bad_timestamp", "the timestamp"),
            ("bad_inv_id", "the invId"),
            ("not_json", "the payload"),
        ] {
            assert_eq!(
                receive(&token(name)),
                Err(NotificationError::Malformed(what)),
                "{name}"
            );
        }
    }

    #[test]
    fn time_and_shop_are_checked() {
        let at = |shop: &str, now| Notification::receive(&token("paid"), &certificate(), shop, now);
        assert_eq!(at("other", now()), Err(NotificationError::OtherShop));
        assert_eq!(
            at("demo_shop", made() + TimeDelta::days(8)),
            Err(NotificationError::Untimely)
        );
        assert_eq!(
            at("demo_shop", made() - TimeDelta::days(365)),
            Err(NotificationError::CertificateNotValid)
        );
        let forged = Notification::receive(
            &token("other_key"),
            &certificate(),
            "demo_shop",
            made() - TimeDelta::days(365),
        );
        assert_eq!(forged, Err(NotificationError::BadSignature));
    }

    #[test]
    fn malformed_bodies_are_refused() {
        let quoted = format!("\"{}\"", token("paid"));
        for body in ["", "a.b", "...", quoted.as_str(), &"a".repeat(20_000)] {
            assert!(receive(body).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_changed_character_verifies(at in 0_usize..2000, other in "[A-Za-z0-9_-]") {
            let mut body = token("paid");
            let at = at % body.len();
            prop_assume!(body[at..=at] != other);
            body.replace_range(at..=at, &other);
            prop_assert!(receive(&body).is_err());
        }
    }
}
