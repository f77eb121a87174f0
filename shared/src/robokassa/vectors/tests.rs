use super::*;
use crate::robokassa::jwt;
use serde_json::json;

const VECTORS: &str = include_str!("../../../tests/vectors/robokassa.json");

#[test]
fn every_vector_passes() {
    let report = check(VECTORS).unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(report.to_string(), "69 passed, 0 failed");
}

#[test]
fn forgeries_are_refused_and_would_be_noticed() {
    let mut vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    vectors.retain(|vector| vector["valid"] == json!(false));
    assert!(!vectors.is_empty());
    for vector in &mut vectors {
        vector["inputs"]["received_signature"] = vector["expected_signature"].clone();
    }
    let report = check(&Value::from(vectors.clone()).to_string()).unwrap();
    assert_eq!(report.failed.len(), vectors.len());
    assert!(
        report
            .failed
            .iter()
            .all(|failure| failure.reason == "a forgery is accepted")
    );
}

fn failure(vector: Value) -> String {
    let report = check(&Value::from(vec![vector]).to_string()).unwrap();
    assert!(report.passed.is_empty() && !report.is_success());
    report.failed[0].reason.clone()
}

#[test]
fn a_vector_that_differs_fails_with_its_reason() {
    let vector = |change: fn(&mut Value)| {
        let mut vector = json!({
            "id": "x", "kind": "hold_cancel", "algorithm": "md5",
            "inputs": {"merchant_login": "demo", "invoice_id": 7, "password1": "p"},
            "base_string": "demo::7:p",
            "expected_signature": "00",
        });
        change(&mut vector);
        failure(vector)
    };
    assert!(vector(|_| ()).starts_with("signature: expected \"00\""));
    assert!(vector(|v| v["base_string"] = json!("x")).starts_with("base string"));
    assert!(vector(|v| v["kind"] = json!("x")).starts_with("unknown kind"));
    assert!(vector(|v| v["algorithm"] = json!("x")).contains("must be one of"));
    assert!(vector(|v| v["inputs"] = json!({})).contains("no inputs.password1"));
    assert!(
        vector(|v| v["inputs"] = json!({"password1": "p"})).contains("no inputs.merchant_login")
    );
    assert!(vector(|v| v["inputs"] = json!([1])).starts_with("unreadable"));
    assert!(failure(json!({})).starts_with("unreadable"));
    assert!(check("{}").is_err());
    assert!(!check("[]").unwrap().is_success());
}

#[test]
fn hold_calls_pass_with_what_the_facts_say() {
    let cancel = "demo::7:p";
    let confirm = "demo:1.00:7:p";
    let vectors = json!([
        {"id": "a", "kind": "hold_cancel", "algorithm": "sha256",
         "inputs": {"merchant_login": "demo", "invoice_id": "7", "password1": "p", "surprise": [1]},
         "base_string": cancel,
         "expected_signature": hex::encode(HashAlgorithm::Sha256.digest(cancel.as_bytes()))},
        {"id": "b", "kind": "hold_confirm", "algorithm": "sha1",
         "inputs": {"merchant_login": "demo", "out_sum": "1.00", "invoice_id": "7", "password1": "p"},
         "base_string": confirm,
         "expected_signature": hex::encode(HashAlgorithm::Sha1.digest(confirm.as_bytes()))},
    ]);
    let report = check(&vectors.to_string()).unwrap();
    assert_eq!(report.to_string(), "2 passed, 0 failed");
}

#[test]
fn the_sum_of_a_cancelled_hold_is_sent_and_not_signed() {
    let base = "demo::7:p";
    let vector = json!([{
        "id": "a", "kind": "hold_cancel", "algorithm": "sha256",
        "inputs": {"merchant_login": "demo", "out_sum": "1.00", "invoice_id": "7", "password1": "p"},
        "base_string": base,
        "expected_signature": hex::encode(HashAlgorithm::Sha256.digest(base.as_bytes())),
    }]);
    let report = check(&vector.to_string()).unwrap();
    assert!(report.is_success(), "{report}");
}

#[test]
fn every_order_of_shp_parameters_that_is_taken_passes() {
    let shp = json!({"shp_label": "1", "Shp_merchant_id": "2", "Shp_merchant_id2": "3"});
    for (order, passes) in [
        ("Shp_merchant_id2=3:Shp_merchant_id=2:shp_label=1", true),
        ("Shp_merchant_id=2:Shp_merchant_id2=3:shp_label=1", true),
        ("shp_label=1:Shp_merchant_id=2:Shp_merchant_id2=3", true),
        ("Shp_merchant_id2=3:shp_label=1:Shp_merchant_id=2", false),
    ] {
        for kind in ["payment_link", "result_url"] {
            let (head, password) = match kind {
                "payment_link" => ("demo:1.00:7", "password1"),
                _ => ("1.00:7", "password2"),
            };
            let base = format!("{head}:p:{order}");
            let signature = hex::encode(HashAlgorithm::Md5.digest(base.as_bytes()));
            let vector = json!([{
                "kind": kind, "algorithm": "md5", "base_string": base, "expected_signature": signature,
                "inputs": {
                    "merchant_login": "demo", "out_sum": "1.00", "inv_id": "7", password: "p", "shp": shp,
                    "received_signature": signature,
                },
            }]);
            let report = check(&vector.to_string()).unwrap();
            assert_eq!(report.is_success(), passes, "{kind} {order}: {report}");
        }
    }
}

#[test]
fn what_is_not_sent_takes_no_slot() {
    let base = "demo:1.00:7:p";
    let vector = json!([{
        "kind": "payment_link", "algorithm": "md5", "base_string": base,
        "expected_signature": hex::encode(HashAlgorithm::Md5.digest(base.as_bytes())),
        "inputs": {
            "merchant_login": "demo", "out_sum": "1.00", "inv_id": 7, "password1": "p", "user_ip": "",
            "receipt_as_signed": null, "step_by_step": false, "shp": null,
        },
    }]);
    let report = check(&vector.to_string()).unwrap();
    assert!(report.is_success(), "{report}");
}

#[test]
fn a_token_without_algorithm_is_signed_as_the_settings_say() {
    let base = jwt::signing_input(r#"{"typ":"JWT"}"#, "{}");
    let vector = |kind: &str| {
        json!([{
            "kind": kind, "algorithm": "hmac-sha1", "base_string": base,
            "expected_signature": jwt::signature(&base, "k", HashAlgorithm::Sha1),
            "inputs": {"header_json": r#"{"typ":"JWT"}"#, "payload_json": "{}", "key": "k"},
        }])
        .to_string()
    };
    assert!(check(&vector("invoice_jwt")).unwrap().is_success());
    assert!(!check(&vector("refund_jwt")).unwrap().is_success());
}

#[test]
fn a_forgery_may_bring_its_token() {
    let base = jwt::signing_input(r#"{"alg":"none"}"#, "{}");
    let vector = |token: String| {
        json!([{
            "kind": "refund_jwt", "algorithm": "none", "valid": false, "token": token,
            "inputs": {"header_json": r#"{"alg":"HS256"}"#, "payload_json": "{}", "key": "k"},
        }])
        .to_string()
    };
    assert!(check(&vector(format!("{base}."))).unwrap().is_success());
    let genuine = jwt::token(jwt::JwtAlgorithm::HS256, "{}", "k");
    assert!(!check(&vector(genuine)).unwrap().is_success());
}

#[test]
fn a_forged_token_is_refused() {
    let vector = |header: &str, signature: &str| {
        json!([{
            "id": "j", "kind": "refund_jwt", "algorithm": "hmac-sha256", "valid": false,
            "inputs": {"header_json": header, "payload_json": "{}", "key": "k", "received_signature": signature},
        }])
        .to_string()
    };
    let md5 = r#"{"alg":"MD5"}"#;
    let signed = jwt::signature(&jwt::signing_input(md5, "{}"), "k", HashAlgorithm::Sha256);
    assert!(check(&vector(md5, &signed)).unwrap().is_success());
    assert!(
        check(&vector(r#"{"alg":"none"}"#, ""))
            .unwrap()
            .is_success()
    );
    assert!(
        check(&vector(r#"{"alg":"HS256"}"#, "AAAA"))
            .unwrap()
            .is_success()
    );
}
