//! In the quiet hours what can wait makes no sound, and everything goes out at once: against a Bot API of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use chrono::{FixedOffset, TimeDelta, Utc};
use geobot_bot::store::Store;
use geobot_bot::telegram::manner::{Keyboard, Manner, QuietHours};
use geobot_bot::telegram::sender::{Content, FileSource, Sender};
use geobot_shared::files::FileStore;
use geobot_shared::topics::tg_send::Priority;
use serde_json::{Value, json};
use uuid::Uuid;

type Calls = Arc<Mutex<Vec<Value>>>;

async fn take(State(calls): State<Calls>, Json(call): Json<Value>) -> Json<Value> {
    calls.lock().unwrap().push(call);
    Json(json!({"ok": true, "result": {"message_id": 1}}))
}

/// A sender whose quiet hours are now, or were over an hour ago.
async fn sender(quiet_now: bool) -> (Sender, Calls) {
    let store = Store::open(&support::database(8)).unwrap();
    store.show_life().await.unwrap();
    let calls = Calls::default();
    let routes = axum::Router::new()
        .fallback(take)
        .with_state(Arc::clone(&calls));
    let api = support::api(routes).await;
    let time = |hours| (Utc::now() + TimeDelta::hours(hours)).format("%H:%M");
    let hours = match quiet_now {
        true => format!("{}-{}", time(-1), time(1)),
        false => format!("{}-{}", time(-3), time(-1)),
    };
    let quiet = QuietHours::parse(&hours, FixedOffset::east_opt(0).unwrap()).unwrap();
    let sender = Sender::new(api, store, None, FileStore::new("no-files"));
    (sender.with_quiet_hours(quiet), calls)
}

/// Whether the message makes a sound.
async fn sounds(quiet_now: bool, content: Content, priority: Priority, manner: Manner<'_>) -> bool {
    let (sender, calls) = sender(quiet_now).await;
    let (request, chat) = (Uuid::now_v7().to_string(), Utc::now().timestamp_micros());
    sender
        .send_in(&request, chat, &content, priority, manner)
        .await
        .unwrap();
    let call = calls.lock().unwrap().remove(0);
    call["disable_notification"] != true
}

#[tokio::test]
async fn what_can_wait_is_silent_in_the_quiet_hours_and_only_then() {
    let can_wait = Manner {
        can_wait: true,
        ..Manner::default()
    };
    let text = || Content::html("Your subscription ends soon");
    let file = || Content::document(FileSource::Known("file-1".into()), None);
    for content in [text, file] {
        assert!(!sounds(true, content(), Priority::Notify, can_wait).await);
        assert!(sounds(false, content(), Priority::Notify, can_wait).await);
        assert!(sounds(true, content(), Priority::Notify, Manner::default()).await);
        assert!(sounds(true, content(), Priority::Interactive, Manner::default()).await);
    }
}

#[tokio::test]
async fn a_broadcast_can_wait_and_an_answer_can_not() {
    for (priority, silent) in [
        (Priority::Bulk, true),
        (Priority::Notify, false),
        (Priority::Interactive, false),
    ] {
        let (sender, calls) = sender(true).await;
        let (request, chat) = (Uuid::now_v7().to_string(), Utc::now().timestamp_micros());
        let content = Content::html("News");
        sender
            .send(&request, chat, &content, priority)
            .await
            .unwrap();
        let call = calls.lock().unwrap().remove(0);
        assert_eq!(call["disable_notification"] == true, silent, "{priority:?}");
    }
}

#[tokio::test]
async fn a_keyboard_and_a_protected_message_arrive_as_such() {
    let (sender, calls) = sender(false).await;
    let manner = Manner {
        protected: true,
        keyboard: Some(Keyboard::AskPlace("Here")),
        can_wait: false,
    };
    let (request, chat) = (Uuid::now_v7().to_string(), Utc::now().timestamp_micros());
    let content = Content::html("Where are you?");
    sender
        .send_in(&request, chat, &content, Priority::Interactive, manner)
        .await
        .unwrap();
    let call = calls.lock().unwrap().remove(0);
    assert_eq!(call["protect_content"], true);
    let markup = &call["reply_markup"];
    // Bot API takes it as JSON in JSON or as text of JSON.
    let markup = match markup.as_str() {
        Some(text) => serde_json::from_str(text).unwrap(),
        None => markup.clone(),
    };
    assert_eq!(markup["keyboard"][0][0]["request_location"], true);
}
