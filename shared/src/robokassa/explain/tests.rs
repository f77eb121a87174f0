use super::*;
use crate::robokassa::callback::sign_result;
use crate::robokassa::redirect::sign_success;
use crate::robokassa::{PasswordSet, test_shop};

const LIVE: Known = Known {
    mode: Some(Mode::Live),
    amount: None,
};

fn shp(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn text(out_sum: &str, signature: &str, shp: &[(String, String)]) -> String {
    let mut fields = vec![
        ("OutSum".to_owned(), out_sum.to_owned()),
        ("InvId".to_owned(), "1001".to_owned()),
        ("SignatureValue".to_owned(), signature.to_owned()),
    ];
    fields.extend_from_slice(shp);
    form::encode(&fields)
}

fn genuine(shop: &ShopSecrets, mode: Mode, shp: &[(String, String)]) -> String {
    let credentials = shop.credentials(mode).unwrap();
    sign_result("100.000000", "1001", shp, &credentials)
}

fn first_finding(text: &str, known: Known) -> String {
    let explanation = explain(text, &test_shop::demo(), known);
    assert_eq!(explanation.accepted, None, "{explanation}");
    explanation.findings[0].clone()
}

#[test]
fn a_genuine_callback_is_accepted_and_its_base_string_shown_masked() {
    let shop = test_shop::demo();
    let shp = shp(&[("Shp_route", "abc")]);
    let signature = genuine(&shop, Mode::Live, &shp);
    let explanation = explain(
        &text("100.000000", &signature, &shp),
        &shop,
        Known::default(),
    );
    assert_eq!(explanation.accepted, Some(Mode::Live));
    assert_eq!(
        explanation.expected[0].base_string,
        "100.000000:1001:<live Password#2>:Shp_route=abc"
    );
    assert_eq!(explanation.expected[0].signature, signature.to_lowercase());
    let shown = explanation.to_string();
    assert!(shown.contains("Accepted (live)."));
    for secret in ["Pass1", "Pass2", "Test1", "Test2", "Pass3"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_person_reads_the_whole_story() {
    let md5 = test_shop::with_hashes(HashAlgorithm::Md5, HashAlgorithm::Md5);
    let signature = genuine(&md5, Mode::Live, &[]);
    let explanation = explain(
        &text("100.000000", &signature, &[]),
        &test_shop::demo(),
        LIVE,
    );
    assert_eq!(
        explanation.to_string(),
        "Received, decoded once:\n\
         \x20 OutSum = 100.000000\n\
         \x20 InvId = 1001\n\
         \x20 SignatureValue = 5EBED18775AEFA3DC5C998887F71F1DF\n\
         Expected of a live payment:\n\
         \x20 base string: 100.000000:1001:<live Password#2>\n\
         \x20 sha256: 062e5e02333207450dc1c6f73ae80ff5c4df636e4288c91e2b264681e4b6b6fa\n\
         Signature received: 5ebed18775aefa3dc5c998887f71f1df\n\
         Refused.\n\
         - It is signed with md5, and the settings say sha256 for live: set the hash as in the cabinet.\n"
    );
}

#[test]
fn what_people_paste_is_understood() {
    let shop = test_shop::demo();
    let query = text("100.000000", &genuine(&shop, Mode::Live, &[]), &[]);
    for pasted in [
        query.clone(),
        format!("  ?{query}\n"),
        format!("https://shop.test/robokassa/result?{query}"),
        format!("1.2.3.4 - - [x] \"GET /robokassa/result?{query} HTTP/1.1\" 400"),
        format!("POST /robokassa/result HTTP/1.1\r\nHost: shop.test\r\n\r\n{query}"),
        query.replace('&', "&amp;"),
        query.replace('&', "\\u0026"),
        format!("\u{feff}{query}\r\n"),
        format!("'{query}'"),
        format!("curl -d \"{query}\" https://shop.test/robokassa/result"),
        format!("level=warn body={query} status=400"),
        format!("Fee=1.00&{query}&EMail=Ivan Petrov"),
        query.replace('&', "\n"),
        query.replace('=', ": ").replace('&', ",\r\n"),
        format!(
            "Array\n(\n    [{}\n)",
            query.replace('=', "] => ").replace('&', "\n    [")
        ),
        form::encode(&[(String::new(), query.clone())])[1..].to_owned(),
        json(&form::decode(&query)),
    ] {
        let explanation = explain(&pasted, &shop, LIVE);
        assert_eq!(explanation.accepted, Some(Mode::Live), "{pasted}");
    }
}

fn json(fields: &[(String, String)]) -> String {
    serde_json::json!({"action": "payment_callback", "data": {"params": fields}}).to_string()
}

#[test]
fn password_1_is_recognised() {
    let shop = test_shop::demo();
    let signature = sign_success(
        "100.000000",
        "1001",
        &[],
        &shop.credentials(Mode::Live).unwrap(),
    );
    let found = first_finding(&text("100.000000", &signature, &[]), LIVE);
    assert!(found.contains("live Password#1") && found.contains("SuccessURL"));
}

#[test]
fn the_other_mode_is_recognised() {
    let shop = test_shop::demo();
    let signature = genuine(&shop, Mode::Test, &[]);
    let found = first_finding(&text("100.000000", &signature, &[]), LIVE);
    assert!(found.contains("test Password#2"), "{found}");
}

#[test]
fn another_algorithm_is_recognised() {
    let md5 = test_shop::with_hashes(HashAlgorithm::Md5, HashAlgorithm::Md5);
    let signature = genuine(&md5, Mode::Live, &[]);
    let found = first_finding(&text("100.000000", &signature, &[]), LIVE);
    assert!(
        found.contains("signed with md5") && found.contains("say sha256"),
        "{found}"
    );
}

#[test]
fn a_rewritten_or_tampered_sum_is_recognised() {
    let shop = test_shop::demo();
    let signature = genuine(&shop, Mode::Live, &[]);
    let found = first_finding(&text("100.00", &signature, &[]), LIVE);
    assert!(found.contains("rewritten"), "{found}");
    let known = Known {
        amount: Some(Money::from_kopecks(10_000)),
        ..LIVE
    };
    let found = first_finding(&text("1.000000", &signature, &[]), known);
    assert!(found.contains("tampered"), "{found}");
}

#[test]
fn altered_shp_parameters_are_recognised() {
    let shop = test_shop::demo();
    let route = shp(&[("Shp_route", "abc")]);
    let bare = genuine(&shop, Mode::Live, &[]);
    let found = first_finding(&text("100.000000", &bare, &route), LIVE);
    assert!(
        found.contains("Shp_route") && found.contains("added"),
        "{found}"
    );

    let encoded = shp(&[("Shp_name", "%D0%96%20x")]);
    let signature = genuine(&shop, Mode::Live, &encoded);
    let twice = shp(&[("Shp_name", "Ж x")]);
    let found = first_finding(&text("100.000000", &signature, &twice), LIVE);
    assert!(found.contains("decoded twice"), "{found}");

    let signature = genuine(&shop, Mode::Live, &route);
    let cased = shp(&[("SHP_route", "abc")]);
    let found = first_finding(&text("100.000000", &signature, &cased), LIVE);
    assert!(found.contains("letter case"), "{found}");

    let camel = shp(&[("Shp_Route", "abc"), ("Shp_n", "a+b")]);
    let signature = genuine(&shop, Mode::Live, &camel);
    let lower = shp(&[("Shp_Route", "abc"), ("Shp_n", "a b")]);
    let found = first_finding(&text("100.000000", &signature, &lower), LIVE);
    assert!(found.contains("decoded twice"), "{found}");
}

#[test]
fn a_test_payment_without_test_passwords_is_told() {
    let set = PasswordSet::new("live-one".into(), "live-two".into(), HashAlgorithm::Sha256);
    let shop = ShopSecrets::new("demo", Some(set), None).unwrap();
    let test = genuine(&test_shop::demo(), Mode::Test, &[]);
    let pasted = format!("{}&IsTest=1", text("100.00", &test, &[]));
    for known in [Known::default(), LIVE] {
        let found = explain(&pasted, &shop, known).findings;
        assert!(found[0].contains("ROBOKASSA_TEST_PASSWORD2"), "{found:?}");
    }
}

#[test]
fn a_value_in_another_encoding_is_told() {
    let signature = genuine(&test_shop::demo(), Mode::Live, &[]);
    let pasted = format!(
        "{}&Shp_a=1&Shp_b=%C2%E0",
        text("100.000000", &signature, &[])
    );
    let found = explain(
        &pasted.replace("Shp_a=1", "Shp_a=2"),
        &test_shop::demo(),
        LIVE,
    )
    .findings;
    assert!(found.join(" ").contains("added afterwards"), "{found:?}");
    let other = text("100.000000", &"ab".repeat(32), &[]);
    let found = first_finding(&format!("{other}&Shp_b=%C2%E0"), LIVE);
    assert!(found.contains("Shp_b is no UTF-8"), "{found}");
}

#[test]
fn the_base_string_is_shown_even_if_the_signature_is_cut_off() {
    let shop = test_shop::demo();
    let signature = genuine(&shop, Mode::Live, &[]);
    for (cut, words) in [(60, "60 hex digits (64 for sha256"), (0, "no signature")] {
        let explanation = explain(&text("100.000000", &signature[..cut], &[]), &shop, LIVE);
        assert_eq!(explanation.accepted, None);
        assert_eq!(explanation.expected[0].signature, signature.to_lowercase());
        assert!(explanation.findings[1].contains(words), "{explanation}");
    }
}

#[test]
fn the_base_string_shown_is_the_one_that_fits() {
    let shop = test_shop::demo();
    let shp = shp(&[("Shp_item", "1"), ("Shp_item2", "2")]);
    let password2 = shop.credentials(Mode::Live).unwrap();
    let base = "1.00:1001:Pass2_asdfgh:Shp_item=1:Shp_item2=2";
    let signature = hex::encode(password2.hash().digest(base.as_bytes()));
    let explanation = explain(&text("1.00", &signature, &shp), &shop, LIVE);
    assert_eq!(explanation.accepted, Some(Mode::Live));
    assert_eq!(explanation.expected[0].signature, signature);
}

#[test]
fn a_password_that_was_pasted_along_is_not_shown() {
    let shop = test_shop::demo();
    let signature = genuine(&shop, Mode::Live, &[]);
    let query = text("100.000000", &signature, &shp(&[("Shp_a", "Test2")]));
    for pasted in [
        format!("{query}&note=Pass2_asdfgh&Pass1_qwerty=1"),
        "100.000000:1001:Pass2_asdfgh".to_owned(),
        text("100.000000", "Pass3_zxcvbn", &[]),
    ] {
        let shown = explain(&pasted, &shop, LIVE);
        let shown = format!("{shown} {shown:?}");
        for secret in ["Pass1_", "Pass2_", "Pass3_"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn signatures_of_other_messages_are_recognised() {
    let shop = test_shop::demo();
    let live = shop.credentials(Mode::Live).unwrap();
    let sign = |text: &str| hex::encode(live.hash().digest(text.as_bytes()));
    let link = sign("demo_shop:100.000000:1001:Pass1_qwerty");
    let found = first_finding(&text("100.000000", &link, &[]), LIVE);
    assert!(found.contains("payment request"), "{found}");
    let state = sign("demo_shop:1001:Pass2_asdfgh");
    let found = first_finding(&text("100.000000", &state, &[]), LIVE);
    assert!(found.contains("OpStateExt"), "{found}");
}

#[test]
fn a_foreign_signature_says_what_its_length_tells() {
    let found = first_finding(&text("1.00", &"ab".repeat(64), &[]), LIVE);
    assert!(
        found.contains("sha512") && found.contains("sha256"),
        "{found}"
    );
    let found = first_finding(&text("1.00", &"ab".repeat(32), &[]), LIVE);
    assert!(found.contains("No password in the settings"), "{found}");
}

#[test]
fn a_malformed_callback_is_explained() {
    let explained = |text: &str| explain(text, &test_shop::demo(), LIVE).findings.join(" ");
    assert!(explained("").contains("No parameters"));
    assert!(explained("InvId=1&OutSum=1").contains("FailURL"));
    assert!(explained("MerchantLogin=a&OutSum=1").contains("payment request"));
    assert!(explained("OutSum=1&OutSum=2&InvId=1&SignatureValue=00").contains("more than once"));
    assert!(explained("outsum=1&InvId=1&SignatureValue=00").contains("letter case"));
    assert!(explained("out_summ=1&inv_id=1&crc=00").contains("out_summ came"));
    assert!(explained("OutSum=1&InvoiceID=1&SignatureValue=00").contains("InvoiceID came"));
    assert!(explained("OutSum=1,50&InvId=1&SignatureValue=00").contains("comma"));
    assert!(explained("OutSum=1&InvId=1&SignatureValue=0xab").contains("0-9 and A-F"));
    assert!(explained("eyJ0eXAiOiJKV1QifQ.e30.AAAA").contains("ResultURL2"));
}

#[test]
fn a_right_signature_with_another_price_is_a_mismatch() {
    let shop = test_shop::demo();
    let signature = genuine(&shop, Mode::Live, &[]);
    let known = Known {
        amount: Some(Money::from_kopecks(20_000)),
        ..LIVE
    };
    let explanation = explain(&text("100.000000", &signature, &[]), &shop, known);
    assert_eq!(explanation.accepted, Some(Mode::Live));
    assert!(explanation.findings[1].contains("mismatch"));
}

#[test]
fn a_mode_without_passwords_is_named() {
    let shop = ShopSecrets::new("demo", None, None).unwrap();
    let explanation = explain("OutSum=1&InvId=1&SignatureValue=00", &shop, LIVE);
    assert!(explanation.findings[0].contains("no passwords"));
}
