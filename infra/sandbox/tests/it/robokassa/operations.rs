//! OpStateExt.

use serde_json::json;

use super::{link, op_state, open, press, sha256};
use crate::support::{LOGIN, PASSWORD2, Sandbox, TEST_PASSWORD2};

#[tokio::test]
async fn the_operation_appears_when_the_person_confirmed() {
    let sandbox = Sandbox::start().await;
    open(&sandbox, &link(20)).await;
    assert_eq!(op_state(&sandbox, 20, PASSWORD2).await, (3, None));
    press(&sandbox, open(&sandbox, &link(20)).await, "confirm").await;
    assert_eq!(op_state(&sandbox, 20, PASSWORD2).await, (0, Some(5)));
    sandbox.post("/control/payments/20/pay", json!({})).await;
    assert_eq!(op_state(&sandbox, 20, PASSWORD2).await, (0, Some(100)));
    assert_eq!(op_state(&sandbox, 20, TEST_PASSWORD2).await, (1, None));
    assert_eq!(op_state(&sandbox, 21, PASSWORD2).await, (3, None));
}

#[tokio::test]
async fn an_operation_is_told_with_its_key_and_fields() {
    let sandbox = Sandbox::start().await;
    open(&sandbox, &link(22)).await;
    let paid = sandbox.post("/control/payments/22/pay", json!({})).await;
    let signature = sha256(&format!("{LOGIN}:22:{PASSWORD2}"));
    let address = sandbox.url("/Merchant/WebService/Service.asmx/OpStateExt");
    let pairs = [
        ("MerchantLogin", LOGIN),
        ("InvoiceID", "22"),
        ("Signature", &signature),
    ];
    let xml = sandbox
        .http
        .get(&address)
        .query(&pairs)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(xml.contains(&format!(
        "<OpKey>{}</OpKey>",
        paid["op_key"].as_str().unwrap()
    )));
    assert!(xml.contains("<IncSum>299.000000</IncSum>"));
    assert!(xml.contains("<Name>Shp_route</Name>") && xml.contains("<Value>abc</Value>"));

    let missing = sandbox
        .http
        .get(&address)
        .query(&pairs[..2])
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), 500);
    assert_eq!(
        missing.text().await.unwrap(),
        "Missing parameter: Signature."
    );
    let other = [
        ("MerchantLogin", "other"),
        ("InvoiceID", "22"),
        ("Signature", "x"),
    ];
    let xml = sandbox
        .http
        .get(&address)
        .query(&other)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(xml.contains("<Code>2</Code>"));
}

#[tokio::test]
async fn faults_of_robokassa_strike_its_services() {
    let sandbox = Sandbox::start().await;
    sandbox.post("/control/faults", json!({"target": "robokassa", "method": "op_state", "kind": "server_error", "times": 1})).await;
    assert_eq!(open(&sandbox, &link(30)).await.status(), 200);
    let address = sandbox.url("/Merchant/WebService/Service.asmx/OpStateExt");
    assert_eq!(
        sandbox.http.get(&address).send().await.unwrap().status(),
        500
    );
    sandbox
        .post(
            "/control/faults",
            json!({"target": "robokassa", "method": "Index", "kind": "reset", "times": 1}),
        )
        .await;
    let request = sandbox
        .http
        .post(sandbox.url("/Merchant/Index.aspx"))
        .form(&link(31));
    assert!(request.send().await.is_err());
}

#[tokio::test]
async fn the_state_service_refuses_in_its_own_words() {
    let sandbox = Sandbox::start().await;
    open(&sandbox, &link(23)).await;
    sandbox.post("/control/payments/23/pay", json!({})).await;
    let fault = json!({"target": "robokassa", "method": "op_state", "kind": "refuse", "times": 2});
    sandbox.post("/control/faults", fault).await;
    assert_eq!(op_state(&sandbox, 23, PASSWORD2).await, (1_000, None));
    assert_eq!(op_state(&sandbox, 23, PASSWORD2).await, (0, Some(100)));
    for bad in [
        json!({"target": "robokassa", "kind": "refuse"}),
        json!({"target": "robokassa", "kind": "refuse", "method": "Index"}),
        json!({"target": "telegram", "kind": "refuse", "method": "op_state"}),
        json!({"target": "robokassa", "kind": "lose_callback", "method": "Index"}),
    ] {
        let answer = sandbox.try_post("/control/faults", bad.clone()).await;
        assert_eq!(answer.status(), 400, "{bad}");
    }
}
