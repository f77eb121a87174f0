//! The Refund API.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Response;
use ring::hmac;
use serde_json::{Value, json};

use super::{link, open, paid, test_link};
use crate::support::{PASSWORD3, Sandbox, eventually};

const CREATE: &str = "/robokassa-services/RefundService/Refund/Create";

fn token(algorithm: &str, payload: &str, key: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#));
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let hmac_of = match algorithm {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let key = hmac::Key::new(hmac_of, key.as_bytes());
    let signature = hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn send(sandbox: &Sandbox, content_type: &str, body: String) -> Response {
    sandbox
        .http
        .post(sandbox.url(CREATE))
        .header("content-type", content_type)
        .body(body)
        .send()
        .await
        .unwrap()
}

async fn create(sandbox: &Sandbox, algorithm: &str, payload: &str) -> (u16, Value) {
    let token = token(algorithm, payload, PASSWORD3);
    let answer = send(sandbox, "application/json", format!("\"{token}\"")).await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn state(sandbox: &Sandbox, id: &str) -> (u16, String) {
    let path = format!("/robokassa-services/RefundService/Refund/GetState?id={id}");
    let answer = sandbox.http.get(sandbox.url(&path)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn not_enough() -> (u16, Value) {
    let answer = json!({"success": false, "message": "NotEnoughOperationFunds", "requestId": null});
    (200, answer)
}

#[tokio::test]
async fn a_refund_is_in_processing_for_a_while_and_then_finished() {
    let sandbox = Sandbox::with(&[("--processing-ms", "200")]).await;
    let op_key = paid(&sandbox, 40).await;
    let (status, answer) = create(&sandbox, "HS256", &format!(r#"{{"OpKey":"{op_key}"}}"#)).await;
    assert_eq!(
        (status, &answer["success"], &answer["message"]),
        (200, &json!(true), &Value::Null)
    );
    let id = answer["requestId"].as_str().unwrap();
    eventually("the refund is finished", async || {
        let (status, text) = state(&sandbox, id).await;
        let known = |label: &str| {
            format!(r#"{{"requestId":"{id}","amount":299.000000,"label":"{label}"}}"#)
        };
        assert_eq!(status, 200);
        assert!(
            text == known("processing") || text == known("finished"),
            "{text}"
        );
        (text == known("finished")).then_some(())
    })
    .await;
    let refunds = &sandbox.payment(40).await["refunds"];
    assert_eq!(refunds[0]["request_id"], id);
    assert_eq!(
        (&refunds[0]["amount"], &refunds[0]["state"]),
        (&json!("299.000000"), &json!("finished"))
    );
    let upper = id.to_uppercase();
    assert!(state(&sandbox, &upper).await.1.contains("finished"));
    assert_eq!(
        create(&sandbox, "HS256", &format!(r#"{{"OpKey":"{op_key}"}}"#)).await,
        not_enough()
    );
}

#[tokio::test]
async fn no_more_goes_back_than_was_paid() {
    let sandbox = Sandbox::start().await;
    let op_key = paid(&sandbox, 41).await;
    let part = |sum: &str| format!(r#"{{"OpKey":"{op_key}","RefundSum":{sum}}}"#);
    let (_, first) = create(&sandbox, "HS384", &part("100")).await;
    assert_eq!(first["success"], true);
    assert_eq!(
        create(&sandbox, "HS256", &part("199.01")).await,
        not_enough()
    );
    // All of it is more than what is left.
    let whole = format!(r#"{{"OpKey":"{op_key}"}}"#);
    assert_eq!(create(&sandbox, "HS256", &whole).await, not_enough());
    assert_eq!(
        create(&sandbox, "HS512", &part("199.00")).await.1["success"],
        true
    );
    assert_eq!(create(&sandbox, "HS256", &part("0.01")).await, not_enough());

    // What was cancelled can go back after all.
    let id = first["requestId"].as_str().unwrap();
    let decided = sandbox
        .post(
            &format!("/control/refunds/{id}"),
            json!({"state": "canceled"}),
        )
        .await;
    assert_eq!(decided["refunds"][0]["state"], "canceled");
    assert!(
        state(&sandbox, id)
            .await
            .1
            .contains(r#""label":"canceled""#)
    );
    assert_eq!(
        create(&sandbox, "HS256", &part("100.00")).await.1["success"],
        true
    );
    let again = sandbox
        .try_post(
            &format!("/control/refunds/{id}"),
            json!({"state": "finished"}),
        )
        .await;
    assert_eq!(again.status(), 409);
    for (path, body, status) in [
        ("/control/refunds/none", json!({"state": "finished"}), 404),
        ("/control/refunds/none", json!({"state": "lost"}), 400),
    ] {
        assert_eq!(sandbox.try_post(path, body).await.status(), status);
    }
}

#[tokio::test]
async fn a_refund_is_finished_by_hand() {
    let sandbox = Sandbox::start().await;
    let op_key = paid(&sandbox, 42).await;
    let (_, made) = create(&sandbox, "HS256", &format!(r#"{{"OpKey":"{op_key}"}}"#)).await;
    let id = made["requestId"].as_str().unwrap();
    let path = format!("/control/refunds/{id}");
    sandbox.post(&path, json!({"state": "processing"})).await;
    assert!(state(&sandbox, id).await.1.contains("processing"));
    sandbox.post(&path, json!({"state": "finished"})).await;
    assert!(state(&sandbox, id).await.1.contains("finished"));
}

#[tokio::test]
async fn only_a_json_string_under_password_three_is_taken() {
    let sandbox = Sandbox::start().await;
    let op_key = paid(&sandbox, 43).await;
    let payload = format!(r#"{{"OpKey":"{op_key}","RefundSum":1}}"#);
    let good = token("HS256", &payload, PASSWORD3);
    let quoted = |token: &str| format!("\"{token}\"");
    let spaced = format!(r#"{{"OpKey": "{op_key}"}}"#);
    for (content_type, body, status) in [
        ("text/plain", good.clone(), 415),
        ("text/plain", quoted(&good), 415),
        ("application/jwt", good.clone(), 415),
        ("", quoted(&good), 415),
        ("application/json", good.clone(), 400),
        ("application/json", String::new(), 400),
        ("application/json", quoted("a.b"), 400),
        ("application/json", quoted("a.b.c"), 400),
        (
            "application/json",
            quoted(&token("HS256", &payload, "other")),
            401,
        ),
        (
            "application/json",
            quoted(&token("HS1", &payload, PASSWORD3)),
            401,
        ),
        (
            "application/json",
            quoted(&token("none", &payload, PASSWORD3)),
            401,
        ),
        (
            "application/json",
            quoted(&token("HS256", &spaced, PASSWORD3)),
            400,
        ),
        (
            "application/json",
            quoted(&token("HS256", "[]", PASSWORD3)),
            400,
        ),
        (
            "application/json",
            quoted(&token("HS256", "{}", PASSWORD3)),
            400,
        ),
    ] {
        let answer = send(&sandbox, content_type, body.clone()).await;
        assert_eq!(answer.status(), status, "{content_type} {body}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["success"], false);
        assert_eq!(answer["requestId"], Value::Null);
    }
    for sum in ["0", "-1", "1.001", "1e2", "\"x\"", "true", "[1]"] {
        let payload = format!(r#"{{"OpKey":"{op_key}","RefundSum":{sum}}}"#);
        assert_eq!(create(&sandbox, "HS256", &payload).await.0, 400, "{sum}");
    }
    let unknown = create(&sandbox, "HS256", r#"{"OpKey":"NONE"}"#).await;
    assert_eq!(
        (unknown.0, &unknown.1["message"]),
        (200, &json!("OperationNotFound"))
    );
    assert_eq!(sandbox.payment(43).await["refunds"], json!([]));
    for id in ["", "x", "68cd7fa6-1338-4745-ba5c-28d16cbcdb3d"] {
        let (status, text) = state(&sandbox, id).await;
        assert_eq!(status, 400);
        assert!(text.contains("Id is invalid or request id does not exist"));
    }

    let sandbox = Sandbox::with(&[("--robokassa-password3", "")]).await;
    let answer = send(
        &sandbox,
        "application/json",
        quoted(&token("HS256", &payload, "")),
    )
    .await;
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn lines_of_a_refund_must_be_its_sum() {
    let sandbox = Sandbox::start().await;
    let op_key = paid(&sandbox, 44).await;
    let with_cost = |cost: &str| {
        format!(
            r#"{{"OpKey":"{op_key}","RefundSum":10.00,"InvoiceItems":[{{"Name":"Книга","Quantity":2,"Cost":{cost},"Tax":"none","PaymentMethod":"full_payment","PaymentObject":"service"}}]}}"#
        )
    };
    assert_eq!(create(&sandbox, "HS256", &with_cost("10.00")).await.0, 400);
    assert_eq!(
        create(&sandbox, "HS256", &with_cost("5.00")).await.1["success"],
        true
    );
}

#[tokio::test]
async fn a_test_payment_has_no_operation_to_refund() {
    let sandbox = Sandbox::start().await;
    open(&sandbox, &test_link(45)).await;
    let paid = sandbox.post("/control/payments/45/pay", json!({})).await;
    let payload = format!(r#"{{"OpKey":{}}}"#, paid["op_key"]);
    assert_eq!(
        create(&sandbox, "HS256", &payload).await.1["message"],
        "OperationNotFound"
    );
}

#[tokio::test]
async fn faults_strike_refunds() {
    let sandbox = Sandbox::start().await;
    let op_key = paid(&sandbox, 46).await;
    let part = format!(r#"{{"OpKey":"{op_key}","RefundSum":10}}"#);
    let fault = async |method: &str, kind: &str| {
        let fault = json!({"target": "robokassa", "method": method, "kind": kind, "times": 1, "delay_ms": 20});
        sandbox.post("/control/faults", fault).await;
    };
    let try_once = async || {
        let token = token("HS256", &part, PASSWORD3);
        sandbox
            .http
            .post(sandbox.url(CREATE))
            .header("content-type", "application/json")
            .body(format!("\"{token}\""))
            .send()
            .await
    };
    let refunds = async || {
        sandbox.payment(46).await["refunds"]
            .as_array()
            .unwrap()
            .len()
    };

    fault("refund_create", "server_error").await;
    assert_eq!(try_once().await.unwrap().status(), 500);
    fault("refund_create", "reset").await;
    assert!(try_once().await.is_err());
    fault("refund_create", "refuse").await;
    let refused: Value = try_once().await.unwrap().json().await.unwrap();
    assert_eq!(refused["success"], false);
    assert_eq!(refunds().await, 0);
    // The refund is made, the answer never comes.
    fault("refund_create", "timeout_after_accept").await;
    assert!(try_once().await.is_err());
    assert_eq!(refunds().await, 1);
    fault("refund_create", "slow").await;
    assert_eq!(try_once().await.unwrap().status(), 200);
    assert_eq!(refunds().await, 2);

    let payment = sandbox.payment(46).await;
    let id = payment["refunds"][0]["request_id"].as_str().unwrap();
    fault("refund_state", "server_error").await;
    assert_eq!(state(&sandbox, id).await.0, 500);
    fault("refund_state", "refuse").await;
    assert!(state(&sandbox, id).await.1.contains("canceled"));
    assert!(state(&sandbox, id).await.1.contains("canceled"));
}

#[tokio::test]
async fn refunds_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let options = [("--state", path.to_str().unwrap())];
    let sandbox = Sandbox::with(&options).await;
    let op_key = paid(&sandbox, 47).await;
    let part = format!(r#"{{"OpKey":"{op_key}","RefundSum":10}}"#);
    let (_, made) = create(&sandbox, "HS256", &part).await;
    sandbox.stop().await;
    let sandbox = Sandbox::with(&options).await;
    let id = made["requestId"].as_str().unwrap();
    assert!(state(&sandbox, id).await.1.contains("10.000000"));
    // A link of a paid payment stays error 40.
    assert_eq!(open(&sandbox, &link(47)).await.status(), 400);
}
