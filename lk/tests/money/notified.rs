//! ResultURL2, and from where ResultURL is taken.

use std::net::SocketAddr;

use chrono::{DateTime, TimeDelta, Utc};
use geobot_lk::gateways::robokassa::notified::{self, NotificationRefused, Notified};
use geobot_lk::store::callbacks::Verdict;
use geobot_lk::store::invoices::{self, Invoice};
use geobot_lk::store::notifications;
use geobot_lk::upkeep::reconcile;
use geobot_lk::web;
use geobot_shared::http;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_shared::robokassa::certificate::SigningCertificate;
use geobot_shared::robokassa::form;
use geobot_shared::route_token::GrantSource;
use geobot_shared::topics::states::InvoiceStatus;
use reqwest::StatusCode;
use sea_orm::EntityTrait;
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{REMOTE, TestLk, paid};

fn fixtures() -> Value {
    let text = include_str!("../../../shared/tests/vectors/result_url2.json");
    serde_json::from_str(text).unwrap()
}

fn token(name: &str) -> String {
    fixtures()["tokens"][name].as_str().unwrap().to_owned()
}

fn certificate() -> SigningCertificate {
    let fixtures = fixtures();
    SigningCertificate::parse(fixtures["certificate"].as_str().unwrap().as_bytes()).unwrap()
}

/// The tokens were made a day before.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_500_000, 0).unwrap() + TimeDelta::days(1)
}

/// The invoice that the tokens speak of, for `kopecks`.
async fn lk_with(kopecks: i64, change: impl FnOnce(&mut Invoice)) -> (TestLk, Invoice) {
    let lk = TestLk::sqlite_with(&["--robokassa-login=demo_shop"], "127.0.0.1:1").await;
    let mut invoice = lk.invoice_made(now()).await;
    invoice.id = InvoiceId::new(1001).unwrap();
    invoice.amount = Money::from_kopecks(kopecks);
    change(&mut invoice);
    assert!(invoices::insert(&lk.db, &invoice).await.unwrap());
    (lk, invoice)
}

async fn take(lk: &TestLk, name: &str) -> Result<Notified, NotificationRefused> {
    notified::take(&lk.app, &certificate(), &token(name), REMOTE, now()).await
}

async fn kept(lk: &TestLk) -> Vec<notifications::Model> {
    notifications::Entity::find().all(&lk.db).await.unwrap()
}

#[tokio::test]
async fn a_notification_of_the_sum_that_was_asked_for_pays_once() {
    let (lk, invoice) = lk_with(29_900, |_| {}).await;
    assert_eq!(take(&lk, "paid").await.unwrap(), Notified::Credited);
    assert_eq!(take(&lk, "paid").await.unwrap(), Notified::Repeated);
    let found = lk.invoice(invoice.id).await;
    assert_eq!(found.status, InvoiceStatus::Paid);
    assert_eq!(found.source, Some(GrantSource::Reconciler));
    assert!(found.op_key.unwrap().starts_with("0005F891"));
    assert_eq!(lk.ledger().await.len(), 1);
    assert_eq!(
        lk.sent_of("tg_robokassa", "payment_confirmed").await.len(),
        1
    );
    let [row] = kept(&lk).await.try_into().unwrap();
    assert_eq!(
        (row.verdict.as_str(), row.inc_sum.as_deref()),
        ("credited", Some("299.00"))
    );
    // ResultURL comes second.
    let callback = lk.signed(Mode::Live, "299.000000", "1001");
    assert_eq!(
        lk.accept(callback).await.unwrap().verdict,
        Verdict::Repeated
    );
    assert_eq!(lk.ledger().await.len(), 1);
}

#[tokio::test]
async fn another_sum_is_only_a_hint_to_ask_at_once() {
    // The buyer paid 299, of which the shop had asked for 290.
    let (lk, invoice) = lk_with(29_000, |_| {}).await;
    assert_eq!(take(&lk, "paid").await.unwrap(), Notified::AskedAbout);
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Created);
    assert!(lk.ledger().await.is_empty());
    lk.gateway
        .report(invoice.id, paid(Some(29_900), Some(29_000)));
    assert_eq!(reconcile::run(&lk.app, now(), 50).await.unwrap(), 1);
    let found = lk.invoice(invoice.id).await;
    assert_eq!(found.status, InvoiceStatus::Paid);
    assert!(found.op_key.unwrap().starts_with("0005F891"));
}

#[tokio::test]
async fn a_hold_pays_nothing() {
    let (lk, invoice) = lk_with(29_900, |_| {}).await;
    assert_eq!(take(&lk, "held").await.unwrap(), Notified::AskedAbout);
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Created);
    assert!(lk.ledger().await.is_empty());
}

#[tokio::test]
async fn a_notification_never_pays_a_test_invoice_or_a_foreign_one() {
    let (lk, invoice) = lk_with(29_900, |invoice| invoice.mode = Mode::Test).await;
    assert_eq!(take(&lk, "paid").await.unwrap(), Notified::Unexpected);
    assert_eq!(take(&lk, "paid").await.unwrap(), Notified::Unexpected);
    assert_eq!(lk.invoice(invoice.id).await, invoice);

    let other = TestLk::sqlite_with(&["--robokassa-login=demo_shop"], "127.0.0.1:1").await;
    assert_eq!(take(&other, "paid").await.unwrap(), Notified::Unexpected);
    for lk in [lk, other] {
        assert_eq!(kept(&lk).await.len(), 1);
        assert_eq!(
            lk.sent_of("info_in", "notification_unexpected").await.len(),
            1
        );
        assert!(lk.ledger().await.is_empty());
    }
}

#[tokio::test]
async fn a_forged_notification_writes_nothing() {
    let (lk, invoice) = lk_with(29_900, |_| {}).await;
    for name in [
        "other_key",
        "hs256_behind_rs256",
        "header_none",
        "header_hs256",
        "bad_inv_id",
        "not_json",
    ] {
        assert!(
            matches!(
                take(&lk, name).await,
                Err(NotificationRefused::NotBelieved(_))
            ),
            "{name}"
        );
    }
    assert!(kept(&lk).await.is_empty());
    assert_eq!(lk.invoice(invoice.id).await, invoice);
}

struct Served {
    lk: TestLk,
    base: String,
    client: reqwest::Client,
    _stop: DropGuard,
}

async fn served(extra: &[&str]) -> Served {
    let lk = TestLk::sqlite_with(extra, "127.0.0.1:1").await;
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(http::serve(
        listener,
        web::routes(lk.app.clone()),
        stop.clone(),
    ));
    Served {
        lk,
        base,
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        _stop: stop.drop_guard(),
    }
}

impl Served {
    async fn post(&self, path: &str, body: String, forwarded: Option<&str>) -> StatusCode {
        let mut request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        request.send().await.unwrap().status()
    }
}

#[tokio::test]
async fn without_a_certificate_there_is_no_such_address() {
    let served = served(&[]).await;
    let status = served.post("/robokassa/result2", token("paid"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn with_a_certificate_only_what_robokassa_signed_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwtsign.cer");
    std::fs::write(&file, fixtures()["certificate"].as_str().unwrap()).unwrap();
    let setting = format!("--robokassa-cert-file={}", file.display());
    let served = served(&[&setting]).await;
    for body in [String::new(), "a.b.c".to_owned(), token("other_key")] {
        let status = served.post("/robokassa/result2", body, None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    let long = "a".repeat(70_000);
    let status = served.post("/robokassa/result2", long, None).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_list_of_addresses_lets_in_only_those() {
    let served = served(&[
        "--robokassa-allowed-ips=185.59.216.65,185.59.217.65",
        "--trusted-proxies=127.0.0.1",
    ])
    .await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let callback = form::encode(&served.lk.signed(
        Mode::Live,
        "299.000000",
        &invoice.id.to_string(),
    ));
    for (forwarded, status) in [
        (None, StatusCode::FORBIDDEN),
        (Some("9.9.9.9"), StatusCode::FORBIDDEN),
        // What the caller wrote itself stands further left.
        (Some("185.59.216.65, 9.9.9.9"), StatusCode::FORBIDDEN),
        (Some("9.9.9.9, 185.59.217.65"), StatusCode::OK),
    ] {
        let body = callback.clone();
        let answer = served.post("/robokassa/result", body, forwarded).await;
        assert_eq!(answer, status, "{forwarded:?}");
    }
    let by_get = format!("{}/robokassa/result?{callback}", served.base);
    let answer = served.client.get(by_get).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let [row] = served.lk.callbacks().await.try_into().unwrap();
    assert_eq!(row.remote_ip, "185.59.217.65");
}

#[tokio::test]
async fn nobody_is_believed_about_addresses_without_trusted_proxies() {
    let served = served(&["--robokassa-allowed-ips=185.59.216.65"]).await;
    let callback = form::encode(&served.lk.signed(Mode::Live, "1.00", "42"));
    let answer = served
        .post("/robokassa/result", callback, Some("185.59.216.65"))
        .await;
    assert_eq!(answer, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn whoever_opens_the_form_of_a_live_invoice_has_it_asked_about() {
    let served = served(&[]).await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let link = served.lk.app.settings.links.sign(invoice.id);
    let page = format!("{}/pay/{link}", served.base);
    let status = served.client.get(page).send().await.unwrap().status();
    assert_eq!(status, StatusCode::OK);
    let app = &served.lk.app;
    let soon = Utc::now() + TimeDelta::seconds(119);
    assert_eq!(reconcile::run(app, soon, 50).await.unwrap(), 0);
    let later = Utc::now() + TimeDelta::seconds(121);
    assert_eq!(reconcile::run(app, later, 50).await.unwrap(), 1);
    assert_eq!(served.lk.gateway.asked(), [invoice.id]);
}
