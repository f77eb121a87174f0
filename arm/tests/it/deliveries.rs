//! Products that deliver a file of the shop's own, or call another system; on the pages and in the API.

use chrono::Utc;
use geobot_arm::store::{chats, products};
use geobot_shared::files::FileError;
use geobot_shared::ids::ChatId;
use geobot_shared::topics::arm_sync_tg::{ChatChanged, ChatKind};
use reqwest::multipart::Part;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::arm::{API_TOKEN, Arm, published_as};
use crate::browser::{Browser, Seen};
use crate::shop::call;

const PDF: &[u8] = b"%PDF-1.7 a map";
const FILE: &str = "file";

async fn upserted(arm: &Arm) -> Vec<Value> {
    published_as(arm.db(), "lk_sync_orm", "product_upserted").await
}

fn fields(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let common = [("title", "Карта"), ("price", "149"), ("position", "1")];
    let all = common.iter().chain(more);
    all.map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

fn part(bytes: &'static [u8], name: &'static str) -> (&'static str, Part) {
    let part = Part::bytes(bytes)
        .file_name(name)
        .mime_str("application/pdf");
    (FILE, part.unwrap())
}

/// What a browser sends for a file field in which nothing was chosen.
fn no_file() -> (&'static str, Part) {
    (FILE, Part::bytes(&b""[..]).file_name(""))
}

/// What stands in the hidden field that keeps the file, as a browser reads it.
fn kept(seen: &Seen) -> String {
    seen.field("kept_file").replace("&#34;", "\"")
}

#[tokio::test]
async fn a_file_is_uploaded_with_the_product_and_stays_until_another_is_chosen() {
    let arm = Arm::start().await;
    let manager = Browser::of(&arm, "manager").await;
    let id = manager.open("/products/new").await.field("new_id");
    let kind = ("kind", "stored_file");
    let new = fields(&[kind, ("new_id", &id), ("stored_caption", "Ваша карта")]);
    let seen = manager
        .upload("/products", &new, part(PDF, "Карта.pdf"))
        .await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let delivery = upserted(&arm).await.remove(0)["delivery"].clone();
    assert_eq!(delivery["kind"], "stored_file");
    assert_eq!(delivery["caption"], "Ваша карта");
    assert_eq!(delivery["file"]["name"], "Карта.pdf");
    assert_eq!(delivery["file"]["media_type"], "application/pdf");
    let sha256 = delivery["file"]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(arm.app.files.read(&sha256).await.unwrap(), PDF);

    // Staff can look at it; nothing of it runs in the browser.
    let path = format!("/products/{id}");
    let page = manager.open(&path).await;
    let link = page.body.split_once("href=\"/files/").unwrap().1;
    let link = link.split('"').next().unwrap();
    let seen = manager.open(&format!("/files/{link}")).await;
    assert_eq!(seen.body.as_bytes(), PDF);
    assert!(seen.header("content-disposition").starts_with("attachment"));

    // Another title and no new file.
    let file = kept(&page);
    let version = page.field("version");
    let mut change = fields(&[kind, ("version", &version), ("kept_file", &file)]);
    change[0].1 = "Карта города".to_owned();
    let seen = manager.upload(&path, &change, no_file()).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    // Another file.
    let change = fields(&[kind, ("version", "2"), ("kept_file", &file)]);
    let seen = manager
        .upload(&path, &change, part(b"%PDF-1.7 another", "2.pdf"))
        .await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let told = upserted(&arm).await;
    assert_eq!(told[1]["title"], "Карта города");
    assert_eq!(told[1]["delivery"]["file"], delivery["file"]);
    assert_eq!(told[2]["delivery"]["file"]["name"], "2.pdf");
}

#[tokio::test]
async fn a_refused_form_keeps_the_file_that_came_with_it() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let id = owner.open("/products/new").await.field("new_id");
    let kind = ("kind", "stored_file");
    let mut form = fields(&[kind, ("new_id", &id)]);
    form[1].1 = "free".to_owned();
    let seen = owner.upload("/products", &form, part(PDF, "a.pdf")).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let file = kept(&seen);
    let form = fields(&[kind, ("new_id", &id), ("kept_file", &file)]);
    let seen = owner.upload("/products", &form, no_file()).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    assert_eq!(upserted(&arm).await[0]["delivery"]["file"]["name"], "a.pdf");
}

#[tokio::test]
async fn no_file_or_one_that_is_not_there_is_refused_in_words() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let id = owner.open("/products/new").await.field("new_id");
    let missing = json!({ "sha256": "ab".repeat(32), "name": "a.pdf", "size": 5 }).to_string();
    let known = arm.app.files.keep(PDF, "a.pdf", None).await.unwrap();
    let mut wrong_size = json!(known);
    wrong_size["size"] = 1.into();
    let wrong_size = wrong_size.to_string();
    for file in ["", "junk", "{}", &missing, &wrong_size] {
        let form = fields(&[
            ("kind", "stored_file"),
            ("new_id", &id),
            ("kept_file", file),
        ]);
        let seen = owner.upload("/products", &form, no_file()).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{file}");
        assert!(seen.body.contains("Выберите файл"), "{file}: {}", seen.body);
    }
    let form = fields(&[("kind", "stored_file"), ("new_id", &id)]);
    let seen = owner.upload("/products", &form, part(b"", "a.pdf")).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    // A role that may not, and a token that is not the session's.
    let support = Browser::of(&arm, "support").await;
    let seen = support.upload("/products", &form, part(PDF, "a.pdf")).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let seen = owner.upload_late("/products", part(PDF, "a.pdf")).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(upserted(&arm).await.is_empty());
}

#[tokio::test]
async fn the_file_of_somebody_who_may_not_send_it_is_not_kept() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let id = owner.open("/products/new").await.field("new_id");
    let support = Browser::of(&arm, "support").await;
    let form = fields(&[("kind", "stored_file"), ("new_id", &id)]);
    let bytes = b"%PDF-1.7 only in this test";
    let sha256 = hex::encode(Sha256::digest(bytes));
    for path in ["/products".to_owned(), format!("/products/{id}")] {
        let seen = support.upload(&path, &form, part(bytes, "a.pdf")).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path}");
        let kept = arm.app.files.path(&sha256).await;
        assert!(matches!(kept, Err(FileError::Missing(_))), "{path}");
    }
    let seen = owner.upload("/products", &form, part(bytes, "a.pdf")).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    arm.app.files.path(&sha256).await.unwrap();
}

#[tokio::test]
async fn a_webhook_product_is_made_on_the_page_and_a_bad_address_is_refused() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let id = owner.open("/products/new").await.field("new_id");
    let form = |url: &str| {
        fields(&[
            ("kind", "webhook"),
            ("new_id", &id),
            ("webhook_url", url),
            ("webhook_text", " "),
        ])
    };
    for bad in ["", "shop.example/buy", "ftp://shop.example/"] {
        let seen = owner.upload("/products", &form(bad), no_file()).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
        assert!(seen.body.contains("Адрес вызова"), "{bad}");
    }
    let good = "https://shop.example/buy?a=1&b=2";
    owner.upload("/products", &form(good), no_file()).await;
    assert_eq!(
        upserted(&arm).await[0]["delivery"],
        json!({ "kind": "webhook", "url": good })
    );
    let page = owner.open(&format!("/products/{id}")).await;
    assert_eq!(page.field("webhook_url").replace("&#38;", "&"), good);
    let list = owner.open("/products").await.body;
    assert!(list.contains("webhook"), "{list}");
}

#[tokio::test]
async fn the_form_offers_the_bots_chats_and_says_where_rights_are_missing() {
    let arm = Arm::start().await;
    for (id, title, can_restrict) in [(-1001, "Клуб", true), (-1002, "<Бар>", false)] {
        let chat = ChatChanged {
            chat_id: ChatId(id),
            title: title.to_owned(),
            kind: ChatKind::Channel,
            username: None,
            admin: true,
            can_invite: true,
            can_restrict,
            at: Utc::now(),
        };
        chats::take(arm.db(), &chat).await.unwrap();
    }
    let owner = Browser::of(&arm, "owner").await;
    let page = owner.open("/products/new").await.body;
    assert!(
        page.contains("<option value=\"-1001\">Клуб</option>"),
        "{page}"
    );
    let poor = "<option value=\"-1002\">&#60;Бар&#62; (не хватает прав)</option>";
    assert!(page.contains(poor), "{page}");
}

#[tokio::test]
async fn programs_upload_a_file_and_sell_it() {
    let arm = Arm::start().await;
    let upload = async |token: &str, query: &str, bytes: Vec<u8>| {
        let answer = Client::new()
            .post(format!("{}/api/files{query}", arm.url))
            .bearer_auth(token)
            .header("content-type", "application/pdf")
            .body(bytes)
            .send()
            .await
            .unwrap();
        (
            answer.status(),
            answer.json::<Value>().await.unwrap_or_default(),
        )
    };
    let (status, _) = upload("wrong", "?name=a.pdf", PDF.to_vec()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    for (query, bytes) in [("", PDF.to_vec()), ("?name=a.pdf", Vec::new())] {
        let (status, _) = upload(API_TOKEN, query, bytes).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
    // Longer than any form.
    let long = vec![b'x'; 3 * 1_024 * 1_024];
    let (status, kept) = upload(API_TOKEN, "?name=../a%22.pdf", long.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        (&kept["name"], &kept["size"]),
        (&json!("a.pdf"), &json!(long.len()))
    );
    let product = json!({ "title": "Карта", "price": "149", "delivery": { "kind": "stored_file", "file": kept } });
    let (status, made) = call(&arm, Method::POST, "/api/products", &product).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["delivery"]["file"], kept);
    let mut lost = product;
    lost["delivery"]["file"]["sha256"] = "ab".repeat(32).into();
    let (status, said) = call(&arm, Method::POST, "/api/products", &lost).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        said["error"].as_str().unwrap().contains("upload it first"),
        "{said}"
    );
    assert_eq!(products::all(arm.db()).await.unwrap().len(), 1);
}
