use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::grant::GRANT_TAG;
use super::keys::KEY_LEN;
use super::token::{TOKEN_BODY_LEN, TOKEN_LEN, TOKEN_TAG};
use super::*;
use crate::ids::{InvoiceId, Mode, ProductId, TelegramUserId};
use crate::money::Money;
use proptest::prelude::*;

fn hex_key(byte: u8) -> String {
    hex::encode([byte; KEY_LEN])
}

fn keys() -> RouteKeys {
    RouteKeys::parse(&format!("1:{}", hex_key(7)), "").unwrap()
}

fn token(keys: &RouteKeys) -> RouteToken {
    RouteToken::new(
        keys,
        InvoiceId::new(1001).unwrap(),
        TelegramUserId(42),
        ProductId(Uuid::from_u128(5)),
        Money::from_kopecks(29_900),
        Mode::Live,
    )
}

fn claims(delivery: &[u8]) -> GrantClaims<'_> {
    let token = token(&keys());
    GrantClaims {
        invoice: token.invoice,
        user: token.user,
        product: token.product,
        amount: token.amount,
        mode: token.mode,
        source: GrantSource::Robokassa,
        delivery,
    }
}

#[test]
fn the_layout_of_a_token_does_not_change() {
    let text = token(&keys()).sign(&keys());
    assert_eq!(text.len(), 100);
    let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    assert_eq!(
        hex::encode(&bytes[..TOKEN_BODY_LEN]),
        "010100\
         00000000000003e9\
         000000000000002a\
         00000000000000000000000000000005\
         00000000000074cc"
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&[7; KEY_LEN]).unwrap();
    mac.update(b"geobot route token v1\0");
    mac.update(&bytes[..TOKEN_BODY_LEN]);
    assert!(mac.verify_slice(&bytes[TOKEN_BODY_LEN..]).is_ok());
}

#[test]
fn a_retired_key_still_verifies_and_an_unknown_one_does_not() {
    let old = keys();
    let text = token(&old).sign(&old);
    let grant = Grant::sign(&claims(b"x"), &old);
    let new = |retired: &str| RouteKeys::parse(&format!("2:{}", hex_key(8)), retired).unwrap();

    let rotated = new(&format!("1:{}, 3:{}", hex_key(7), hex_key(9)));
    assert_eq!(RouteToken::verify(&text, &rotated), Ok(token(&old)));
    assert_eq!(grant.verify(&claims(b"x"), &rotated), Ok(()));
    assert_eq!(Grant::sign(&claims(b"x"), &rotated).key_id, 2);

    assert_eq!(
        RouteToken::verify(&text, &new("")),
        Err(RouteTokenError::UnknownKey(1))
    );
    assert_eq!(
        grant.verify(&claims(b"x"), &new("")),
        Err(GrantError::UnknownKey(1))
    );
    // The same id with another key.
    let other = RouteKeys::parse(&format!("1:{}", hex_key(8)), "").unwrap();
    assert_eq!(
        RouteToken::verify(&text, &other),
        Err(RouteTokenError::BadMac)
    );
}

#[test]
fn a_token_is_no_grant_and_a_grant_is_no_token() {
    let keys = keys();
    let text = token(&keys).sign(&keys);
    let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    let grant = Grant {
        key_id: 1,
        mac: hex::encode(&bytes[TOKEN_BODY_LEN..]),
    };
    assert_eq!(grant.verify(&claims(b""), &keys), Err(GrantError::BadMac));
    let signed = Grant::sign(&claims(b""), &keys);
    let mut forged = bytes[..TOKEN_BODY_LEN].to_vec();
    forged.extend(hex::decode(signed.mac).unwrap());
    assert_eq!(
        RouteToken::verify(&URL_SAFE_NO_PAD.encode(forged), &keys),
        Err(RouteTokenError::BadMac)
    );
    // Even over the very same bytes the two tags give different MACs.
    assert_ne!(keys.sign(TOKEN_TAG, b"same"), keys.sign(GRANT_TAG, b"same"));
}

#[test]
fn a_grant_covers_every_claim() {
    let keys = keys();
    let genuine = claims(b"text: hello");
    let grant = Grant::sign(&genuine, &keys);
    assert_eq!(grant.verify(&genuine, &keys), Ok(()));
    let changes: [fn(&mut GrantClaims<'_>); 7] = [
        |c| c.invoice = InvoiceId::new(1002).unwrap(),
        |c| c.user = TelegramUserId(43),
        |c| c.product = ProductId(Uuid::from_u128(6)),
        |c| c.amount = Money::from_kopecks(1),
        |c| c.mode = Mode::Test,
        |c| c.source = GrantSource::Staff,
        |c| c.delivery = b"text: hello!",
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = genuine;
        change(&mut changed);
        assert_eq!(
            grant.verify(&changed, &keys),
            Err(GrantError::BadMac),
            "claim {index}"
        );
    }
}

#[test]
fn a_grant_with_a_malformed_mac_is_refused() {
    let keys = keys();
    for mac in ["", "00", "zz", &"0".repeat(63), &"0".repeat(66)] {
        let grant = Grant {
            key_id: 1,
            mac: mac.to_owned(),
        };
        assert_eq!(
            grant.verify(&claims(b""), &keys),
            Err(GrantError::Malformed)
        );
    }
}

#[test]
fn malformed_tokens_are_refused() {
    let keys = keys();
    let text = token(&keys).sign(&keys);
    for bad in [
        String::new(),
        "%".to_owned(),
        text[..99].to_owned(),
        format!("{text}A"),
        format!("{text}="),
        format!(" {text}"),
        text.replacen("AQ", "Ag", 1),
    ] {
        assert_eq!(
            RouteToken::verify(&bad, &keys),
            Err(RouteTokenError::Malformed),
            "{bad:?}"
        );
    }
}

#[test]
fn a_signed_token_of_impossible_values_is_malformed() {
    let keys = keys();
    for (at, byte) in [(2, 2_u8), (3, 0xff)] {
        let mut body = token(&keys).body(1).to_vec();
        body[at] = byte;
        let mac = keys.sign(TOKEN_TAG, &body);
        body.extend(mac);
        assert_eq!(
            RouteToken::verify(&URL_SAFE_NO_PAD.encode(body), &keys),
            Err(RouteTokenError::Malformed)
        );
    }
}

#[test]
fn wrong_settings_are_named_and_keys_are_not_printed() {
    let secret = hex_key(0xab);
    for (text, error) in [
        ("", RouteKeyError::Form),
        (secret.as_str(), RouteKeyError::Form),
        (&format!("0:{secret}"), RouteKeyError::Id),
        (&format!("256:{secret}"), RouteKeyError::Id),
        (&format!("+1:{secret}"), RouteKeyError::Id),
        (&format!(":{secret}"), RouteKeyError::Id),
        (&format!("1:{secret}00"), RouteKeyError::Hex(1)),
        ("1:zz", RouteKeyError::Hex(1)),
    ] {
        let refused = RouteKeys::parse(text, "").unwrap_err();
        assert_eq!(refused, error, "{text}");
        assert!(!format!("{refused} {refused:?}").contains("abab"));
    }
    let current = format!("1:{secret}");
    assert_eq!(
        RouteKeys::parse(&current, &current).unwrap_err(),
        RouteKeyError::DuplicateId(1)
    );
    let keys = RouteKeys::parse(&current, "").unwrap();
    assert_eq!(format!("{keys:?}"), "RouteKeys { signing: 1, retired: [] }");
}

#[test]
fn a_source_is_a_word_in_json() {
    assert_eq!(
        serde_json::to_string(&GrantSource::Reconciler).unwrap(),
        "\"reconciler\""
    );
}

proptest! {
    #[test]
    fn a_token_reads_back_and_is_safe_in_an_address(
        invoice in 1_u64..=InvoiceId::MAX,
        user: i64,
        product: u128,
        kopecks: i64,
        test: bool,
    ) {
        let keys = keys();
        let token = RouteToken::new(
            &keys,
            InvoiceId::new(invoice).unwrap(),
            TelegramUserId(user),
            ProductId(Uuid::from_u128(product)),
            Money::from_kopecks(kopecks),
            if test { Mode::Test } else { Mode::Live },
        );
        let text = token.sign(&keys);
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        prop_assert_eq!(RouteToken::verify(&text, &keys), Ok(token));
    }

    #[test]
    fn no_changed_byte_verifies(at in 0..TOKEN_LEN, flip in 1_u8..) {
        let keys = keys();
        let mut bytes = URL_SAFE_NO_PAD.decode(token(&keys).sign(&keys)).unwrap();
        bytes[at] ^= flip;
        prop_assert!(RouteToken::verify(&URL_SAFE_NO_PAD.encode(bytes), &keys).is_err());
    }

    #[test]
    fn no_changed_character_verifies(at in 0_usize..100, other in "[A-Za-z0-9_-]") {
        let keys = keys();
        let mut text = token(&keys).sign(&keys);
        prop_assume!(text[at..=at] != other);
        text.replace_range(at..=at, &other);
        prop_assert!(RouteToken::verify(&text, &keys).is_err());
    }

    #[test]
    fn no_text_panics(text in ".{0,120}") {
        prop_assert!(RouteToken::verify(&text, &keys()).is_err());
    }

    #[test]
    fn no_other_mac_verifies_as_a_grant(mac in "[0-9a-f]{64}", delivery: Vec<u8>) {
        let grant = Grant { key_id: 1, mac };
        prop_assert_eq!(grant.verify(&claims(&delivery), &keys()), Err(GrantError::BadMac));
    }
}
