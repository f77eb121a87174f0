//! Receipts: of the payment form, and the second one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Pairs, error_code, link, open, paid, sha256, with};
use crate::support::{LOGIN, PASSWORD1, Sandbox, eventually};

/// The link with a receipt, signed as Robokassa says: the JSON is encoded once before signing and once by the form.
fn with_receipt(inv_id: i64, receipt: &str) -> Pairs {
    let value: String = url::form_urlencoded::byte_serialize(receipt.as_bytes()).collect();
    let base = format!("{LOGIN}:299.00:{inv_id}:{value}:{PASSWORD1}:Shp_route=abc");
    let pairs = with(link(inv_id), "Receipt", &value);
    with(pairs, "SignatureValue", &sha256(&base))
}

#[tokio::test]
async fn a_receipt_is_shown_on_the_page_and_in_the_control_api() {
    let sandbox = Sandbox::start().await;
    let receipt = json!({"sno": "usn_income", "items": [
        {"name": "Книга & чай", "quantity": 1, "sum": 199.5, "tax": "none", "payment_method": "full_payment"},
        {"name": "Доставка", "quantity": 2, "cost": 49.75, "tax": "vat20", "payment_object": "service"},
    ]});
    let page = open(&sandbox, &with_receipt(60, &receipt.to_string())).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    for shown in [
        "usn_income",
        "Книга &#38; чай",
        "199.50",
        "99.50",
        "vat20 · service",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert_eq!(sandbox.payment(60).await["receipt"], receipt);
    open(&sandbox, &link(61)).await;
    assert_eq!(sandbox.payment(61).await.get("receipt"), None);
}

#[tokio::test]
async fn a_receipt_that_robokassa_would_refuse_is_error_30_with_the_reason() {
    let sandbox = Sandbox::start().await;
    let line = |sum: &str| {
        format!(r#"{{"items":[{{"name":"a","quantity":1,"sum":{sum},"tax":"none"}}]}}"#)
    };
    assert_eq!(
        open(&sandbox, &with_receipt(62, &line("299")))
            .await
            .status(),
        200
    );
    for (receipt, reason) in [
        ("book".to_owned(), "not the JSON of a receipt"),
        (r#"{"items":[]}"#.to_owned(), "1 to 100 items"),
        (line("298.99"), "298.99 together, the payment is 299.00"),
        (line("299.001"), "item 1: sum"),
        (
            r#"{"items":[{"name":"a","quantity":1,"sum":299}]}"#.to_owned(),
            "tax is required",
        ),
    ] {
        let answer = open(&sandbox, &with_receipt(63, &receipt)).await;
        let text = answer.text().await.unwrap();
        assert!(text.contains("<span id=\"error-code\">30</span>"));
        assert!(text.contains(reason), "{receipt}: {text}");
    }
    // The signature is looked at first.
    let pairs = with(with_receipt(64, &line("299")), "Receipt", "%7B%7D");
    assert_eq!(error_code(open(&sandbox, &pairs).await).await, 29);
}

fn body(json: &Value, password1: &str) -> String {
    let payload = URL_SAFE_NO_PAD.encode(json.to_string());
    let signature = URL_SAFE_NO_PAD.encode(sha256(&format!("{payload}{password1}")));
    format!("{payload}.{signature}")
}

async fn post(sandbox: &Sandbox, method: &str, body: String) -> Value {
    sandbox
        .http
        .post(sandbox.url(&format!("/robokassa-services/RoboFiscal/Receipt/{method}")))
        .body(body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

fn second(id: &str, origin: &str) -> Value {
    json!({
        "merchantId": LOGIN, "id": id, "originId": origin, "operation": "sell", "sno": "osn",
        "url": "https://shop.example/", "total": 299,
        "items": [{"name": "Книга", "quantity": 1, "sum": 299, "tax": "none", "payment_method": "full_payment", "payment_object": "commodity"}],
        "client": {"email": "anna@example.com"}, "payments": [{"type": 2, "sum": 299}],
        "vats": [{"type": "none", "sum": 0}],
    })
}

async fn attach(sandbox: &Sandbox, json: &Value) -> String {
    let answer = post(sandbox, "Attach", body(json, PASSWORD1)).await;
    answer["ResultCode"].as_str().unwrap().to_owned()
}

async fn status(sandbox: &Sandbox, id: &str) -> Value {
    let json = json!({"merchantId": LOGIN, "id": id});
    post(sandbox, "Status", body(&json, PASSWORD1)).await
}

#[tokio::test]
async fn a_second_receipt_waits_and_is_registered() {
    let sandbox = Sandbox::with(&[("--processing-ms", "100")]).await;
    paid(&sandbox, 65).await;
    let answer = post(&sandbox, "Attach", body(&second("165", "65"), PASSWORD1)).await;
    assert_eq!(
        answer,
        json!({"ResultCode": "0", "ResultDescription": "ok"})
    );
    let registered = eventually("the receipt is registered", async || {
        let status = status(&sandbox, "165").await;
        assert!(status["Code"] == "1" || status["Code"] == "2", "{status}");
        Some(status).filter(|status| status["Code"] == "2")
    })
    .await;
    for name in [
        "FnNumber",
        "FiscalDocumentNumber",
        "FiscalDocumentAttribute",
        "FiscalDate",
    ] {
        assert!(registered[name].is_string(), "{name}");
    }
    let receipts = &sandbox.payment(65).await["second_receipts"];
    assert_eq!(
        receipts,
        &json!([{"id": 165, "total": "299.000000", "state": "registered"}])
    );
    assert_eq!(attach(&sandbox, &second("165", "65")).await, "3");
    assert_eq!(attach(&sandbox, &second("166", "65")).await, "0");
    assert_eq!(attach(&sandbox, &second("167", "65")).await, "3");
}

#[tokio::test]
async fn a_second_receipt_that_makes_no_sense_is_refused() {
    let sandbox = Sandbox::start().await;
    paid(&sandbox, 66).await;
    let changed = |name: &str, value: Value| {
        let mut json = second("166", "66");
        json[name] = value;
        json
    };
    let partial = json!([{"name": "a", "quantity": 1, "sum": 299, "tax": "none", "payment_method": "advance"}]);
    for (json, code) in [
        (changed("merchantId", json!("other")), "1000"),
        (changed("id", json!("66")), "3"),
        (changed("id", json!("0")), "3"),
        (changed("id", json!("x")), "3"),
        (changed("originId", json!("67")), "3"),
        (changed("operation", json!("sell_refund")), "3"),
        (changed("total", json!(300)), "3"),
        (changed("items", json!([])), "3"),
        (changed("items", partial), "3"),
        (changed("client", json!({})), "3"),
        (changed("payments", json!([{"type": 2, "sum": 1}])), "3"),
        (changed("payments", json!([{"type": 1, "sum": 299}])), "3"),
        (changed("vats", json!([])), "3"),
        (json!([]), "3"),
    ] {
        assert_eq!(attach(&sandbox, &json).await, code, "{json}");
    }
    let forged = post(&sandbox, "Attach", body(&second("166", "66"), "other")).await;
    assert_eq!(forged["ResultCode"], "1001");
    for junk in ["", "a", "a.b", "%.%", "é.é"] {
        assert_eq!(
            post(&sandbox, "Attach", junk.to_owned()).await["ResultCode"],
            "3",
            "{junk}"
        );
    }
    assert_eq!(status(&sandbox, "166").await["Code"], "1000");
    for method in ["receipt_attach", "receipt_status"] {
        let fault = json!({"target": "robokassa", "method": method, "kind": "refuse", "message": "no fiscal drive", "times": 1});
        sandbox.post("/control/faults", fault).await;
    }
    assert_eq!(attach(&sandbox, &second("166", "66")).await, "3");
    assert_eq!(
        status(&sandbox, "166").await["Description"],
        "no fiscal drive"
    );
    assert_eq!(attach(&sandbox, &second("166", "66")).await, "0");
    assert_eq!(status(&sandbox, "166").await["Code"], "1");
}

#[tokio::test]
async fn the_documented_second_receipt_signature_is_reproduced() {
    let options = [
        ("--robokassa-login", "robokassa_sell"),
        ("--robokassa-password1", "robokassatest"),
        ("--robokassa-hash", "md5"),
    ];
    let sandbox = Sandbox::with(&options).await;
    let body = concat!(
        "eyJtZXJjaGFudElkIjogInJvYm9rYXNzYV9zZWxsIiwiaWQiOiAiMTQiLCJvcmlnaW5JZCI6ICIxMyIsIm9wZXJhdGlvbiI6ICJz",
        "ZWxsIiwKInNubyI6ICJvc24iLCJ1cmwiOiAiaHR0cHM6Ly93d3cucm9ib2thc3NhLnJ1LyIsInRvdGFsIjogMTAwLCJpdGVtcyI6",
        "IFt7Im5hbWUiOiAi0KLQvtCy0LDRgCIsInF1YW50aXR5IjogMSwic3VtIjogMTAwLCJ0YXgiOiAibm9uZSIsInBheW1lbnRfbWV0",
        "aG9kIjogImZ1bGxfcGF5bWVudCIsInBheW1lbnRfb2JqZWN0IjogImNvbW1vZGl0eSJ9XSwiY2xpZW50IjogeyJlbWFpbCI6ICJ0",
        "ZXN0QHRlc3QucnUiLCJwaG9uZSI6ICI3MTIzNDU2Nzg5MCJ9LCJwYXltZW50cyI6IFt7InR5cGUiOiAyLCJzdW0iOiAxMDB9XSwi",
        "dmF0cyI6IFt7InR5cGUiOiAibm9uZSIsInN1bSI6IDB9XX0.MzAwMTU4NjIwMTE0M2RhNDIzMjg5NmM0NDI0NGJkYmI",
    );
    // The signature fits; there is no such payment here.
    let answer = post(&sandbox, "Attach", body.to_owned()).await;
    assert_eq!(answer["ResultCode"], "3", "{answer}");
    assert_eq!(
        answer["ResultDescription"],
        "the first receipt was not found"
    );
}
