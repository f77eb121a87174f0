//! Products, against a stand-in for ARM.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::command::{Ended, ctl};

type Saved = Arc<Mutex<Vec<Value>>>;
type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn admit(headers: &HeaderMap) -> Result<(), (StatusCode, Json<Value>)> {
    match headers["authorization"] == "Bearer right" {
        true => Ok(()),
        false => Err((
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "wrong token"})),
        )),
    }
}

async fn list(State(saved): State<Saved>, headers: HeaderMap) -> Answer {
    admit(&headers)?;
    Ok(Json(json!({"products": *saved.lock().unwrap()})))
}

async fn save(
    State(saved): State<Saved>,
    headers: HeaderMap,
    Json(mut body): Json<Value>,
) -> Answer {
    admit(&headers)?;
    if body["title"] == "Чужое" {
        return Err((
            StatusCode::UNPROCESSABLE_ENTITY,
            Json(json!({"error": "the title is taken"})),
        ));
    }
    body["active"] = json!(true);
    body["price_rubles"] = body["price"].clone();
    let mut saved = saved.lock().unwrap();
    saved.retain(|p| p["product_id"] != body["product_id"]);
    saved.push(body.clone());
    Ok(Json(body))
}

async fn archive(State(saved): State<Saved>, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    admit(&headers)?;
    let mut saved = saved.lock().unwrap();
    match saved.iter_mut().find(|p| p["product_id"] == id) {
        Some(product) => {
            product["active"] = json!(false);
            Ok(Json(product.clone()))
        }
        None => Err((
            StatusCode::NOT_FOUND,
            Json(json!({"error": "no such product"})),
        )),
    }
}

async fn keep(
    Query(asked): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    admit(&headers)?;
    Ok(Json(
        json!({"sha256": "ab".repeat(32), "name": asked["name"], "size": body.len()}),
    ))
}

struct StandIn {
    saved: Saved,
    url: String,
}

impl StandIn {
    async fn start() -> StandIn {
        let saved = Saved::default();
        let routes = Router::new()
            .route("/api/products", get(list).post(save))
            .route("/api/files", post(keep))
            .route("/api/products/{id}/archive", post(archive))
            .with_state(saved.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        StandIn { saved, url }
    }

    async fn ctl(&self, words: &[&str], token: &str) -> Ended {
        let words: Vec<String> = words.iter().map(|&w| w.to_owned()).collect();
        let (url, token) = (self.url.clone(), token.to_owned());
        tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            ctl(&words, &[("ARM_URL", &url), ("ARM_API_TOKEN", &token)])
        })
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_added_listed_and_archived() {
    let arm = StandIn::start().await;
    let add = [
        "product",
        "add",
        "--title",
        "Канал",
        "--price",
        "990",
        "--invite-chat",
        "-1001234567890",
        "--days",
        "30",
        "--position",
        "2",
    ];
    let ended = arm.ctl(&add, "right").await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let id = ended.out.split_whitespace().next().unwrap().to_owned();
    assert_eq!(
        arm.saved.lock().unwrap()[0],
        json!({"product_id": id, "title": "Канал", "description": "", "price": "990.00", "price_rubles": "990.00", "position": 2, "active": true,
            "delivery": {"kind": "invite_link", "chat_id": -1001234567890_i64, "days": 30}})
    );

    let ended = arm.ctl(&["product", "archive", &id], "right").await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let ended = arm.ctl(&["product", "list"], "right").await;
    let line = ended.out.lines().nth(1).unwrap();
    for word in [&id, "990.00", "invite link", "archived", "Канал"] {
        assert!(line.contains(word), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_uploaded_and_sold_and_a_webhook_too() {
    let arm = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Карта.pdf");
    let path = path.to_str().unwrap();
    let add = ["product", "add", "--title", "Карта", "--price", "149"];
    let sell = [&add[..], &["--file", path, "--caption", "Ваша карта"]].concat();
    let ended = arm.ctl(&sell, "right").await;
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("--file"), "{}", ended.err);
    std::fs::write(path, b"").unwrap();
    assert_eq!(arm.ctl(&sell, "right").await.code, Some(2));
    std::fs::write(path, b"%PDF-").unwrap();
    let ended = arm.ctl(&sell, "right").await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let webhook = [
        "--webhook",
        "https://example.com/buy",
        "--webhook-text",
        "Ждите",
    ];
    let ended = arm.ctl(&[&add[..], &webhook].concat(), "right").await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let saved = arm.saved.lock().unwrap();
    assert_eq!(
        saved[0]["delivery"],
        json!({"kind": "stored_file", "caption": "Ваша карта",
            "file": {"sha256": "ab".repeat(32), "name": "Карта.pdf", "size": 5}})
    );
    assert_eq!(
        saved[1]["delivery"],
        json!({"kind": "webhook", "url": "https://example.com/buy", "text": "Ждите"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_products_are_there_once_however_often_they_are_added() {
    let arm = StandIn::start().await;
    for _ in 0..2 {
        let ended = arm.ctl(&["demo"], "right").await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(ended.out.lines().count(), 3);
    }
    let saved = arm.saved.lock().unwrap();
    let kinds: Vec<_> = saved
        .iter()
        .map(|p| p["delivery"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["text", "invite_link", "file"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arm_refuses_is_told_with_its_reason() {
    let arm = StandIn::start().await;
    let ended = arm.ctl(&["product", "list"], "wrong").await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("check ARM_API_TOKEN"), "{}", ended.err);
    let add = [
        "product",
        "add",
        "--title",
        "Чужое",
        "--price",
        "1",
        "--text",
        "x",
    ];
    let ended = arm.ctl(&add, "right").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("the title is taken"), "{}", ended.err);
    let nobody = ["product", "archive", "01980000-0000-7000-8000-64656d6f0009"];
    let ended = arm.ctl(&nobody, "right").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("no such product"), "{}", ended.err);
}
