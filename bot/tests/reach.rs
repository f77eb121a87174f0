//! Who can't be written to and which groups have moved, as Redis keeps it and as the sender learns it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use chrono::{DateTime, TimeDelta, Utc};
use geobot_bot::store::Store;
use geobot_bot::telegram::sender::{Content, SendError, Sender};
use geobot_shared::files::FileStore;
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::tg_send::Priority;
use serde_json::{Value, json};
use support::unused;

fn store() -> Store {
    Store::open(&support::database(9)).unwrap()
}

fn second(n: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_600_800 + n, 0).unwrap()
}

#[tokio::test]
async fn who_refuses_is_known_until_they_do_something() {
    let (store, user) = (store(), TelegramUserId(unused()));
    assert_eq!(store.unreachable(user).await.unwrap(), None);
    assert!(store.mark_unreachable(user, "blocked").await.unwrap());
    let why = store.unreachable(user).await.unwrap();
    assert_eq!(why.as_deref(), Some("blocked"));
    store.seen(user, second(0)).await.unwrap();
    assert_eq!(store.unreachable(user).await.unwrap(), None);
}

#[tokio::test]
async fn a_refusal_that_was_on_its_way_when_the_person_came_back_does_not_stand() {
    let (store, user) = (store(), TelegramUserId(unused()));
    store.seen(user, second(0)).await.unwrap();
    assert!(!store.mark_unreachable(user, "blocked").await.unwrap());
    assert_eq!(store.unreachable(user).await.unwrap(), None);
}

#[tokio::test]
async fn leaving_and_coming_back_are_told_apart_by_their_times() {
    let (store, user) = (store(), TelegramUserId(unused()));
    // A webhook may bring them in the wrong order.
    store.seen(user, second(9)).await.unwrap();
    assert!(!store.mark_left(user, "left", second(5)).await.unwrap());
    assert!(!store.mark_left(user, "left", second(9)).await.unwrap());
    assert_eq!(store.unreachable(user).await.unwrap(), None);
    assert!(store.mark_left(user, "left", second(10)).await.unwrap());
    assert!(store.unreachable(user).await.unwrap().is_some());
    // An older sign of life does not make the newer one forgotten.
    store.seen(user, second(11)).await.unwrap();
    store.seen(user, second(3)).await.unwrap();
    assert!(!store.mark_left(user, "left", second(11)).await.unwrap());
}

/// A Bot API that refuses some chats.
#[derive(Default)]
struct Telegram {
    /// Chat → its refusal.
    refusals: Mutex<Vec<(i64, Value)>>,
    calls: Mutex<Vec<(i64, Value)>>,
}

async fn answer(
    State(telegram): State<Arc<Telegram>>,
    uri: Uri,
    Json(call): Json<Value>,
) -> Json<Value> {
    let is_ban = uri.path().to_lowercase().ends_with("banchatmember");
    let chat = call["chat_id"].as_i64().unwrap_or_default();
    telegram.calls.lock().unwrap().push((chat, call));
    let refusals = telegram.refusals.lock().unwrap();
    let refusal = refusals.iter().find(|(to, _)| *to == chat);
    let sent = json!({"ok": true, "result": {"message_id": 5, "invite_link": "https://t.me/+x",
        "creator": {"id": 1, "is_bot": true, "first_name": "bot"}, "creates_join_request": false,
        "is_primary": false, "is_revoked": false}});
    let done = match is_ban {
        true => json!({"ok": true, "result": true}),
        false => sent,
    };
    Json(refusal.map_or(done, |(_, no)| no.clone()))
}

impl Telegram {
    async fn start() -> (Arc<Telegram>, Sender) {
        let telegram = Arc::new(Telegram::default());
        let routes = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&telegram));
        let api = support::api(routes).await;
        let store = store();
        store.show_life().await.unwrap();
        let sender = Sender::new(api, store, None, FileStore::new("no-files"));
        (telegram, sender)
    }

    fn refuse(&self, chat: i64, refusal: Value) {
        self.refusals.lock().unwrap().push((chat, refusal));
    }

    fn heal(&self) {
        self.refusals.lock().unwrap().clear();
    }

    fn chats(&self) -> Vec<i64> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(chat, _)| *chat).collect()
    }
}

async fn send(sender: &Sender, chat: i64, priority: Priority) -> Result<i32, SendError> {
    let request = format!("reach-{}", unused());
    let content = Content::html("hello");
    sender.send(&request, chat, &content, priority).await
}

#[tokio::test]
async fn a_403_marks_the_person_and_a_message_that_passes_clears_the_mark() {
    let (telegram, sender) = Telegram::start().await;
    let (chat, store) = (unused(), store());
    telegram.refuse(chat, json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}));
    send(&sender, chat, Priority::Notify).await.unwrap_err();
    let why = store.unreachable(TelegramUserId(chat)).await.unwrap();
    assert!(why.unwrap().contains("blocked"));
    // Whoever asked, or paid, is tried all the same.
    telegram.heal();
    send(&sender, chat, Priority::Interactive).await.unwrap();
    assert_eq!(store.unreachable(TelegramUserId(chat)).await.unwrap(), None);
    assert_eq!(telegram.chats().len(), 2);
}

#[tokio::test]
async fn other_refusals_and_refusing_groups_mark_nobody() {
    let (telegram, sender) = Telegram::start().await;
    let (chat, group, store) = (unused(), -unused(), store());
    telegram.refuse(
        chat,
        json!({"ok": false, "error_code": 400, "description": "Bad Request: message is too long"}),
    );
    telegram.refuse(group, json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was kicked from the group chat"}));
    for to in [chat, group] {
        send(&sender, to, Priority::Notify).await.unwrap_err();
        let known = store.unreachable(TelegramUserId(to)).await.unwrap();
        assert_eq!(known, None, "{to}");
    }
}

#[tokio::test]
async fn a_group_that_has_moved_is_followed_and_asked_at_its_old_place_once() {
    let (telegram, sender) = Telegram::start().await;
    let (old, new) = (-unused(), -1_000_000_000_000 - unused() % 1_000_000_000);
    telegram.refuse(
        old,
        json!({"ok": false, "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": new}}),
    );
    assert_eq!(send(&sender, old, Priority::Notify).await.unwrap(), 5);
    assert_eq!(send(&sender, old, Priority::Bulk).await.unwrap(), 5);
    sender.remove_member(old, TelegramUserId(42)).await.unwrap();
    let until = Utc::now() + TimeDelta::days(1);
    sender
        .invite_link(old, "invoice 1", Some(until))
        .await
        .unwrap();
    assert_eq!(telegram.chats(), [old, new, new, new, new, new]);
}

#[tokio::test]
async fn a_group_whose_links_are_asked_for_first_is_followed_too() {
    let (telegram, sender) = Telegram::start().await;
    let (old, new) = (-unused(), -unused());
    telegram.refuse(old, json!({"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": new}}));
    sender.invite_link(old, "invoice 1", None).await.unwrap();
    sender.remove_member(old, TelegramUserId(42)).await.unwrap();
    assert_eq!(telegram.chats(), [old, new, new, new]);
}

#[tokio::test]
async fn unreadable_formatting_of_a_text_that_is_too_long_without_it_is_sent_in_plain_parts() {
    let (telegram, sender) = Telegram::start().await;
    let chat = unused();
    // What looks like tags is nothing to see; Telegram refuses it, and as plain text it is 6,000 characters.
    let text = "<no tag> word ".repeat(400) + &"<oops".repeat(80);
    let content = Content::html(text);
    telegram.refuse(chat, json!({"ok": false, "error_code": 400, "description": "Bad Request: can't parse entities: Unsupported start tag \"no\" at byte offset 0"}));
    let request = format!("reach-{chat}");
    let refused = sender
        .send(&request, chat, &content, Priority::Notify)
        .await;
    refused.unwrap_err();
    let calls = telegram.calls.lock().unwrap().clone();
    let plain: Vec<_> = calls
        .iter()
        .filter(|(_, call)| call["parse_mode"].is_null())
        .collect();
    assert!(!plain.is_empty(), "{calls:?}");
    for (_, call) in plain {
        assert!(call["text"].as_str().unwrap().encode_utf16().count() <= 4_096);
    }
}
