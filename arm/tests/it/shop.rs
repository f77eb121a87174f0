//! What staff sell: receipts, keys, promo codes; on the pages and in the API.

use chrono::Utc;
use geobot_arm::catalog::{self, Draft};
use geobot_arm::inbox::arm_sync_lk;
use geobot_arm::promo::{self, Expected, PromoDraft, PromoTerms};
use geobot_arm::store::{audit, products, promos, stocks};
use geobot_shared::ids::ProductId;
use geobot_shared::money::Money;
use geobot_shared::topics::arm_sync_lk::{PromoUsed, StockChanged};
use geobot_shared::topics::states::Delivery;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::arm::{API_TOKEN, Arm, app, published, published_as};
use crate::browser::Browser;
use crate::databases::on_both;
use crate::records::give;

const SECRET: &str = "SECRET-KEY-0001";

pub(crate) async fn call(
    arm: &Arm,
    method: Method,
    path: &str,
    body: &Value,
) -> (StatusCode, Value) {
    let answer = Client::new()
        .request(method, format!("{}{path}", arm.url))
        .bearer_auth(API_TOKEN)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn key_product(arm: &Arm) -> ProductId {
    let id = ProductId(uuid::Uuid::from_u128(77));
    let delivery = Delivery::Key {
        text: "Ключ: {key}".into(),
    };
    let draft = Draft::new("Ключ", "", Money::from_kopecks(100), delivery, 0).unwrap();
    catalog::create(&arm.app, "owner", Some(id), draft, Utc::now())
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn a_product_has_terms_receipt_words_and_a_key_as_its_delivery() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let id = owner.open("/products/new").await.field("new_id");
    let fields = [
        ("title", "Ключ на год"),
        ("price", "1499"),
        ("position", "1"),
        ("kind", "key"),
        ("key_text", "Ваш ключ: {key}"),
        ("low_stock", "5"),
        ("days", "365"),
        ("tax", "vat20"),
        ("payment_object", "service"),
        ("payment_method", "full_payment"),
        ("new_id", &id),
    ];
    let seen = owner.submit("/products", &fields).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let made = published_as(arm.db(), "lk_sync_orm", "product_upserted").await;
    assert_eq!(
        made[0]["delivery"],
        json!({"kind": "key", "text": "Ваш ключ: {key}"})
    );
    for (field, value) in [
        ("low_stock", json!(5)),
        ("days", json!(365)),
        ("tax", json!("vat20")),
        ("payment_object", json!("service")),
        ("payment_method", json!("full_payment")),
    ] {
        assert_eq!(made[0][field], value, "{field}");
    }
    let page = owner.open(&format!("/products/{id}")).await;
    assert!(page.body.contains("<option value=\"vat20\" selected>"));
    assert!(page.body.contains("Ключи на складе"));
    for (field, value, words) in [
        ("key_text", "{key} и {key}", "один раз"),
        ("low_stock", "0", "Порог"),
        ("days", "4000", "Срок"),
        ("tax", "vat99", "Выберите НДС"),
    ] {
        let mut bad = fields.to_vec();
        bad.retain(|(name, _)| *name != field);
        bad.push((field, value));
        let seen = owner.submit("/products", &bad).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{field}");
        assert!(seen.body.contains(words), "{field}");
    }
}

#[tokio::test]
async fn days_of_a_link_stand_where_they_always_stood() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let id = owner.open("/products/new").await.field("new_id");
    let fields = [
        ("title", "Канал"),
        ("price", "299"),
        ("kind", "invite_link"),
        ("chat_id", "-100500"),
        ("days", "30"),
        ("new_id", &id),
    ];
    let seen = owner.submit("/products", &fields).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let made = published_as(arm.db(), "lk_sync_orm", "product_upserted").await;
    assert_eq!(made[0]["delivery"]["days"], 30);
    assert!(made[0].get("days").is_none());
    assert_eq!(made[0]["tax"], "none");
    let page = owner.open(&format!("/products/{id}")).await;
    assert_eq!(page.field("days"), "30");
}

#[tokio::test]
async fn keys_go_to_lk_once_and_are_shown_nowhere() {
    let arm = Arm::start().await;
    let id = key_product(&arm).await;
    let manager = Browser::of(&arm, "manager").await;
    let path = format!("/products/{id}");
    let upload = manager.open(&path).await.field("upload_id");
    let text = format!("{SECRET}\r\n\r\n B-2 \r\n{SECRET}\r\n");
    let fields = [("upload_id", upload.as_str()), ("keys", text.as_str())];
    for _ in 0..2 {
        let seen = manager.submit(&format!("{path}/keys"), &fields).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
        assert_eq!(seen.location(), format!("{path}?keys=2"));
    }
    let sent = published_as(arm.db(), "lk_sync_orm", "keys_uploaded").await;
    assert_eq!(
        sent,
        [json!({"product_id": id, "upload_id": upload, "keys": [SECRET, "B-2"]})]
    );
    for (topic, _, data) in published(arm.db()).await {
        assert!(topic == "lk_sync_orm" || !data.to_string().contains(SECRET));
    }
    let deeds = audit::list(arm.db(), 0, 10).await.unwrap();
    assert_eq!(deeds[0].action, "keys_uploaded");
    assert!(deeds.iter().all(|deed| !deed.detail.contains(SECRET)));
    let page = manager.open(&format!("{path}?keys=2")).await;
    assert!(page.body.contains("Отправлено ключей: 2"));
    assert!(!page.body.contains(SECRET));
}

#[tokio::test]
async fn bad_keys_are_refused_by_line_and_nothing_is_sent() {
    let arm = Arm::start().await;
    let id = key_product(&arm).await;
    let owner = Browser::of(&arm, "owner").await;
    let path = format!("/products/{id}/keys");
    let upload = uuid::Uuid::now_v7().to_string();
    let many = (0..10_001).map(|n| format!("k{n}\n")).collect::<String>();
    for (keys, words) in [
        ("", "хотя бы один"),
        (" \r\n ", "хотя бы один"),
        (&format!("good\n{}", "x".repeat(501)), "в строке 2"),
        ("a\tb", "в строке 1"),
        (&many, "не больше 10000"),
    ] {
        let seen = owner
            .submit(&path, &[("upload_id", &upload), ("keys", keys)])
            .await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
        assert!(seen.body.contains(words), "{words}");
        assert!(!seen.body.contains("good"), "keys are not shown again");
    }
    let seen = owner
        .submit(&path, &[("upload_id", "x"), ("keys", "a")])
        .await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let support = Browser::of(&arm, "support").await;
    let fields = [("upload_id", upload.as_str()), ("keys", "a")];
    assert_eq!(
        support.submit(&path, &fields).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        owner.send(&path, &fields).await.status,
        StatusCode::FORBIDDEN,
        "no form token"
    );
    let nowhere = format!("/products/{}/keys", uuid::Uuid::from_u128(5));
    assert_eq!(
        owner.submit(&nowhere, &fields).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(
        published_as(arm.db(), "lk_sync_orm", "keys_uploaded")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn many_keys_travel_in_several_records() {
    let arm = Arm::start().await;
    let id = key_product(&arm).await;
    let keys: Vec<String> = (0..1_201).map(|n| format!("KEY-{n:032}")).collect();
    let body = json!({ "upload_id": uuid::Uuid::from_u128(9), "keys": keys });
    for _ in 0..2 {
        let path = format!("/api/products/{id}/keys");
        let (status, answer) = call(&arm, Method::POST, &path, &body).await;
        assert_eq!(
            (status, &answer["sent"]),
            (StatusCode::ACCEPTED, &1_201.into())
        );
    }
    let sent = published_as(arm.db(), "lk_sync_orm", "keys_uploaded").await;
    let sizes: Vec<usize> = sent
        .iter()
        .map(|data| data["keys"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [500, 500, 201]);

    let path = format!("/api/products/{id}/keys");
    for bad in [
        json!({}),
        json!([SECRET]),
        json!({"keys": []}),
        json!({"keys": [SECRET, "a\nb"]}),
        json!({"keys": [SECRET, 5]}),
        json!({"keys": [SECRET], "upload_id": "x"}),
    ] {
        let (status, answer) = call(&arm, Method::POST, &path, &bad).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(!answer.to_string().contains("SECRET"), "{answer}");
    }
    let text = json!({ "title": "Книга", "price": 100, "delivery": { "kind": "text", "text": "x" },
                       "product_id": uuid::Uuid::from_u128(5) });
    call(&arm, Method::POST, "/api/products", &text).await;
    let path = format!("/api/products/{}/keys", uuid::Uuid::from_u128(5));
    let (status, answer) = call(&arm, Method::POST, &path, &json!({"keys": ["a"]})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("stock"));
}

#[tokio::test]
async fn lks_stock_and_uses_are_shown_by_version_on_both_databases() {
    on_both(async |db| {
        let app = app(db);
        let lk = arm_sync_lk::handlers();
        let product = ProductId(uuid::Uuid::from_u128(77));
        let stock = |version, free| {
            serde_json::to_value(StockChanged {
                product_id: product,
                version,
                free,
                given: 1,
                waiting: 0,
            })
            .unwrap()
        };
        for (version, free) in [(2, 5), (1, 9), (3, 4)] {
            give(&app, &lk, "stock_changed", stock(version, free))
                .await
                .unwrap();
        }
        assert_eq!(stocks::of(db, product).await.unwrap().free, 4);
        let percent = PromoTerms {
            percent: Some(10),
            active: true,
            ..PromoTerms::default()
        };
        let draft = PromoDraft::new("Осень", percent.clone()).unwrap();
        promo::save(&app, "owner", draft, Expected::New, Utc::now())
            .await
            .unwrap();
        for (version, used) in [(2, 7), (1, 3)] {
            let used = PromoUsed {
                code: "осень".into(),
                version,
                used,
            };
            give(&app, &lk, "promo_used", json!(used)).await.unwrap();
        }
        let row = promos::get(db, "ОСЕНЬ").await.unwrap().unwrap();
        assert_eq!(row.used, 7);
        // A change of the code keeps the number of uses.
        let terms = PromoTerms {
            limit: Some(7),
            ..percent
        };
        let draft = PromoDraft::new("ОСЕНЬ", terms).unwrap();
        let saved = promo::save(&app, "owner", draft, Expected::Version(1), Utc::now())
            .await
            .unwrap()
            .promo();
        assert_eq!(
            (saved.version, saved.used, saved.code.as_str()),
            (2, 7, "Осень")
        );
        assert!(!saved.is_taken(Utc::now()), "the limit is used up");
    })
    .await;
}

#[tokio::test]
async fn a_sold_out_product_is_shown_to_staff() {
    let arm = Arm::start().await;
    let id = key_product(&arm).await;
    let owner = Browser::of(&arm, "owner").await;
    assert!(owner.open("/").await.body.contains("1 товар без ключей"));
    assert!(
        owner
            .open("/products")
            .await
            .body
            .contains("ключи закончились")
    );
    let stock = json!({"product_id": id, "version": 1, "free": 3, "given": 0, "waiting": 0});
    give(&arm.app, &arm_sync_lk::handlers(), "stock_changed", stock)
        .await
        .unwrap();
    assert!(!owner.open("/").await.body.contains("без ключей"));
    let (_, shown) = call(
        &arm,
        Method::GET,
        &format!("/api/products/{id}"),
        &json!({}),
    )
    .await;
    assert_eq!(shown["stock"]["free"], 3);
    assert!(products::get(arm.db(), id).await.unwrap().unwrap().active);
}

#[tokio::test]
async fn a_manager_makes_and_changes_a_promo_code() {
    let arm = Arm::start().await;
    let manager = Browser::of(&arm, "manager").await;
    let fields = [
        ("code", "Осень-26"),
        ("kind", "percent"),
        ("percent", "15"),
        ("limit", "100"),
        ("once", "yes"),
        ("starts_at", "2026-11-01T00:00"),
        ("ends_at", "2030-12-01T10:30"),
        ("active", "yes"),
    ];
    let seen = manager.submit("/promos", &fields).await;
    assert_eq!(
        (seen.status, seen.location()),
        (StatusCode::SEE_OTHER, "/promos"),
        "{}",
        seen.body
    );
    let told = published_as(arm.db(), "lk_sync_orm", "promo_upserted").await;
    assert_eq!(
        told,
        [json!({
            "code": "Осень-26", "version": 1, "percent": 15, "limit": 100, "once_per_person": true,
            "starts_at": "2026-10-31T21:00:00Z", "ends_at": "2030-12-01T07:30:00Z", "active": true
        })]
    );
    let again = manager.submit("/promos", &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("уже есть"));

    let list = manager.open("/promos").await;
    let href = list
        .body
        .split("href=\"/promos/")
        .find_map(|part| part.split('"').next().filter(|it| it.starts_with("%D0")))
        .unwrap()
        .to_owned();
    let path = format!("/promos/{href}");
    let page = manager.open(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.field("starts_at"), "2026-11-01T00:00");
    let change = [
        ("version", "1"),
        ("kind", "amount"),
        ("amount", "50,00"),
        ("active", ""),
    ];
    let seen = manager.submit(&path, &change).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let told = published_as(arm.db(), "lk_sync_orm", "promo_upserted").await;
    assert_eq!(
        told[1],
        json!({"code": "Осень-26", "version": 2, "amount": 5_000, "once_per_person": false, "active": false})
    );
    let stale = manager.submit(&path, &change).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert_eq!(
        manager.submit("/promos/none", &change).await.status,
        StatusCode::NOT_FOUND
    );
    for (field, value, words) in [
        ("code", "a b", "от 2 до 32"),
        ("percent", "0", "от 1 до 100"),
        ("limit", "x", "Сколько раз"),
        ("ends_at", "2026-11-01T00:00", "позже начала"),
        ("starts_at", "tomorrow", "не читается"),
    ] {
        let mut bad = fields.to_vec();
        bad.retain(|(name, _)| *name != field);
        bad.push((field, value));
        let seen = manager.submit("/promos", &bad).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{field}");
        assert!(seen.body.contains(words), "{field}");
    }
    let support = Browser::of(&arm, "support").await;
    assert_eq!(support.open("/promos").await.status, StatusCode::OK);
    assert_eq!(
        support.open("/promos/new").await.status,
        StatusCode::FORBIDDEN
    );
    for target in ["/promos", path.as_str()] {
        let seen = support
            .submit(target, &[("version", "2"), ("code", "ABC")])
            .await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn promo_codes_are_made_by_the_api() {
    let arm = Arm::start().await;
    let body = json!({"code": "AUTUMN", "percent": 10, "limit": 5});
    let (status, made) = call(&arm, Method::POST, "/api/promos", &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!((&made["active"], &made["used"]), (&json!(true), &json!(0)));
    let (status, again) = call(&arm, Method::POST, "/api/promos", &body).await;
    assert_eq!((status, &again), (StatusCode::OK, &made));
    let other = json!({"code": "autumn", "amount": "50.00"});
    let (status, changed) = call(&arm, Method::POST, "/api/promos", &other).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&changed["amount"], &changed["version"], &changed["code"]),
        (&json!(5_000), &json!(2), &json!("AUTUMN"))
    );
    let (_, shown) = call(&arm, Method::GET, "/api/promos/AuTuMn", &json!({})).await;
    assert_eq!(shown, changed);
    for bad in [
        json!({}),
        json!({"code": "AB"}),
        json!({"code": "AB", "percent": 101}),
        json!({"code": "AB", "percent": 300}),
        json!({"code": "AB", "percent": 1, "amount": 1}),
        json!({"code": "AB", "amount": -5}),
        json!({"code": "AB", "amount": "1,5"}),
        json!({"code": "A/B", "percent": 1}),
        json!({"code": "AB", "percent": 1, "limit": -1}),
        json!({"code": "AB", "percent": 1, "ends_at": "soon"}),
    ] {
        let (status, answer) = call(&arm, Method::POST, "/api/promos", &bad).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {answer}");
    }
    let (status, _) = call(&arm, Method::GET, "/api/promos/none", &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
