//! The pages, with rows in every table.

use geobot_arm::store::{audit, messages, products};
use reqwest::StatusCode;
use serde_json::json;

use crate::arm::{Arm, published_as};
use crate::browser::Browser;
use crate::demo;

fn all_pages() -> Vec<String> {
    let mut pages: Vec<String> = [
        "/",
        "/payments",
        "/payments?status=held",
        "/payments?status=nonsense&page=x",
        "/users",
        "/users?q=%3Cscript%3E",
        "/users?q=%00",
        "/messages",
        "/messages?show=all",
        "/messages/1",
        "/products",
        "/products/new",
        "/promos",
        "/promos/new",
        "/promos/autumn",
        "/staff",
        "/payments?status=refund_unknown",
        "/tasks",
        "/audit",
        "/account",
    ]
    .map(str::to_owned)
    .to_vec();
    pages.push(format!("/payments/{}", demo::INVOICE));
    pages.push(format!("/payments/{}", demo::INVOICE + 2));
    pages.push(format!("/users/{}", demo::USER));
    pages.push(format!("/users/{}", demo::USER + 1));
    pages.extend([7_u128, 8, 9, 10].map(|n| format!("/products/{}", uuid::Uuid::from_u128(n))));
    pages
}

#[tokio::test]
async fn every_page_is_shown_in_both_languages_and_runs_nobodys_script() {
    let arm = Arm::start().await;
    demo::fill(&arm.app).await;
    let owner = Browser::of(&arm, "owner").await;
    for language in ["ru", "en"] {
        let switched = owner
            .open(&format!("/language/{language}?back=/users"))
            .await;
        assert_eq!(switched.location(), "/users");
        for path in all_pages() {
            let seen = owner.open(&path).await;
            assert_eq!(seen.status, StatusCode::OK, "{path}: {}", seen.body);
            assert!(
                seen.body.contains(&format!("<html lang=\"{language}\">")),
                "{path}"
            );
            assert!(!seen.body.contains("<script"), "{path}");
            assert!(!seen.body.contains("<b>"), "{path}");
            assert!(
                !seen.body.contains(" style=") && !seen.body.contains("<style"),
                "{path}"
            );
            let policy = seen.headers["content-security-policy"].to_str().unwrap();
            assert!(
                policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'")
            );
            assert_eq!(seen.headers["x-content-type-options"], "nosniff");
            assert_eq!(seen.headers["cache-control"], "no-store");
        }
    }
    let card = owner.open(&format!("/users/{}", demo::USER)).await;
    assert!(
        card.body.contains("&#60;script&#62;alert("),
        "the name is shown as it is written"
    );
}

#[tokio::test]
async fn russian_is_the_default() {
    let arm = Arm::start().await;
    let seen = Browser::new(&arm).open("/sign-in").await;
    assert!(seen.body.contains("<html lang=\"ru\">") && seen.body.contains("Пароль"));
}

#[tokio::test]
async fn what_is_not_there_is_a_page_too() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    for path in [
        "/nothing",
        "/payments/0",
        "/payments/x",
        "/payments/5",
        "/users/x",
        "/users/5",
        "/messages/x",
        "/messages/5",
        "/promos/none",
        "/products/x",
        "/products/0197a0b0-0000-7000-8000-0000000000ff",
    ] {
        let seen = owner.open(path).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
        assert!(seen.body.contains("Здесь ничего нет"), "{path}");
    }
}

#[tokio::test]
async fn the_stylesheet_is_kept_by_browsers_until_it_changes() {
    let arm = Arm::start().await;
    let browser = Browser::new(&arm);
    let page = browser.open("/sign-in").await;
    let address = page
        .body
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let sheet = browser.open(&address).await;
    assert_eq!(sheet.status, StatusCode::OK);
    assert!(
        sheet.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/css")
    );
    assert!(
        sheet.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    assert_eq!(
        browser.open("/assets/arm.000000000000.css").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        browser.open("/assets/icon.svg").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let arm = Arm::start().await;
    for id in 1..=51 {
        geobot_arm::store::users::take(arm.db(), &demo::user(id, 1, "x"))
            .await
            .unwrap();
    }
    let owner = Browser::of(&arm, "owner").await;
    let first = owner.open("/users?q=x").await;
    assert!(first.body.contains("/users?q=x&#38;page=2"));
    let second = owner.open("/users?q=x&page=2").await;
    assert!(second.body.contains("/users?q=x&#38;page=1") && !second.body.contains("page=3"));
}

const BOOK: [(&str, &str); 5] = [
    ("title", "Книга"),
    ("price", "1 299,50"),
    ("position", "3"),
    ("kind", "text"),
    ("text", "Спасибо\r\nза покупку"),
];

#[tokio::test]
async fn a_manager_adds_changes_archives_and_restores_a_product() {
    let arm = Arm::start().await;
    let manager = Browser::of(&arm, "manager").await;
    let id = manager.open("/products/new").await.field("new_id");
    let mut fields = BOOK.to_vec();
    fields.push(("new_id", &id));
    for _ in 0..2 {
        let seen = manager.submit("/products", &fields).await;
        assert_eq!(
            (seen.status, seen.location()),
            (StatusCode::SEE_OTHER, "/products")
        );
    }
    let made = published_as(arm.db(), "lk_sync_orm", "product_upserted").await;
    assert_eq!(made.len(), 1, "a second press makes no second product");
    assert_eq!(made[0]["price"], 129_950);
    assert_eq!(
        made[0]["delivery"],
        json!({ "kind": "text", "text": "Спасибо\nза покупку" })
    );

    let path = format!("/products/{id}");
    let version = manager.open(&path).await.field("version");
    let mut fields = BOOK.to_vec();
    fields[0].1 = "Книга 2";
    fields.push(("version", &version));
    assert_eq!(
        manager.submit(&path, &fields).await.status,
        StatusCode::SEE_OTHER
    );
    fields[0].1 = "Книга 3";
    let stale = manager.submit(&path, &fields).await;
    assert_eq!(
        stale.status,
        StatusCode::CONFLICT,
        "somebody else's change is not overwritten"
    );
    assert!(
        stale.body.contains("Книга 3"),
        "what was typed is still there"
    );

    assert_eq!(
        manager.submit(&format!("{path}/archive"), &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        published_as(arm.db(), "lk_sync_orm", "product_archived")
            .await
            .len(),
        1
    );
    assert_eq!(
        manager.submit(&format!("{path}/restore"), &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let row = &products::all(arm.db()).await.unwrap()[0];
    assert_eq!(
        (row.title.as_str(), row.version, row.active),
        ("Книга 2", 4, true)
    );
    let deeds = audit::list(arm.db(), 0, 10).await.unwrap();
    assert_eq!(
        deeds
            .iter()
            .filter(|d| d.staff == "manager" && d.object_kind == "product")
            .count(),
        4
    );
}

#[tokio::test]
async fn a_refused_product_says_why_and_keeps_what_was_typed() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let id = owner.open("/products/new").await.field("new_id");
    for (field, value, words) in [
        ("title", "", "Укажите название"),
        ("price", "дорого", "Цена — это рубли"),
        ("price", "0", "больше нуля"),
        ("position", "x", "целое число"),
        ("text", "  ", "Напишите текст"),
        ("kind", "gift", "Выберите"),
    ] {
        let mut fields: Vec<(&str, &str)> = BOOK
            .iter()
            .copied()
            .filter(|(name, _)| *name != field)
            .collect();
        fields.extend([
            (field, value),
            ("new_id", &id),
            ("description", "моё описание"),
        ]);
        let seen = owner.submit("/products", &fields).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{field}={value}");
        assert!(seen.body.contains(words), "{field}={value}: {}", seen.body);
        assert!(seen.body.contains("моё описание") && seen.body.contains(&id));
    }
    let seen = owner.submit("/products", &[("new_id", "x")]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert!(products::all(arm.db()).await.unwrap().is_empty());
}

#[tokio::test]
async fn support_reads_products_and_changes_none() {
    let arm = Arm::start().await;
    demo::fill(&arm.app).await;
    let support = Browser::of(&arm, "support").await;
    let list = support.open("/products").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(!list.body.contains("/archive") && !list.body.contains("/products/new"));
    let path = format!("/products/{}", uuid::Uuid::from_u128(7));
    assert_eq!(support.open(&path).await.status, StatusCode::OK);
    assert_eq!(
        support.open("/products/new").await.status,
        StatusCode::FORBIDDEN
    );
    let before = products::all(arm.db()).await.unwrap();
    let mut fields = BOOK.to_vec();
    fields.extend([
        ("version", "1"),
        ("new_id", "0197a0b0-0000-7000-8000-0000000000ac"),
    ]);
    for target in [
        "/products".to_owned(),
        path.clone(),
        format!("{path}/archive"),
        format!("{path}/restore"),
    ] {
        let seen = support.submit(&target, &fields).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{target}");
    }
    assert_eq!(products::all(arm.db()).await.unwrap(), before);
}

#[tokio::test]
async fn only_the_owner_reads_the_audit() {
    let arm = Arm::start().await;
    for (login, status) in [
        ("owner", StatusCode::OK),
        ("manager", StatusCode::FORBIDDEN),
        ("support", StatusCode::FORBIDDEN),
    ] {
        let browser = Browser::of(&arm, login).await;
        assert_eq!(browser.open("/audit").await.status, status, "{login}");
        assert_eq!(
            browser.open("/").await.body.contains("href=\"/audit\""),
            login == "owner"
        );
    }
}

#[tokio::test]
async fn an_answer_goes_to_the_chat_once_and_closes_the_message() {
    let arm = Arm::start().await;
    demo::fill(&arm.app).await;
    let support = Browser::of(&arm, "support").await;
    let form = support.open("/messages/1").await.field("form");
    let fields = [
        ("form", form.as_str()),
        ("text", " Сейчас проверим \r\n<b>ссылку</b> "),
    ];
    for _ in 0..2 {
        let seen = support.submit("/messages/1/answer", &fields).await;
        assert_eq!(
            (seen.status, seen.location()),
            (StatusCode::SEE_OTHER, "/messages/1")
        );
    }
    let sent = published_as(arm.db(), "tg_send", "send_message").await;
    assert_eq!(
        sent,
        [
            json!({ "chat_id": demo::USER, "text": "Сейчас проверим \n<b>ссылку</b>", "priority": "interactive" })
        ]
    );
    let message = messages::get(arm.db(), 1).await.unwrap().unwrap();
    assert_eq!(message.state, "answered");
    let deeds = audit::list(arm.db(), 0, 1).await.unwrap();
    assert_eq!(
        (deeds[0].staff.as_str(), deeds[0].action.as_str()),
        ("support", "message_answered")
    );
    assert!(
        !deeds[0].detail.contains("ссылку"),
        "the audit holds no texts"
    );
    assert!(
        support
            .open("/messages/1")
            .await
            .body
            .contains("Сейчас проверим")
    );
}

#[tokio::test]
async fn a_question_from_the_cabinet_is_answered_there_too() {
    let arm = Arm::start().await;
    demo::fill(&arm.app).await;
    let owner = Browser::of(&arm, "owner").await;
    let rows = messages::list(arm.db(), true, 0, 50).await.unwrap();
    let question = rows.iter().find(|m| m.source == "cabinet").unwrap();
    let path = format!("/messages/{}", question.id);
    let form = owner.open(&path).await.field("form");
    owner
        .submit(
            &format!("{path}/answer"),
            &[("form", &form), ("text", "Да")],
        )
        .await;
    let answered = published_as(arm.db(), "lk_sync_orm", "support_answered").await;
    assert_eq!(
        (
            answered[0]["user_id"].as_i64(),
            answered[0]["text"].as_str()
        ),
        (Some(question.user_id), Some("Да"))
    );
}

#[tokio::test]
async fn an_answer_that_telegram_would_refuse_is_refused_here() {
    let arm = Arm::start().await;
    demo::fill(&arm.app).await;
    let owner = Browser::of(&arm, "owner").await;
    let form = owner.open("/messages/1").await.field("form");
    for text in ["", "  \r\n ", &"x".repeat(4_097), &"🙂".repeat(2_049)] {
        let seen = owner
            .submit("/messages/1/answer", &[("form", &form), ("text", text)])
            .await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    }
    let seen = owner
        .submit("/messages/1/answer", &[("form", "x"), ("text", "a")])
        .await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let seen = owner
        .submit("/messages/999/answer", &[("form", &form), ("text", "a")])
        .await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
    assert!(
        published_as(arm.db(), "tg_send", "send_message")
            .await
            .is_empty()
    );
    assert_eq!(
        owner.submit("/messages/1/close", &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        messages::get(arm.db(), 1).await.unwrap().unwrap().state,
        "answered"
    );
}
