//! ResultURL2: the token under the sandbox's own key.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{error_code, link, open, paid, sha256, test_link, with};
use crate::support::{LOGIN, PASSWORD1, Sandbox, Shop, eventually};

async fn shop_and_sandbox() -> (Shop, Sandbox) {
    let shop = Shop::start("OK{InvId}").await;
    let options = [
        ("--result-url", shop.result_url.as_str()),
        ("--result2-url", &shop.result2_url),
    ];
    let sandbox = Sandbox::with(&options).await;
    (shop, sandbox)
}

async fn settled(sandbox: &Sandbox, inv_id: i64) -> Value {
    eventually("ResultURL2 is settled", async || {
        Some(sandbox.payment(inv_id).await)
            .filter(|payment| payment["result_url2_due"] == false && payment["callbacks_due"] == 0)
    })
    .await
}

/// The header and payload of a token that the exported certificate's key signed.
async fn verified(sandbox: &Sandbox, token: &str) -> (Value, Value) {
    let answer = sandbox
        .http
        .get(sandbox.url("/control/robokassa/certificate"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-pem-file");
    let pem = answer.text().await.unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = STANDARD.decode(body).unwrap();
    // PKCS #1: a sequence of 266 bytes that begins with the 2048-bit modulus.
    let begin = [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01];
    let at = der.windows(8).position(|part| part == begin).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der[at..at + 270])
        .verify(
            input.as_bytes(),
            &URL_SAFE_NO_PAD.decode(signature).unwrap(),
        )
        .unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (json(header), json(payload))
}

#[tokio::test]
async fn a_live_payment_is_told_as_a_signed_token() {
    let (shop, sandbox) = shop_and_sandbox().await;
    let op_key = paid(&sandbox, 50).await;
    let payment = settled(&sandbox, 50).await;
    assert_eq!(payment["result_url2"][0]["status"], 204);
    assert_eq!(payment["result_url2"][0]["accepted"], true);
    let tokens = shop.tokens();
    assert_eq!(tokens.len(), 1);
    let (header, payload) = verified(&sandbox, &tokens[0]).await;
    assert_eq!(header, json!({"typ": "JWT", "alg": "RS256"}));
    let made_at: i64 = payload["header"]["timestamp"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(made_at > 1_700_000_000);
    assert_eq!(payload["header"]["type"], "PaymentStateNotification");
    assert_eq!(payload["header"]["version"], "1.0.0");
    assert_eq!(
        payload["data"],
        json!({
            "shop": LOGIN, "opKey": op_key, "invId": "50", "paymentMethod": "BankCard",
            "incSum": "299.000000", "state": "OK",
        })
    );
}

#[tokio::test]
async fn it_is_tried_five_times() {
    let (shop, sandbox) = shop_and_sandbox().await;
    shop.refuses_tokens(3);
    paid(&sandbox, 51).await;
    let payment = settled(&sandbox, 51).await;
    assert_eq!(payment["result_url2"].as_array().unwrap().len(), 4);

    shop.refuses_tokens(5);
    paid(&sandbox, 52).await;
    let payment = settled(&sandbox, 52).await;
    let attempts = payment["result_url2"].as_array().unwrap();
    assert_eq!(attempts.len(), 5);
    assert!(attempts.iter().all(|attempt| attempt["accepted"] == false));
    sandbox
        .post("/control/payments/52/result_url2", json!({}))
        .await;
    let payment = settled(&sandbox, 52).await;
    assert_eq!(payment["result_url2"][5]["accepted"], true);
}

#[tokio::test]
async fn a_test_payment_a_lost_one_and_a_shop_without_the_address_are_not_told() {
    let (shop, sandbox) = shop_and_sandbox().await;
    open(&sandbox, &test_link(53)).await;
    sandbox.post("/control/payments/53/pay", json!({})).await;
    open(&sandbox, &link(54)).await;
    sandbox
        .post("/control/payments/54/pay", json!({"lose_callback": true}))
        .await;
    let fault =
        json!({"target": "robokassa", "kind": "lose_callback", "method": "ResultURL2", "times": 1});
    sandbox.post("/control/faults", fault).await;
    paid(&sandbox, 55).await;
    let payment = settled(&sandbox, 55).await;
    assert_eq!(payment["callbacks"].as_array().unwrap().len(), 1);
    paid(&sandbox, 56).await;
    settled(&sandbox, 56).await;
    assert_eq!(shop.tokens().len(), 1);
    let refused = sandbox
        .try_post("/control/payments/53/result_url2", json!({}))
        .await;
    assert_eq!(refused.status(), 409);

    let quiet = Sandbox::with(&[("--result-url", &shop.result_url)]).await;
    paid(&quiet, 57).await;
    assert_eq!(settled(&quiet, 57).await["result_url2"], json!([]));
}

#[tokio::test]
async fn the_links_own_address_stands_for_the_shops() {
    let shop = Shop::start("OK{InvId}").await;
    let sandbox = Sandbox::with(&[("--result-url", &shop.result_url)]).await;
    let signed = |address: &str| {
        let base = format!("{LOGIN}:299.00:58:{address}:{PASSWORD1}:Shp_route=abc");
        let pairs = with(link(58), "ResultUrl2", address);
        with(pairs, "SignatureValue", &sha256(&base))
    };
    assert_eq!(
        error_code(open(&sandbox, &signed("nowhere")).await).await,
        30
    );
    open(&sandbox, &signed(&shop.result2_url)).await;
    sandbox.post("/control/payments/58/pay", json!({})).await;
    settled(&sandbox, 58).await;
    assert_eq!(shop.tokens().len(), 1);
}
