//! LK over HTTP: Robokassa's addresses, people's pages, the older endpoints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use geobot_lk::invoices::request;
use geobot_lk::{promo, web};
use geobot_shared::bus::Cause;
use geobot_shared::http;
use geobot_shared::i18n;
use geobot_shared::ids::Mode;
use geobot_shared::robokassa::form::{self, Fields};
use geobot_shared::robokassa::redirect::sign_success;
use geobot_shared::route_token::RouteToken;
use geobot_shared::topics::lk_sync_orm::PromoUpserted;
use geobot_shared::topics::lk_sync_tg::InvoiceRequested;
use geobot_shared::topics::states::InvoiceStatus;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::{ClientConfig, Message};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Served, TestLk, USER};
use tokio_util::sync::CancellationToken;

fn hidden_fields(page: &str) -> Fields {
    page.split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            let (value, _) = rest.split_once('"').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

#[test]
fn both_languages_have_the_same_texts() {
    let ru = i18n::keys(include_str!("../texts/ru.ftl"));
    let en = i18n::keys(include_str!("../texts/en.ftl"));
    assert_eq!(ru, en);
}

#[tokio::test]
async fn a_purchase_goes_from_the_link_to_the_payment_record() {
    let served = Served::new().await;
    served.lk.start_person(USER, "en").await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let path = format!("/pay/{}", served.lk.app.settings.links.sign(invoice.id));

    let (status, page) = served.get(&path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("Закрытый канал") && page.contains("Pay ₽299"),
        "{page}"
    );
    assert!(page.contains("action=\"http://127.0.0.1:8081/Merchant/Index.aspx\""));
    assert!(!page.contains("<script"));
    let opened = served.lk.invoice(invoice.id).await;
    assert_eq!(opened.status, InvoiceStatus::Pending);
    served.get(&path).await;
    assert_eq!(served.lk.invoice(invoice.id).await, opened);
    let changes = served.lk.sent_of("arm_sync_lk", "invoice_changed").await;
    assert_eq!(changes.len(), 1);

    let fields = hidden_fields(&page);
    assert_eq!(form::value(&fields, "OutSum"), Some("299.00"));
    assert_eq!(form::value(&fields, "Culture"), Some("en"));
    assert_eq!(form::value(&fields, "ExpirationDate"), None);
    assert_eq!(form::value(&fields, "IsTest"), None);
    let token = form::value(&fields, "Shp_route").unwrap();
    let route = RouteToken::verify(token, &served.lk.app.settings.route_keys).unwrap();
    assert_eq!(
        (route.invoice, route.user, route.amount),
        (invoice.id, USER, invoice.amount)
    );

    let id = invoice.id.to_string();
    let shp = vec![("Shp_route".to_owned(), token.to_owned())];
    let callback = served.lk.signed_with(Mode::Live, "299.000000", &id, &shp);
    let answer = served
        .client
        .post(format!("{}/robokassa/result", served.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form::encode(&callback))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(kind.starts_with("text/plain"));
    assert_eq!(answer.text().await.unwrap(), format!("OK{id}"));
    let published = served.lk.sent_of("tg_robokassa", "payment_callback").await;
    assert_eq!(
        published[0].data["params"],
        serde_json::to_value(&callback).unwrap()
    );

    let (_, page) = served.get(&path).await;
    assert!(page.contains("Paid") && page.contains("http-equiv=\"refresh\""));
    assert!(!page.contains("<form"));
}

#[tokio::test]
async fn the_result_is_taken_by_get_as_well() {
    let served = Served::new().await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let query = form::encode(&served.lk.signed(Mode::Live, "299.000000", &id));
    let (status, body) = served.get(&format!("/robokassa/result?{query}")).await;
    assert_eq!((status, body), (StatusCode::OK, format!("OK{id}")));
    assert_eq!(
        served.lk.invoice(invoice.id).await.status,
        InvoiceStatus::Paid
    );
}

#[tokio::test]
async fn a_post_is_read_from_its_body_alone() {
    let served = Served::new().await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let good = form::encode(&served.lk.signed(Mode::Live, "299.000000", &id));
    // The signature stands in the query only.
    let (status, _) = served
        .post_form(&format!("/robokassa/result?{good}"), String::new())
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    // A poisoned query beside a good body.
    let (status, body) = served
        .post_form("/robokassa/result?InvId=1&OutSum=1&Shp_x=1", good)
        .await;
    assert_eq!((status, body), (StatusCode::OK, format!("OK{id}")));
}

#[tokio::test]
async fn bad_results_are_refused_by_kind() {
    let served = Served::new().await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let good = form::encode(&served.lk.signed(Mode::Live, "299.000000", &id));
    let forged = good.replace("OutSum=299", "OutSum=298");
    let (status, body) = served.post_form("/robokassa/result", forged).await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::BAD_REQUEST, "bad sign")
    );
    for malformed in [
        String::new(),
        "junk".to_owned(),
        format!("{good}&InvId={id}"),
        "OutSum=1&InvId=x&SignatureValue=00".to_owned(),
        "%ff%fe=%00".to_owned(),
    ] {
        let (status, body) = served.post_form("/robokassa/result", malformed).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.starts_with("malformed"), "{body}");
        assert!(!body.contains("OK"));
    }
    let (status, _) = served
        .post_form(
            "/robokassa/result",
            format!("{good}&x={}", "a".repeat(70_000)),
        )
        .await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let json = served
        .client
        .post(format!("{}/robokassa/result", served.base))
        .header("content-type", "application/json")
        .body(good.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(json.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let binary = served
        .client
        .post(format!("{}/robokassa/result", served.base))
        .body(vec![0xff, 0xfe, 0x00])
        .send()
        .await
        .unwrap();
    assert_eq!(binary.status(), StatusCode::BAD_REQUEST);
    let put = served
        .client
        .put(format!("{}/robokassa/result?{good}", served.base))
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(served.lk.callbacks().await, []);
}

#[tokio::test]
async fn callbacks_beyond_the_limit_are_asked_to_come_again() {
    let served = Served::new().await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let good = form::encode(&served.lk.signed(Mode::Live, "299.000000", &id));
    let app = served.lk.app.clone();
    let free = u32::try_from(app.callbacks.available_permits()).unwrap();
    let all = app.callbacks.acquire_many(free).await.unwrap();
    let (status, body) = served.post_form("/robokassa/result", good.clone()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!body.contains("OK"));
    drop(all);
    let (status, _) = served.post_form("/robokassa/result", good).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_link_that_was_changed_leads_to_404() {
    let served = Served::new().await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let signed = served.lk.app.settings.links.sign(invoice.id);
    let (number, mac) = signed.split_once('.').unwrap();
    let next = invoice.id.get() + 1;
    for path in [
        format!("/pay/{number}"),
        format!("/pay/{next}.{mac}"),
        format!("/pay/{number}.{}A", &mac[..42]),
        "/pay/".to_owned(),
        "/pay/%ff".to_owned(),
        format!("/pay/{}", "9".repeat(5_000)),
        "/nothing".to_owned(),
    ] {
        let (status, page) = served.get(&path).await;
        assert!(
            status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST,
            "{path}: {status}"
        );
        assert!(!page.contains("Закрытый канал"));
    }
    assert_eq!(served.lk.invoice(invoice.id).await, invoice);
    // A right signature over a number that is not in the database (a restored backup).
    let gone = geobot_shared::ids::InvoiceId::new(7).unwrap();
    let path = format!("/pay/{}", served.lk.app.settings.links.sign(gone));
    assert_eq!(served.get(&path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_expired_invoice_offers_no_button() {
    let served = Served::new().await;
    let invoice = served
        .lk
        .invoice_made(Utc::now() - TimeDelta::days(2))
        .await;
    let path = format!("/pay/{}", served.lk.app.settings.links.sign(invoice.id));
    let (status, page) = served.get(&path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Срок оплаты истёк") && !page.contains("<form"));
    assert!(page.contains("https://t.me/geobot_bot"));
    assert_eq!(
        served.lk.invoice(invoice.id).await.status,
        InvoiceStatus::Created
    );
}

#[tokio::test]
async fn what_people_see_is_escaped() {
    let served = Served::new().await;
    let mut product = support::product();
    product.title = "<script>alert(1)</script>\"".into();
    served.lk.put_product(&product).await;
    served.lk.ask_invoice(product.product_id, Utc::now()).await;
    let ready = served.lk.sent_of("tg_robokassa", "invoice_ready").await;
    let url = ready[0].data["pay_url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1:5500").unwrap();
    let (_, page) = served.get(path).await;
    assert!(!page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn pages_carry_the_headers_that_protect_them() {
    let served = Served::new().await;
    for path in ["/", "/nothing", "/robokassa/success", "/robokassa/fail"] {
        let answer = served
            .client
            .get(format!("{}{path}", served.base))
            .send()
            .await
            .unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert!(policy.contains("form-action 'self' http://127.0.0.1:8081"));
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
    }
    let (status, css) = served.get("/static/style.css").await;
    assert!(status == StatusCode::OK && css.contains(".card"));
}

#[tokio::test]
async fn the_success_page_shows_the_invoice_to_a_signed_return_only_and_changes_nothing() {
    let served = Served::new().await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let credentials = served.lk.app.settings.shop.credentials(Mode::Live).unwrap();
    let signature = sign_success("299.00", &id, &[], &credentials);
    let genuine = format!("OutSum=299.00&InvId={id}&SignatureValue={signature}&Culture=ru");
    for by_post in [false, true] {
        let (status, page) = if by_post {
            let path = "/robokassa/success";
            served.post_form(path, genuine.clone()).await
        } else {
            served.get(&format!("/robokassa/success?{genuine}")).await
        };
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("Подтверждаем оплату") && page.contains(&id));
        assert!(!page.contains("<form"));
    }
    for other in [
        format!("OutSum=299.00&InvId={id}&SignatureValue={}", "0".repeat(64)),
        format!("InvId={id}"),
        "InvId=x".to_owned(),
        String::new(),
    ] {
        let (status, page) = served.get(&format!("/robokassa/success?{other}")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("Спасибо") && !page.contains("Закрытый канал"));
    }
    assert_eq!(served.lk.ledger().await, []);
    assert_ne!(
        served.lk.invoice(invoice.id).await.status,
        InvoiceStatus::Paid
    );
}

#[tokio::test]
async fn the_fail_page_leads_back_only_with_the_route_token_and_changes_nothing() {
    let served = Served::new().await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let settings = &served.lk.app.settings;
    let token = RouteToken::new(
        &settings.route_keys,
        invoice.id,
        invoice.user,
        invoice.product,
        invoice.amount,
        invoice.mode,
    )
    .sign(&settings.route_keys);
    let link = settings.links.sign(invoice.id);
    let id = invoice.id;
    let (_, page) = served
        .get(&format!(
            "/robokassa/fail?InvId={id}&OutSum=299.00&Shp_route={token}"
        ))
        .await;
    assert!(page.contains(&link));
    for other in [
        format!("InvId={id}&OutSum=299.00"),
        format!("InvId={id}&Shp_route=x"),
        format!("InvId={}&Shp_route={token}", id.get() + 1),
        String::new(),
    ] {
        let (status, page) = served.get(&format!("/robokassa/fail?{other}")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!page.contains(&link), "{other}");
    }
    assert_eq!(served.lk.invoice(invoice.id).await, invoice);
}

struct Older {
    served: Served,
    kafka: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
}

impl Older {
    async fn new(extra: &[&str]) -> Older {
        let kafka = MockCluster::new(1).unwrap();
        for topic in ["create_user_in", "update_user_in", "info_in", "task_in"] {
            kafka.create_topic(topic, 1, 1).unwrap();
        }
        let lk = TestLk::sqlite_with(extra, &kafka.bootstrap_servers()).await;
        Older {
            served: Served::of(lk).await,
            kafka,
        }
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &str) -> (StatusCode, Value) {
        let mut request = self
            .served
            .client
            .post(format!("{}{path}", self.served.base))
            .body(body.to_owned());
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// The only record of a topic: message-id and value.
    fn record(&self, topic: &str) -> (String, Value) {
        use rdkafka::message::Headers;
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.kafka.bootstrap_servers())
            .set("group.id", "test")
            .create()
            .unwrap();
        let mut partitions = rdkafka::TopicPartitionList::new();
        partitions
            .add_partition_offset(topic, 0, rdkafka::Offset::Beginning)
            .unwrap();
        consumer.assign(&partitions).unwrap();
        let record = consumer
            .poll(std::time::Duration::from_secs(10))
            .expect("a record within 10 s")
            .unwrap();
        let id = record
            .headers()
            .unwrap()
            .iter()
            .find(|header| header.key == "message-id")
            .unwrap();
        (
            String::from_utf8(id.value.unwrap().to_vec()).unwrap(),
            serde_json::from_slice(record.payload().unwrap()).unwrap(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_older_endpoint_writes_its_record_before_it_answers() {
    let older = Older::new(&[]).await;
    for (path, topic, action) in [
        ("/create_user", "create_user_in", "create_user"),
        ("/update_user", "update_user_in", "update_user"),
        ("/info", "info_in", "info"),
        ("/start_task", "task_in", "start_task"),
    ] {
        let body = r#"{"user_id": 7, "name": "Анна"}"#;
        let (status, answer) = older.post(path, Some("Bearer secret-token"), body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["status"], "ok");
        let (id, record) = older.record(topic);
        assert_eq!(answer["message_id"], id);
        assert_eq!(record["service"], "LK");
        assert_eq!(record["action"], action);
        assert_eq!(record["payload"]["message"], format!("It is {action}"));
        assert_eq!(
            record["payload"]["data"],
            json!({"user_id": 7, "name": "Анна"})
        );
    }
    // The older `curl` lines: no token, no body.
    let (status, _) = older.post("/info", None, "").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_calls_of_the_older_endpoints_are_refused_with_a_reason() {
    let older = Older::new(&[]).await;
    let deep = "[".repeat(10_000);
    let long = format!("{{\"a\":\"{}\"}}", "a".repeat(70_000));
    for (token, body, expected) in [
        (None, "{", StatusCode::BAD_REQUEST),
        (None, "[]", StatusCode::BAD_REQUEST),
        (None, "null", StatusCode::BAD_REQUEST),
        (None, "\"text\"", StatusCode::BAD_REQUEST),
        (None, deep.as_str(), StatusCode::BAD_REQUEST),
        (None, long.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
        (Some("Bearer wrong"), "{}", StatusCode::UNAUTHORIZED),
        (Some("Bearer "), "{}", StatusCode::UNAUTHORIZED),
        (Some("Basic secret-token"), "{}", StatusCode::UNAUTHORIZED),
        (Some("secret-token"), "{}", StatusCode::UNAUTHORIZED),
        (Some("Bearer secret-toke"), "{}", StatusCode::UNAUTHORIZED),
    ] {
        let (status, answer) = older.post("/create_user", token, body).await;
        assert_eq!(status, expected, "{token:?} {body:.50}");
        assert_eq!(answer["status"], "error");
        assert!(!answer["reason"].as_str().unwrap().is_empty());
    }
    let (status, _) = older.served.get("/create_user").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_mode_takes_no_call_without_its_token() {
    let older = Older::new(&["--bot-token=1:AAE-real"]).await;
    let (status, _) = older.post("/create_user", None, "{}").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _) = older
        .post("/create_user", Some("bearer secret-token"), "{}")
        .await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn older_callers_may_use_get_where_it_is_allowed() {
    let older = Older::new(&["--legacy-get=true"]).await;
    let (status, _) = older
        .served
        .get("/create_user?user_id=7&name=%D0%90%D0%BD%D0%BD%D0%B0")
        .await;
    assert_eq!(status, StatusCode::OK);
    let (_, record) = older.record("create_user_in");
    assert_eq!(
        record["payload"]["data"],
        json!({"user_id": "7", "name": "Анна"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ok_while_kafka_is_down() {
    let lk = TestLk::sqlite_with(&[], "127.0.0.1:1").await;
    let served = Served::of(lk).await;
    let answer = served
        .client
        .post(format!("{}/info", served.base))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// Every path of a router with its methods, as they are: by OPTIONS, which none of them takes.
async fn served_calls(served: &Served, routes: axum::Router) -> BTreeSet<(String, String)> {
    // A router lists its paths nowhere but here. Were it to write them otherwise, nothing would be found and the
    // comparison below would fail.
    let written = format!("{routes:?}");
    let paths: BTreeSet<&str> = written
        .split('"')
        .filter(|text| text.starts_with('/') && !text.contains("__private"))
        .collect();
    let mut calls = BTreeSet::new();
    for path in paths {
        let url = format!("{}{}", served.base, path.replace("{signed}", "x"));
        let answer = served
            .client
            .request(Method::OPTIONS, url)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = answer.headers()["allow"].to_str().unwrap();
        for method in allowed.split(',').filter(|&method| method != "HEAD") {
            calls.insert((path.to_owned(), method.to_ascii_lowercase()));
        }
    }
    calls
}

#[tokio::test]
async fn the_document_names_every_route_and_no_other() {
    let lk = TestLk::sqlite_with(&["--legacy-get=true"], "127.0.0.1:1").await;
    let health = http::Health::new(CancellationToken::new()).routes();
    let routes = web::routes(lk.app.clone()).merge(health);
    let served = Served::with_routes(lk, routes.clone()).await;
    let (status, text) = served.get("/docs/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut documented = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(!operation["responses"].as_object().unwrap().is_empty());
            documented.insert((path.clone(), method.clone()));
        }
    }
    let served_calls = served_calls(&served, routes).await;
    let missing: Vec<_> = served_calls.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&served_calls).collect();
    assert!(missing.is_empty(), "not in the document: {missing:?}");
    assert!(invented.is_empty(), "not served: {invented:?}");

    let (status, yaml) = served.get("/docs/openapi.yaml").await;
    assert_eq!((status, yaml), (StatusCode::OK, text));
    let (status, page) = served.get("/docs").await;
    assert_eq!(status, StatusCode::OK);
    for (path, _) in &documented {
        assert!(page.contains(path.as_str()), "{path} is not on the page");
    }
    assert!(!page.contains("<script") && !page.contains("http://"));
}

#[tokio::test]
async fn the_pay_page_shows_what_a_promo_code_took_off() {
    let served = Served::new().await;
    let lk = &served.lk;
    lk.start_person(USER, "ru").await;
    let product = support::product();
    lk.put_product(&product).await;
    let promo = PromoUpserted {
        code: "<Осень>".into(),
        version: 1,
        percent: Some(15),
        amount: None,
        limit: None,
        once_per_person: false,
        starts_at: None,
        ends_at: None,
        active: true,
    };
    promo::promo_upserted(&lk.app, promo, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let wish = InvoiceRequested {
        user_id: USER,
        chat_id: USER.into(),
        product_id: product.product_id,
        promo_code: Some("<осень>".into()),
    };
    request::requested(&lk.app, wish, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    let url = ready[0].data["pay_url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1:5500").unwrap();
    let (_, page) = served.get(path).await;
    let full = page
        .split_once("<s>")
        .unwrap()
        .1
        .split_once("</s>")
        .unwrap();
    assert!(
        full.0.contains("299") && full.1.contains("254,15"),
        "{page}"
    );
    assert!(page.contains("Промокод &#60;Осень&#62;"), "{page}");
    let fields = hidden_fields(&page);
    assert_eq!(form::value(&fields, "OutSum"), Some("254.15"));

    // Without a code there is one price.
    lk.ask_invoice(product.product_id, Utc::now()).await;
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    let url = ready[1].data["pay_url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1:5500").unwrap();
    let (_, page) = served.get(path).await;
    assert!(!page.contains("<s>") && !page.contains("Промокод"));
}
