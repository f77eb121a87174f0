//! The JSON API.

use geobot_arm::store::audit;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::arm::{API_TOKEN, Arm, published_as};
use crate::demo;

async fn call(arm: &Arm, method: Method, path: &str, body: Option<&str>) -> (StatusCode, Value) {
    let mut request = Client::new()
        .request(method, format!("{}{path}", arm.url))
        .bearer_auth(API_TOKEN);
    if let Some(body) = body {
        request = request
            .body(body.to_owned())
            .header("content-type", "application/json");
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap())
}

async fn get(arm: &Arm, path: &str) -> (StatusCode, Value) {
    call(arm, Method::GET, path, None).await
}

async fn post(arm: &Arm, path: &str, body: &Value) -> (StatusCode, Value) {
    call(arm, Method::POST, path, Some(&body.to_string())).await
}

fn product() -> Value {
    json!({ "title": "Книга", "price": "299.00", "delivery": { "kind": "text", "text": "Спасибо" } })
}

#[tokio::test]
async fn nothing_is_told_without_the_token() {
    let arm = Arm::start().await;
    for path in [
        "/api/products",
        "/api/invoices/1",
        "/api/users/1",
        "/api/nothing",
    ] {
        for token in [None, Some("wrong"), Some("")] {
            let mut request = Client::new().get(format!("{}{path}", arm.url));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
            assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
        }
    }
}

#[tokio::test]
async fn a_product_made_twice_with_one_id_is_one_product_of_one_version() {
    let arm = Arm::start().await;
    let mut body = product();
    body["product_id"] = "0197a0b0-0000-7000-8000-0000000000aa".into();
    body["a_field_of_the_future"] = true.into();
    let (status, made) = post(&arm, "/api/products", &body).await;
    assert_eq!(
        (status, made["version"].as_i64()),
        (StatusCode::CREATED, Some(1))
    );
    let (status, again) = post(&arm, "/api/products", &body).await;
    assert_eq!((status, &again), (StatusCode::OK, &made));
    body["price"] = 29_900.into();
    let (_, same) = post(&arm, "/api/products", &body).await;
    assert_eq!(same["version"], 1, "kopecks and rubles are the same price");
    assert_eq!(
        published_as(arm.db(), "lk_sync_orm", "product_upserted")
            .await
            .len(),
        1
    );

    body["price"] = "300".into();
    let (status, changed) = post(&arm, "/api/products", &body).await;
    assert_eq!(
        (status, changed["version"].as_i64()),
        (StatusCode::OK, Some(2))
    );
    assert_eq!(changed["price"], 30_000);
    assert_eq!(changed["price_rubles"], "300.00");
    let (_, all) = get(&arm, "/api/products").await;
    assert_eq!(all["products"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn many_at_once_make_one_product() {
    let arm = std::sync::Arc::new(Arm::start().await);
    let mut body = product();
    body["product_id"] = "0197a0b0-0000-7000-8000-0000000000ab".into();
    let calls = (0..8).map(|_| {
        let (arm, body) = (arm.clone(), body.clone());
        tokio::spawn(async move { post(&arm, "/api/products", &body).await })
    });
    for running in calls.collect::<Vec<_>>() {
        let (status, made) = running.await.unwrap();
        assert!(status.is_success(), "{status} {made}");
        assert_eq!(made["version"], 1);
    }
    assert_eq!(
        published_as(arm.db(), "lk_sync_orm", "product_upserted")
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn a_product_is_changed_archived_and_restored_and_lk_hears_each() {
    let arm = Arm::start().await;
    let (_, made) = post(&arm, "/api/products", &product()).await;
    let path = format!("/api/products/{}", made["product_id"].as_str().unwrap());
    let mut body = product();
    body["title"] = "Книга 2".into();
    body["position"] = 5.into();
    let (status, changed) = call(&arm, Method::PUT, &path, Some(&body.to_string())).await;
    assert_eq!(
        (status, changed["version"].as_i64()),
        (StatusCode::OK, Some(2))
    );
    for (action, version, archived) in [
        ("archive", 3, true),
        ("archive", 3, true),
        ("restore", 4, false),
        ("archive", 5, true),
    ] {
        let (status, now) = call(&arm, Method::POST, &format!("{path}/{action}"), None).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            (now["version"].as_i64(), now["archived"].as_bool()),
            (Some(version), Some(archived))
        );
    }
    let (_, still) = call(&arm, Method::PUT, &path, Some(&product().to_string())).await;
    assert_eq!(
        (still["version"].as_i64(), still["active"].as_bool()),
        (Some(6), Some(false))
    );

    let upserts = published_as(arm.db(), "lk_sync_orm", "product_upserted").await;
    let versions: Vec<_> = upserts
        .iter()
        .map(|p| {
            (
                p["version"].as_i64().unwrap(),
                p["active"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(versions, [(1, true), (2, true), (4, true), (6, false)]);
    let archived = published_as(arm.db(), "lk_sync_orm", "product_archived").await;
    assert_eq!(
        archived
            .iter()
            .map(|p| p["version"].as_i64().unwrap())
            .collect::<Vec<_>>(),
        [3, 5]
    );
    let deeds = audit::list(arm.db(), 0, 100).await.unwrap();
    assert_eq!(deeds.len(), 6);
    assert!(deeds.iter().all(|deed| deed.staff == "api"));
}

#[tokio::test]
async fn a_bad_product_is_refused_with_a_reason() {
    let arm = Arm::start().await;
    let with = |field: &str, value: Value| {
        let mut body = product();
        body[field] = value;
        body.to_string()
    };
    for (body, reason) in [
        (String::new(), "can't be read"),
        ("{".to_owned(), "can't be read"),
        ("[]".to_owned(), "can't be read"),
        (json!({ "price": 1 }).to_string(), "title"),
        (with("title", " ".into()), "title"),
        (with("title", "x".repeat(101).into()), "100 characters"),
        (with("price", 0.into()), "above 0"),
        (with("price", (-5).into()), "above 0"),
        (with("price", 100_000_001.into()), "1000000"),
        (with("price", 299.5.into()), "kopecks"),
        (with("price", "1,5".into()), "price"),
        (with("price", "1.001".into()), "price"),
        (with("price", Value::Null), "kopecks"),
        (with("delivery", json!({ "kind": "gift" })), "gift"),
        (
            with("delivery", json!({ "kind": "text", "text": "" })),
            "empty",
        ),
        (
            with(
                "delivery",
                json!({ "kind": "text", "text": "x".repeat(4_097) }),
            ),
            "4096",
        ),
        (
            with("delivery", json!({ "kind": "invite_link", "chat_id": 5 })),
            "chat_id",
        ),
        (
            with("delivery", json!({ "kind": "file", "url": "ftp://a/b" })),
            "url",
        ),
        (with("product_id", "not-a-uuid".into()), "can't be read"),
        (with("position", "first".into()), "can't be read"),
    ] {
        let (status, answer) = call(&arm, Method::POST, "/api/products", Some(&body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
        let said = answer["error"].as_str().unwrap();
        assert!(said.contains(reason), "{body}: {said}");
    }
    let huge = with("description", "x".repeat(100_000).into());
    let answer = Client::new()
        .post(format!("{}/api/products", arm.url))
        .bearer_auth(API_TOKEN)
        .body(huge)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        get(&arm, "/api/products").await.1,
        json!({ "products": [] })
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let arm = Arm::start().await;
    for path in [
        "/api/products/0197a0b0-0000-7000-8000-0000000000ff",
        "/api/products/x",
        "/api/invoices/1",
        "/api/invoices/0",
        "/api/invoices/x",
        "/api/users/1",
        "/api/users/x",
        "/api/tasks/x",
        "/api/nothing",
    ] {
        let (status, answer) = get(&arm, path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer["error"].is_string());
    }
    let (status, _) = call(&arm, Method::POST, "/api/products/x/archive", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = call(&arm, Method::DELETE, "/api/products", None).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn invoices_and_people_are_shown_as_they_are() {
    let arm = Arm::start().await;
    demo::fill(&arm.app).await;
    let (_, all) = get(&arm, "/api/invoices").await;
    assert_eq!(all["invoices"].as_array().unwrap().len(), 40);
    let (_, some) = get(
        &arm,
        &format!("/api/invoices?user_id={}&status=paid", demo::USER),
    )
    .await;
    let some = some["invoices"].as_array().unwrap();
    assert!(!some.is_empty() && some.len() < 40);
    assert!(
        some.iter()
            .all(|i| i["status"] == "paid" && i["user_id"] == demo::USER)
    );
    for query in ["user_id=x", "status=gone"] {
        let (status, answer) = get(&arm, &format!("/api/invoices?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    }
    let (_, one) = get(&arm, &format!("/api/invoices/{}", demo::INVOICE)).await;
    assert_eq!(
        (one["status"].as_str(), one["routing"].as_str()),
        (Some("paid"), Some("delivered"))
    );
    assert_eq!(one["events"][0]["kind"], "payment_routed");
    let (_, person) = get(&arm, &format!("/api/users/{}", demo::USER)).await;
    assert_eq!(person["first_name"], demo::HOSTILE);
    assert_eq!(person["telegram"]["chat_id"], demo::USER);
    assert_eq!(person["entitlements"][0]["invoice_id"], demo::INVOICE);
    assert!(person["messages"].as_array().unwrap().len() >= 2);
    let (_, task) = get(&arm, &format!("/api/tasks/{}", demo::TASK)).await;
    assert_eq!(
        (task["state"].as_str(), task["done"].as_i64()),
        (Some("started"), Some(3))
    );
}
