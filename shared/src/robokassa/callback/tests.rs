use super::*;
use crate::robokassa::algorithm::HashAlgorithm;
use crate::robokassa::redirect;
use crate::robokassa::test_shop;
use proptest::prelude::*;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn callback(out_sum: &str, inv_id: &str, shp: &[(&str, &str)], mode: Mode) -> Fields {
    let shop = test_shop::demo();
    let shp = fields(shp);
    let signature = sign_result(out_sum, inv_id, &shp, &shop.credentials(mode).unwrap());
    let mut all = fields(&[
        ("OutSum", out_sum),
        ("InvId", inv_id),
        ("Fee", "1.23"),
        ("SignatureValue", &signature),
    ]);
    all.extend(shp);
    all
}

fn receive(fields: Fields, mode: Mode) -> Result<ResultCallback, CallbackError> {
    ResultCallback::receive(fields, &test_shop::demo().credentials(mode).unwrap())
}

fn replace(fields: &mut Fields, name: &str, value: &str) {
    fields
        .iter_mut()
        .filter(|(field, _)| field == name)
        .for_each(|(_, old)| *old = value.to_owned());
}

#[test]
fn a_genuine_callback_is_verified_and_answered() {
    let received = receive(
        callback("100.000000", "1001", &[("Shp_route", "abc")], Mode::Live),
        Mode::Live,
    )
    .unwrap();
    assert_eq!(received.amount, Ok(Money::from_kopecks(10_000)));
    assert_eq!(received.out_sum_text, "100.000000");
    assert_eq!(received.invoice(), InvoiceId::new(1001).ok());
    assert_eq!(received.shp_value("Shp_route"), Some("abc"));
    assert_eq!(received.raw_value("Fee"), Some("1.23"));
    assert_eq!(received.answer(), "OK1001");
    assert_eq!(received.mode, Mode::Live);
}

#[test]
fn letter_case_of_the_signature_does_not_matter() {
    let mut fields = callback("1.00", "1", &[], Mode::Live);
    let lower = form::value(&fields, "SignatureValue")
        .unwrap()
        .to_lowercase();
    replace(&mut fields, "SignatureValue", &lower);
    assert!(receive(fields, Mode::Live).is_ok());
}

#[test]
fn a_test_callback_never_passes_as_live() {
    let fields = callback("1.00", "1", &[], Mode::Test);
    assert!(receive(fields.clone(), Mode::Test).is_ok());
    assert!(matches!(
        receive(fields, Mode::Live),
        Err(CallbackError::BadSignature(_))
    ));
    // Same algorithm in both modes: the password alone makes the difference.
    let shop = test_shop::with_hashes(HashAlgorithm::Sha256, HashAlgorithm::Sha256);
    let test = shop.credentials(Mode::Test).unwrap();
    let signature = sign_result("1.00", "1", &[], &test);
    let fields = self::fields(&[
        ("OutSum", "1.00"),
        ("InvId", "1"),
        ("SignatureValue", &signature),
    ]);
    let unverified = UnverifiedCallback::parse(fields).unwrap();
    assert!(unverified.verify(&test).is_ok());
    assert!(
        unverified
            .verify(&shop.credentials(Mode::Live).unwrap())
            .is_err()
    );
}

#[test]
fn a_callback_of_an_unknown_invoice_is_verified_in_either_mode() {
    let shop = test_shop::demo();
    for mode in [Mode::Live, Mode::Test] {
        let unverified = UnverifiedCallback::parse(callback("1.00", "1", &[], mode)).unwrap();
        assert_eq!(unverified.verify_in_any_mode(&shop).unwrap().mode, mode);
        let other = ShopSecrets::new("demo", None, None).unwrap();
        assert!(unverified.verify_in_any_mode(&other).is_none());
    }
}

#[test]
fn a_success_redirect_is_no_proof_of_payment() {
    let shop = test_shop::demo();
    let credentials = shop.credentials(Mode::Live).unwrap();
    let signature = redirect::sign_success("1.00", "1", &[], &credentials);
    let fields = fields(&[
        ("OutSum", "1.00"),
        ("InvId", "1"),
        ("SignatureValue", &signature),
    ]);
    assert!(matches!(
        receive(fields, Mode::Live),
        Err(CallbackError::BadSignature(_))
    ));
}

#[test]
fn an_amount_that_is_not_ours_is_kept_as_such() {
    let received = receive(callback("100.001000", "1", &[], Mode::Live), Mode::Live).unwrap();
    assert_eq!(received.amount, Err(MoneyError::FractionOfKopeck));
    let received = receive(
        callback("99999999999999999999", "1", &[], Mode::Live),
        Mode::Live,
    )
    .unwrap();
    assert_eq!(received.amount, Err(MoneyError::TooLarge));
}

#[test]
fn a_number_that_we_never_give_is_still_verified() {
    let received = receive(
        callback(
            "1.00",
            "9223372036854775807",
            &[("shp_interface", "link")],
            Mode::Live,
        ),
        Mode::Live,
    )
    .unwrap();
    assert_eq!(received.invoice(), None);
    assert_eq!(received.answer(), "OK9223372036854775807");
}

#[test]
fn every_order_of_shp_is_accepted_and_no_other_pairs() {
    let shop = test_shop::demo();
    let credentials = shop.credentials(Mode::Live).unwrap();
    for signed in [
        "Shp_merchant_id=1:shp_label=2",
        "shp_label=2:Shp_merchant_id=1",
    ] {
        let password = credentials.password2();
        let text = format!("1.00:7:{}:{signed}", password.expose());
        let signature = hex::encode(HashAlgorithm::Sha256.digest(text.as_bytes()));
        let mut fields = fields(&[
            ("shp_label", "2"),
            ("OutSum", "1.00"),
            ("InvId", "7"),
            ("Shp_merchant_id", "1"),
            ("SignatureValue", &signature),
        ]);
        assert!(receive(fields.clone(), Mode::Live).is_ok(), "{signed}");
        replace(&mut fields, "shp_label", "1");
        assert!(receive(fields, Mode::Live).is_err());
    }
}

#[test]
fn a_malformed_callback_is_named() {
    let with = |name: &str, value: &str| {
        let mut fields = callback("1.00", "1", &[], Mode::Live);
        replace(&mut fields, name, value);
        match receive(fields, Mode::Live) {
            Err(CallbackError::Malformed(malformed)) => malformed,
            other => panic!("{name}={value}: {other:?}"),
        }
    };
    use MalformedReturn::{BadInvId, BadOutSum, BadSignatureText, Missing};
    assert_eq!(with("OutSum", ""), Missing("OutSum"));
    for text in ["demo_shop", "1,00", "-1", "1.", ".5", " 1", "1:1", "1e3"] {
        assert_eq!(with("OutSum", text), BadOutSum, "{text}");
    }
    assert_eq!(with("OutSum", &"1".repeat(33)), BadOutSum);
    assert_eq!(with("InvId", ""), Missing("InvId"));
    for text in ["1a", "-1", "1:2", " 1", "9223372036854775808", "１"] {
        assert_eq!(with("InvId", text), BadInvId, "{text}");
    }
    for text in ["zz", "abc", "ab", &"a".repeat(63), &"0".repeat(256)] {
        assert_eq!(with("SignatureValue", text), BadSignatureText, "{text}");
    }
    assert_eq!(UnverifiedCallback::from_form(""), Err(Missing("OutSum")));
}

#[test]
fn a_repeated_signed_parameter_is_malformed() {
    for (name, value) in [
        ("OutSum", "2.00"),
        ("InvId", "2"),
        ("SignatureValue", "00"),
        ("Shp_route", "b"),
    ] {
        let mut fields = callback("1.00", "1", &[("Shp_route", "a")], Mode::Live);
        fields.push((name.to_owned(), value.to_owned()));
        assert_eq!(
            receive(fields, Mode::Live),
            Err(CallbackError::Malformed(MalformedReturn::Duplicate(
                name.to_owned()
            )))
        );
    }
    let mut fields = callback("1.00", "1", &[], Mode::Live);
    fields.push(("Fee".to_owned(), "9".to_owned()));
    assert!(receive(fields, Mode::Live).is_ok());
    let mut flood = callback("1.00", "1", &[], Mode::Live);
    flood.resize(101, ("x".to_owned(), String::new()));
    assert_eq!(
        receive(flood, Mode::Live),
        Err(CallbackError::Malformed(MalformedReturn::TooManyFields))
    );
}

#[test]
fn the_legacy_twins_are_ignored() {
    let mut fields = callback("1.00", "1", &[], Mode::Live);
    fields.extend(self::fields(&[
        ("out_summ", "9.00"),
        ("inv_id", "9"),
        ("crc", "00"),
        ("IsTest", "1"),
    ]));
    let received = receive(fields, Mode::Live).unwrap();
    assert_eq!(received.inv_id, 1);
}

fn shp_strategy() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::btree_map("[Ss][Hh][Pp]_[A-Za-z0-9_]{0,6}", ".{0,12}", 0..5)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_signed_verifies_after_the_wire_in_any_order(
        kopecks in 1_i64..1_000_000_000,
        inv_id in 1_u64..=InvoiceId::MAX,
        shp in shp_strategy(),
        algorithm in 0_usize..6,
        rotation in 0_usize..8,
    ) {
        let shop = test_shop::with_hashes(HashAlgorithm::ALL[algorithm], HashAlgorithm::Md5);
        let credentials = shop.credentials(Mode::Live).unwrap();
        let out_sum = format!("{}0000", Money::from_kopecks(kopecks).to_out_sum());
        let inv_id = inv_id.to_string();
        let signature = sign_result(&out_sum, &inv_id, &shp, &credentials);
        let mut all = fields(&[("OutSum", &out_sum), ("InvId", &inv_id), ("SignatureValue", &signature)]);
        all.extend(shp);
        let turn = rotation % all.len();
        all.rotate_left(turn);
        let received = UnverifiedCallback::from_form(&form::encode(&all)).unwrap();
        let verified = received.verify(&credentials);
        prop_assert!(verified.is_ok());
        prop_assert_eq!(verified.unwrap().amount, Ok(Money::from_kopecks(kopecks)));
        prop_assert!(received.verify(&shop.credentials(Mode::Test).unwrap()).is_err());
    }

    #[test]
    fn no_changed_parameter_verifies(
        which in 0_usize..4,
        position in 0_usize..64,
        replacement in "[0-9a-f]",
    ) {
        let mut fields = callback("100.000000", "1001", &[("Shp_route", "a1b2c3")], Mode::Live);
        let name = ["OutSum", "InvId", "SignatureValue", "Shp_route"][which];
        let old = form::value(&fields, name).unwrap().to_owned();
        let at = position % old.len();
        let new = format!("{}{replacement}{}", &old[..at], &old[at + 1..]);
        prop_assume!(!new.eq_ignore_ascii_case(&old));
        replace(&mut fields, name, &new);
        prop_assert!(receive(fields, Mode::Live).is_err());
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = UnverifiedCallback::from_form(&text);
    }
}
