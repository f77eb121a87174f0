//! Paying: ResultURL, SuccessURL, FailURL.

use serde_json::json;

use super::{error_code, link, md5, op_state, open, press, sha256, shop_and_sandbox, test_link};
use crate::support::{
    PASSWORD1, PASSWORD2, Sandbox, TEST_PASSWORD1, TEST_PASSWORD2, eventually, field,
};

#[tokio::test]
async fn a_live_payment_is_called_back_with_six_decimals_and_password_two() {
    let (shop, sandbox) = shop_and_sandbox("OK{InvId}").await;
    let page = open(&sandbox, &link(700_123)).await;
    assert_eq!(page.status(), 200);
    let back = press(&sandbox, page, "pay").await;
    assert_eq!(back.status(), 303);
    let location = back.headers()["location"].to_str().unwrap();
    let signature = sha256(&format!("299.000000:700123:{PASSWORD1}:Shp_route=abc"));
    assert_eq!(
        location,
        format!(
            "http://127.0.0.1:5500/robokassa/success?OutSum=299.000000&InvId=700123&SignatureValue={signature}&Culture=en&Shp_route=abc"
        )
    );

    let fields = &shop.calls(1).await[0];
    let signature = sha256(&format!("299.000000:700123:{PASSWORD2}:Shp_route=abc")).to_uppercase();
    for (name, value) in [
        ("OutSum", "299.000000"),
        ("InvId", "700123"),
        ("SignatureValue", signature.as_str()),
        ("Shp_route", "abc"),
        ("Fee", "10.460000"),
        ("PaymentMethod", "BankCard"),
    ] {
        assert_eq!(field(fields, name), value, "{name}");
    }
    assert!(
        fields.iter().any(|(name, _)| name == "EMail")
            && fields.iter().any(|(name, _)| name == "IncCurrLabel")
    );

    let payment = eventually("the callback is taken", async || {
        Some(sandbox.payment(700_123).await).filter(|payment| payment["callbacks_due"] == 0)
    })
    .await;
    assert_eq!(payment["state"], "paid");
    assert_eq!(payment["callbacks"][0]["body"], "OK700123");
    assert_eq!(payment["callbacks"].as_array().unwrap().len(), 1);
    assert_eq!(error_code(open(&sandbox, &link(700_123)).await).await, 40);
}

#[tokio::test]
async fn a_test_payment_has_two_decimals_its_own_passwords_and_no_operation() {
    let (shop, sandbox) = shop_and_sandbox("OK{InvId}").await;
    let back = press(&sandbox, open(&sandbox, &test_link(5)).await, "pay").await;
    let signature = md5(&format!("299.00:5:{TEST_PASSWORD1}"));
    let location = back.headers()["location"].to_str().unwrap();
    assert!(
        location.contains(&format!("SignatureValue={signature}")) && location.contains("IsTest=1"),
        "{location}"
    );
    let fields = &shop.calls(1).await[0];
    assert_eq!(field(fields, "OutSum"), "299.00");
    assert_eq!(field(fields, "IsTest"), "1");
    assert_eq!(
        field(fields, "SignatureValue"),
        md5(&format!("299.00:5:{TEST_PASSWORD2}")).to_uppercase()
    );
    assert_eq!(op_state(&sandbox, 5, PASSWORD2).await.0, 3);
    assert_eq!(open(&sandbox, &test_link(5)).await.status(), 200);
}

#[tokio::test]
async fn a_declined_payment_can_be_paid_later() {
    let (shop, sandbox) = shop_and_sandbox("OK{InvId}").await;
    let back = press(&sandbox, open(&sandbox, &link(9)).await, "decline").await;
    let location = back.headers()["location"].to_str().unwrap();
    assert_eq!(
        location,
        "http://127.0.0.1:5500/robokassa/fail?OutSum=299.00&InvId=9&Culture=en&Shp_route=abc"
    );
    assert_eq!(sandbox.payment(9).await["state"], "declined");
    assert!(shop.received().is_empty());
    assert_eq!(op_state(&sandbox, 9, PASSWORD2).await, (0, Some(10)));

    press(&sandbox, open(&sandbox, &link(9)).await, "pay").await;
    shop.calls(1).await;
    assert_eq!(op_state(&sandbox, 9, PASSWORD2).await, (0, Some(100)));
}

#[tokio::test]
async fn pay_twice_is_one_callback_sent_twice_at_once() {
    let (shop, sandbox) = shop_and_sandbox("OK{InvId}").await;
    press(&sandbox, open(&sandbox, &link(11)).await, "pay_twice").await;
    let calls = shop.calls(2).await;
    assert_eq!(calls[0], calls[1]);
    assert_eq!(sandbox.payment(11).await["state"], "paid");
}

#[tokio::test]
async fn the_callback_is_repeated_until_the_body_is_exactly_ok_and_the_number() {
    let (shop, sandbox) = shop_and_sandbox("OK").await;
    open(&sandbox, &link(12)).await;
    sandbox.post("/control/payments/12/pay", json!({})).await;
    shop.calls(2).await;
    shop.answers("OK{InvId}\n");
    let before = shop.received().len();
    shop.calls(before + 2).await;
    shop.answers("OK{InvId}");
    let payment = eventually("the callback is taken", async || {
        Some(sandbox.payment(12).await).filter(|payment| payment["callbacks_due"] == 0)
    })
    .await;
    let calls = payment["callbacks"].as_array().unwrap();
    assert!(calls.len() >= 4 && calls.iter().filter(|call| call["accepted"] == true).count() == 1);
    assert_eq!(calls[0]["body"], "OK");
}

#[tokio::test]
async fn a_shop_that_is_down_is_called_again_and_in_the_end_given_up() {
    let sandbox = Sandbox::with(&[("--callback-attempts", "3"), ("--retry-unit-ms", "1")]).await;
    open(&sandbox, &link(13)).await;
    sandbox.post("/control/payments/13/pay", json!({})).await;
    let payment = eventually("it is given up", async || {
        Some(sandbox.payment(13).await).filter(|payment| payment["callbacks_due"] == 0)
    })
    .await;
    let calls = payment["callbacks"].as_array().unwrap();
    assert_eq!(calls.len(), 3);
    assert!(
        calls
            .iter()
            .all(|call| call["error"] == "connection refused" && call["accepted"] == false),
        "{calls:?}"
    );
}

#[tokio::test]
async fn the_control_api_pays_another_sum_that_is_signed() {
    let (shop, sandbox) = shop_and_sandbox("OK{InvId}").await;
    open(&sandbox, &link(14)).await;
    let paid = sandbox
        .post(
            "/control/payments/14/pay",
            json!({"copies": 2, "out_sum": "1.000000"}),
        )
        .await;
    assert_eq!(paid["state"], "paid");
    assert!(paid["op_key"].is_string());
    for fields in shop.calls(2).await {
        assert_eq!(field(&fields, "OutSum"), "1.000000");
        let signature = sha256(&format!("1.000000:14:{PASSWORD2}:Shp_route=abc")).to_uppercase();
        assert_eq!(field(&fields, "SignatureValue"), signature);
    }
    assert_eq!(
        sandbox
            .try_post("/control/payments/14/pay", json!({}))
            .await
            .status(),
        409
    );
    assert_eq!(
        sandbox
            .try_post("/control/payments/14/decline", json!({}))
            .await
            .status(),
        409
    );
    assert_eq!(
        sandbox
            .try_post("/control/payments/99/pay", json!({}))
            .await
            .status(),
        404
    );
    assert_eq!(
        sandbox
            .try_post("/control/payments/14/pay", json!({"copies": 0}))
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn a_lost_callback_is_never_made_but_the_operation_is_there() {
    let (shop, sandbox) = shop_and_sandbox("OK{InvId}").await;
    sandbox
        .post(
            "/control/faults",
            json!({"target": "robokassa", "kind": "lose_callback", "times": 1}),
        )
        .await;
    open(&sandbox, &link(15)).await;
    let paid = sandbox.post("/control/payments/15/pay", json!({})).await;
    assert_eq!(
        (&paid["state"], &paid["callbacks_due"]),
        (&json!("paid"), &json!(0))
    );
    assert_eq!(op_state(&sandbox, 15, PASSWORD2).await, (0, Some(100)));
    open(&sandbox, &link(16)).await;
    sandbox.post("/control/payments/16/pay", json!({})).await;
    assert_eq!(field(&shop.calls(1).await[0], "InvId"), "16");
    sandbox
        .post("/control/payments/15/callback", json!({}))
        .await;
    assert_eq!(field(&shop.calls(2).await[1], "InvId"), "15");
}

#[tokio::test]
async fn the_pages_own_button_loses_the_callback() {
    let (shop, sandbox) = shop_and_sandbox("OK{InvId}").await;
    let back = press(&sandbox, open(&sandbox, &link(17)).await, "pay_lost").await;
    assert!(
        back.headers()["location"]
            .to_str()
            .unwrap()
            .starts_with("http://127.0.0.1:5500/robokassa/success?")
    );
    let payment = sandbox.payment(17).await;
    assert_eq!(
        (&payment["state"], &payment["callbacks_due"]),
        (&json!("paid"), &json!(0))
    );
    assert_eq!(op_state(&sandbox, 17, PASSWORD2).await, (0, Some(100)));

    open(&sandbox, &link(18)).await;
    sandbox
        .post("/control/payments/18/pay", json!({"lose_callback": true}))
        .await;
    open(&sandbox, &link(19)).await;
    sandbox.post("/control/payments/19/pay", json!({})).await;
    assert_eq!(field(&shop.calls(1).await[0], "InvId"), "19");
    assert_eq!(op_state(&sandbox, 18, PASSWORD2).await, (0, Some(100)));
}
