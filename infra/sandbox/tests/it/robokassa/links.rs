//! Payment links and the page.

use serde_json::json;

use super::{error_code, link, open, press, shop_and_sandbox, test_link, with};
use crate::support::{Sandbox, field};

#[tokio::test]
async fn a_link_is_taken_by_get_and_hex_in_any_case() {
    let sandbox = Sandbox::start().await;
    let upper = link(1)
        .iter()
        .find(|(name, _)| *name == "SignatureValue")
        .unwrap()
        .1
        .to_uppercase();
    let pairs = with(link(1), "SignatureValue", &upper);
    let page = sandbox
        .http
        .get(sandbox.url("/Merchant/Index.aspx"))
        .query(&pairs)
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("Подписка на месяц"));
    let payment = sandbox.payment(1).await;
    assert_eq!(
        (&payment["state"], &payment["shp"]["Shp_route"]),
        (&json!("open"), &json!("abc"))
    );

    let long = with(link(2), "Comment", &"x".repeat(2_100));
    let page = sandbox
        .http
        .get(sandbox.url("/Merchant/Index.aspx"))
        .query(&long)
        .send()
        .await
        .unwrap();
    assert_eq!(error_code(page).await, 30);
    assert_eq!(open(&sandbox, &long).await.status(), 200);
}

#[tokio::test]
async fn a_bad_link_gets_the_pages_error_code() {
    let sandbox = Sandbox::start().await;
    for (pairs, code) in [
        (with(link(1), "MerchantLogin", "other"), 26),
        (with(link(1), "MerchantLogin", ""), 26),
        (with(link(1), "SignatureValue", "0"), 29),
        (with(link(1), "OutSum", "1.00"), 29),
        (with(link(1), "Shp_route", "xyz"), 29),
        (with(link(1), "Shp_more", "1"), 29),
        (with(link(1), "InvId", "2"), 29),
        (with(link(1), "Receipt", "%7B%7D"), 29),
        (with(test_link(1), "IsTest", "0"), 29),
        (with(link(1), "IsTest", "1"), 29),
        (with(link(1), "IsTest", "yes"), 30),
        (with(link(1), "InvId", "x1"), 30),
        (with(link(1), "InvId", "9223372036854775808"), 30),
        (with(link(1), "Description", &"я".repeat(101)), 30),
        (with(link(1), "ExpirationDate", "soon"), 30),
        (with(link(1), "ResultUrl2", "https://shop.example/"), 29),
        (with(link(1), "OutSum", "0"), 31),
        (with(link(1), "OutSum", "free"), 31),
        (with(link(1), "ExpirationDate", "2020-01-16T12:00"), 33),
    ] {
        assert_eq!(
            error_code(open(&sandbox, &pairs).await).await,
            code,
            "{pairs:?}"
        );
    }
    assert_eq!(
        sandbox.get("/control/payments").await["payments"],
        json!([])
    );
}

#[tokio::test]
async fn a_shop_that_is_not_set_up_is_told_so() {
    let sandbox = Sandbox::with(&[("--robokassa-login", "")]).await;
    assert_eq!(error_code(open(&sandbox, &link(1)).await).await, 25);
    let sandbox = Sandbox::with(&[("--robokassa-test-password1", "")]).await;
    assert_eq!(error_code(open(&sandbox, &test_link(1)).await).await, 23);
}

#[tokio::test]
async fn a_live_and_a_test_payment_of_one_number_are_two_payments() {
    let (shop, sandbox) = shop_and_sandbox("OK{InvId}").await;
    open(&sandbox, &link(17)).await;
    open(&sandbox, &test_link(17)).await;
    sandbox
        .post("/control/payments/17/pay?is_test=true", json!({}))
        .await;
    assert_eq!(field(&shop.calls(1).await[0], "OutSum"), "299.00");
    assert_eq!(sandbox.payment(17).await["state"], "open");
    assert_eq!(
        sandbox.get("/control/payments/17?is_test=true").await["state"],
        "paid"
    );
}

#[tokio::test]
async fn a_page_decides_only_for_the_payment_it_shows() {
    let sandbox = Sandbox::start().await;
    open(&sandbox, &link(18)).await;
    for (key, decision) in [("wrong", "pay"), ("", "pay")] {
        let form = [
            ("inv_id", "18"),
            ("is_test", "0"),
            ("page_key", key),
            ("decision", decision),
        ];
        let answer = sandbox
            .http
            .post(sandbox.url("/Merchant/Decide"))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(error_code(answer).await, 30);
    }
    let odd = press(&sandbox, open(&sandbox, &link(18)).await, "steal").await;
    assert_eq!(error_code(odd).await, 30);
    assert_eq!(sandbox.payment(18).await["state"], "open");
}
