//! Robokassa: links, the page, callbacks, redirects, OpStateExt, refunds, receipts.

mod callbacks;
mod links;
mod operations;
mod receipts;
mod refunds;
mod result_url2;

use md5::{Digest, Md5};
use reqwest::Response;
use sha2::Sha256;

use crate::support::{LOGIN, PASSWORD1, Sandbox, Shop, TEST_PASSWORD1};

pub(crate) type Pairs = Vec<(&'static str, String)>;

pub(crate) fn sha256(base: &str) -> String {
    hex::encode(Sha256::digest(base))
}

pub(crate) fn md5(base: &str) -> String {
    hex::encode(Md5::digest(base))
}

/// A signed live link with one Shp_.
pub(crate) fn link(inv_id: i64) -> Pairs {
    let signature = sha256(&format!(
        "{LOGIN}:299.00:{inv_id}:{PASSWORD1}:Shp_route=abc"
    ));
    vec![
        ("MerchantLogin", LOGIN.to_owned()),
        ("OutSum", "299.00".to_owned()),
        ("InvId", inv_id.to_string()),
        ("Description", "Подписка на месяц".to_owned()),
        ("Shp_route", "abc".to_owned()),
        ("SignatureValue", signature),
    ]
}

pub(crate) fn test_link(inv_id: i64) -> Pairs {
    let signature = md5(&format!("{LOGIN}:299.00:{inv_id}:{TEST_PASSWORD1}"));
    vec![
        ("MerchantLogin", LOGIN.to_owned()),
        ("OutSum", "299.00".to_owned()),
        ("InvId", inv_id.to_string()),
        ("IsTest", "1".to_owned()),
        ("SignatureValue", signature),
    ]
}

/// The link with one parameter changed.
pub(crate) fn with(mut pairs: Pairs, name: &'static str, value: &str) -> Pairs {
    pairs.retain(|(known, _)| *known != name);
    pairs.push((name, value.to_owned()));
    pairs
}

pub(crate) async fn open(sandbox: &Sandbox, pairs: &Pairs) -> Response {
    sandbox
        .http
        .post(sandbox.url("/Merchant/Index.aspx"))
        .form(pairs)
        .send()
        .await
        .unwrap()
}

pub(crate) async fn error_code(answer: Response) -> u16 {
    assert_eq!(answer.status(), 400);
    let code = answer.headers()["x-robokassa-error"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains(&format!("<span id=\"error-code\">{code}</span>"))
    );
    code
}

/// Presses a button of the page.
pub(crate) async fn press(sandbox: &Sandbox, page: Response, decision: &str) -> Response {
    let page = page.text().await.unwrap();
    let hidden = |name: &str| {
        let start = page.find(&format!("name=\"{name}\" value=\"")).unwrap() + name.len() + 15;
        page[start..].split('"').next().unwrap().to_owned()
    };
    let form = [
        ("inv_id", hidden("inv_id")),
        ("is_test", hidden("is_test")),
        ("page_key", hidden("page_key")),
        ("decision", decision.to_owned()),
    ];
    sandbox
        .http
        .post(sandbox.url("/Merchant/Decide"))
        .form(&form)
        .send()
        .await
        .unwrap()
}

/// A paid live payment; its OpKey.
pub(crate) async fn paid(sandbox: &Sandbox, inv_id: i64) -> String {
    open(sandbox, &link(inv_id)).await;
    let paid = sandbox
        .post(
            &format!("/control/payments/{inv_id}/pay"),
            serde_json::json!({}),
        )
        .await;
    paid["op_key"].as_str().unwrap().to_owned()
}

pub(crate) async fn shop_and_sandbox(answer: &str) -> (Shop, Sandbox) {
    let shop = Shop::start(answer).await;
    let sandbox = Sandbox::with(&[("--result-url", &shop.result_url)]).await;
    (shop, sandbox)
}

/// Result.Code and State.Code.
pub(crate) async fn op_state(
    sandbox: &Sandbox,
    inv_id: i64,
    password2: &str,
) -> (u16, Option<u16>) {
    let signature = sha256(&format!("{LOGIN}:{inv_id}:{password2}"));
    let pairs = [
        ("MerchantLogin", LOGIN),
        ("InvoiceID", &inv_id.to_string()),
        ("Signature", &signature),
    ];
    let address = sandbox.url("/Merchant/WebService/Service.asmx/OpStateExt");
    let by_get = sandbox
        .http
        .get(&address)
        .query(&pairs)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let by_post = sandbox
        .http
        .post(&address)
        .form(&pairs)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(by_get, by_post);
    let document = roxmltree::Document::parse(&by_get).unwrap();
    let root = document.root_element();
    assert_eq!(
        root.tag_name().namespace(),
        Some("http://merchant.roboxchange.com/WebService/")
    );
    let code = |part: &str| {
        let part = root.children().find(|node| {
            node.has_tag_name(("http://merchant.roboxchange.com/WebService/", part))
        })?;
        part.descendants()
            .find(|node| node.tag_name().name() == "Code")?
            .text()?
            .parse()
            .ok()
    };
    (code("Result").unwrap(), code("State"))
}
