//! Promise P6: the bot trusts no record. What must hold before anybody is routed.

use geobot_shared::robokassa::{ShopSecrets, UnverifiedCallback};
use geobot_shared::route_token::GrantSource;
use geobot_shared::route_token::{RouteKeys, RouteToken};
use geobot_shared::topics::tg_robokassa::{Granted, PaymentCallback, PaymentConfirmed};

/// Name of the parameter in which Robokassa echoes the route token.
const SHP_ROUTE: &str = "Shp_route";

/// What is wrong with a payment record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Robokassa's parameters can't be read.
    #[error("Robokassa's parameters can't be read: {0}")]
    Malformed(String),
    /// Robokassa did not sign these parameters.
    #[error("Robokassa's signature is wrong")]
    Signature,
    /// No passwords for this mode are set.
    #[error("{0}")]
    NotSetUp(String),
    /// There is no route token.
    #[error("the route token is missing")]
    NoToken,
    /// The route token is not LK's.
    #[error("the route token is wrong: {0}")]
    Token(String),
    /// The route token belongs to another payment.
    #[error("the route token belongs to another {0}")]
    TokenOfAnother(&'static str),
    /// The grant is not LK's, or not for this.
    #[error("LK's grant is wrong: {0}")]
    Grant(String),
    /// The record says more than its grant allows.
    #[error("a payment from this source needs Robokassa's signature")]
    Source,
}

/// Checks a payment that Robokassa signed: the route token chooses the mode, the mode the password; then token, grant
/// and parameters must speak of the same payment. Returns the token, which alone says who is routed.
///
/// # Errors
/// [`Refusal`]: the first thing that is wrong.
pub fn callback(
    record: &PaymentCallback,
    shop: &ShopSecrets,
    keys: &RouteKeys,
) -> Result<RouteToken, Refusal> {
    let unverified = UnverifiedCallback::parse(record.params.clone())
        .map_err(|e| Refusal::Malformed(e.to_string()))?;
    let text = record
        .params
        .iter()
        .find(|(name, _)| name == SHP_ROUTE)
        .map(|(_, value)| value.as_str())
        .ok_or(Refusal::NoToken)?;
    let token = RouteToken::verify(text, keys).map_err(|e| Refusal::Token(e.to_string()))?;
    let credentials = shop
        .credentials(token.mode)
        .map_err(|e| Refusal::NotSetUp(e.to_string()))?;
    let verified = unverified
        .verify(&credentials)
        .map_err(|_| Refusal::Signature)?;
    if verified.inv_id != token.invoice.get() {
        return Err(Refusal::TokenOfAnother("invoice"));
    }
    if verified.amount != Ok(token.amount) {
        return Err(Refusal::TokenOfAnother("amount"));
    }
    if record.granted.source != GrantSource::Robokassa {
        return Err(Refusal::Source);
    }
    granted(&record.granted, &token, keys)?;
    Ok(token)
}

/// Checks a payment without Robokassa's signature: LK's grant names its source, and the token must agree.
///
/// # Errors
/// [`Refusal`]: the first thing that is wrong.
pub fn confirmed(record: &PaymentConfirmed, keys: &RouteKeys) -> Result<RouteToken, Refusal> {
    let token =
        RouteToken::verify(&record.route_token, keys).map_err(|e| Refusal::Token(e.to_string()))?;
    if record.granted.source == GrantSource::Robokassa {
        return Err(Refusal::Source);
    }
    granted(&record.granted, &token, keys)?;
    Ok(token)
}

fn granted(granted: &Granted, token: &RouteToken, keys: &RouteKeys) -> Result<(), Refusal> {
    granted
        .grant
        .verify(&granted.claims(), keys)
        .map_err(|e| Refusal::Grant(e.to_string()))?;
    let differs = [
        ("invoice", granted.invoice_id != token.invoice),
        ("person", granted.user_id != token.user),
        ("product", granted.product_id != token.product),
        ("amount", granted.amount != token.amount),
        ("mode", granted.mode != token.mode),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        Some((what, _)) => Err(Refusal::TokenOfAnother(what)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use geobot_shared::ids::{InvoiceId, Mode, ProductId, TelegramUserId};
    use geobot_shared::money::Money;
    use geobot_shared::robokassa::callback::sign_result;
    use geobot_shared::robokassa::{HashAlgorithm, PasswordSet};
    use geobot_shared::route_token::{Grant, GrantClaims};
    use uuid::Uuid;

    use super::*;

    const DELIVERY: &str = r#"{"kind":"text","text":"the goods"}"#;

    fn keys(byte: &str) -> RouteKeys {
        RouteKeys::parse(&format!("1:{}", byte.repeat(32)), "").unwrap()
    }

    fn shop() -> ShopSecrets {
        let set =
            |a: &str, b: &str| Some(PasswordSet::new(a.into(), b.into(), HashAlgorithm::Sha256));
        ShopSecrets::new("demo", set("live1", "live2"), set("test1", "test2")).unwrap()
    }

    struct Payment {
        invoice: u64,
        user: i64,
        amount: i64,
        mode: Mode,
        source: GrantSource,
    }

    const PAYMENT: Payment = Payment {
        invoice: 77,
        user: 42,
        amount: 29_900,
        mode: Mode::Live,
        source: GrantSource::Robokassa,
    };

    impl Payment {
        fn token(&self, keys: &RouteKeys) -> String {
            RouteToken::new(
                keys,
                InvoiceId::new(self.invoice).unwrap(),
                TelegramUserId(self.user),
                ProductId(Uuid::from_u128(9)),
                Money::from_kopecks(self.amount),
                self.mode,
            )
            .sign(keys)
        }

        fn granted(&self, keys: &RouteKeys) -> Granted {
            let claims = GrantClaims {
                invoice: InvoiceId::new(self.invoice).unwrap(),
                user: TelegramUserId(self.user),
                product: ProductId(Uuid::from_u128(9)),
                amount: Money::from_kopecks(self.amount),
                mode: self.mode,
                source: self.source,
                delivery: DELIVERY.as_bytes(),
            };
            Granted {
                invoice_id: claims.invoice,
                user_id: claims.user,
                product_id: claims.product,
                amount: claims.amount,
                mode: claims.mode,
                source: claims.source,
                title: "Book".into(),
                delivery: DELIVERY.into(),
                grant: Grant::sign(&claims, keys),
            }
        }

        fn params(&self, token: &str, out_sum: &str) -> Vec<(String, String)> {
            let shp = vec![(SHP_ROUTE.to_owned(), token.to_owned())];
            let credentials = shop();
            let credentials = credentials.credentials(self.mode).unwrap();
            let invoice = self.invoice.to_string();
            let signature = sign_result(out_sum, &invoice, &shp, &credentials);
            vec![
                ("OutSum".into(), out_sum.into()),
                ("InvId".into(), invoice),
                ("SignatureValue".into(), signature),
                shp[0].clone(),
            ]
        }

        fn record(&self) -> PaymentCallback {
            let keys = keys("ab");
            PaymentCallback {
                params: self.params(&self.token(&keys), "299.000000"),
                granted: self.granted(&keys),
            }
        }
    }

    fn check(record: &PaymentCallback) -> Result<RouteToken, Refusal> {
        callback(record, &shop(), &keys("ab"))
    }

    #[test]
    fn a_genuine_payment_is_believed() {
        let token = check(&PAYMENT.record()).unwrap();
        assert_eq!((token.user.get(), token.invoice.get()), (42, 77));
        assert!(
            check(
                &Payment {
                    mode: Mode::Test,
                    ..PAYMENT
                }
                .record()
            )
            .is_ok()
        );
    }

    #[test]
    fn a_forged_signature_is_refused() {
        let mut record = PAYMENT.record();
        record.params[2].1 = "0".repeat(64);
        assert_eq!(check(&record).unwrap_err(), Refusal::Signature);
        record.params[2].1 = "not hex".into();
        assert!(check(&record).is_err());
        record.params.remove(2);
        assert!(matches!(check(&record).unwrap_err(), Refusal::Malformed(_)));
    }

    #[test]
    fn a_changed_amount_is_refused_even_when_robokassa_signed_it() {
        let mut record = PAYMENT.record();
        record.params = PAYMENT.params(&PAYMENT.token(&keys("ab")), "1.000000");
        assert_eq!(
            check(&record).unwrap_err(),
            Refusal::TokenOfAnother("amount")
        );
    }

    #[test]
    fn a_token_of_another_key_or_invoice_is_refused() {
        let mut record = PAYMENT.record();
        record.params = PAYMENT.params(&PAYMENT.token(&keys("cd")), "299.000000");
        assert!(matches!(check(&record).unwrap_err(), Refusal::Token(_)));
        let other = Payment {
            invoice: 78,
            ..PAYMENT
        };
        record.params = PAYMENT.params(&other.token(&keys("ab")), "299.000000");
        assert_eq!(
            check(&record).unwrap_err(),
            Refusal::TokenOfAnother("invoice")
        );
        record.params.retain(|(name, _)| name != SHP_ROUTE);
        assert_eq!(check(&record).unwrap_err(), Refusal::NoToken);
    }

    #[test]
    fn a_test_payment_never_pays_a_live_invoice() {
        let mut record = PAYMENT.record();
        let test = Payment {
            mode: Mode::Test,
            ..PAYMENT
        };
        record.params = test.params(&PAYMENT.token(&keys("ab")), "299.00");
        assert_eq!(check(&record).unwrap_err(), Refusal::Signature);
    }

    #[test]
    fn a_link_without_lks_grant_moves_nobody() {
        let mut record = PAYMENT.record();
        record.granted.delivery = r#"{"kind":"text","text":"everything"}"#.into();
        assert!(matches!(check(&record).unwrap_err(), Refusal::Grant(_)));
        let mut record = PAYMENT.record();
        record.granted = Payment {
            user: 43,
            ..PAYMENT
        }
        .granted(&keys("ab"));
        assert_eq!(
            check(&record).unwrap_err(),
            Refusal::TokenOfAnother("person")
        );
        let mut record = PAYMENT.record();
        record.granted = PAYMENT.granted(&keys("cd"));
        assert!(matches!(check(&record).unwrap_err(), Refusal::Grant(_)));
    }

    #[test]
    fn an_unsigned_confirmation_needs_a_grant_of_another_source() {
        let keys = keys("ab");
        let free = Payment {
            source: GrantSource::Promo,
            ..PAYMENT
        };
        let record = |p: &Payment| PaymentConfirmed {
            route_token: p.token(&keys),
            granted: p.granted(&keys),
        };
        assert!(confirmed(&record(&free), &keys).is_ok());
        assert_eq!(
            confirmed(&record(&PAYMENT), &keys).unwrap_err(),
            Refusal::Source
        );
        let mut relabelled = record(&PAYMENT);
        relabelled.granted.source = GrantSource::Staff;
        assert!(matches!(
            confirmed(&relabelled, &keys).unwrap_err(),
            Refusal::Grant(_)
        ));
    }
}
