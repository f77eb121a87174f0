//! The sender against a Bot API of its own and a real Redis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use chrono::Utc;
use geobot_bot::store::Store;
use geobot_bot::store::broadcasts::Standing;
use geobot_bot::telegram::api::Api;
use geobot_bot::telegram::failure::SendFailure;
use geobot_bot::telegram::limiter::Limits;
use geobot_bot::telegram::sender::{Content, FileKind, FileSource, SendError, Sender};
use geobot_shared::bus::HandleError;
use geobot_shared::files::FileStore;
use geobot_shared::topics::states::StoredFile;
use geobot_shared::topics::tg_send::Priority;
use serde_json::json;
use support::unused;
use tokio::net::{TcpListener, TcpStream};

/// How the Bot API answers a chat; every chat takes messages unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    BadGateway,
    LosesAnswers,
    RefusesFileIds,
}

/// A Bot API, as much as the sender needs.
#[derive(Default)]
struct Telegram {
    moods: Mutex<HashMap<i64, Mood>>,
    /// Everything answers 502.
    gone: AtomicBool,
    /// Every call but getMe: method, chat, whether bytes came along.
    calls: Mutex<Vec<(String, i64, bool)>>,
    last_message: AtomicU64,
    /// Redis, which goes away after the next message was taken.
    cut: Mutex<Option<Arc<Proxy>>>,
}

impl Telegram {
    async fn start() -> (Arc<Telegram>, Api) {
        let telegram = Arc::new(Telegram::default());
        let routes = Router::new()
            .route("/bot1:secret/{method}", any(answer))
            .with_state(Arc::clone(&telegram));
        let api = support::api(routes).await;
        (telegram, api)
    }

    fn set(&self, chat: i64, mood: Mood) {
        self.moods.lock().unwrap().insert(chat, mood);
    }

    fn heal(&self, chat: i64) {
        self.moods.lock().unwrap().remove(&chat);
    }

    fn calls(&self, chat: i64) -> Vec<(String, bool)> {
        let calls = self.calls.lock().unwrap();
        let of_chat = calls.iter().filter(|(_, to, _)| *to == chat);
        of_chat
            .map(|(method, _, bytes)| (method.clone(), *bytes))
            .collect()
    }
}

async fn answer(
    State(telegram): State<Arc<Telegram>>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    if telegram.gone.load(Ordering::SeqCst) {
        return (StatusCode::BAD_GATEWAY, "<html>Bad Gateway</html>").into_response();
    }
    if method == "getMe" {
        return axum::Json(json!({"ok": true, "result": {}})).into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
    let body = String::from_utf8_lossy(&body.unwrap()).into_owned();
    let bytes = body.contains("Content-Disposition");
    let chat = match bytes {
        false => {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            body["chat_id"].as_i64().unwrap()
        }
        true => {
            let (_, chat) = body.split_once("name=\"chat_id\"\r\n\r\n").unwrap();
            chat.split('\r').next().unwrap().parse().unwrap()
        }
    };
    telegram.calls.lock().unwrap().push((method, chat, bytes));
    let mood = telegram.moods.lock().unwrap().get(&chat).copied();
    match mood {
        Some(Mood::BadGateway) => {
            (StatusCode::BAD_GATEWAY, "<html>Bad Gateway</html>").into_response()
        }
        Some(Mood::LosesAnswers) => (StatusCode::OK, "<html>").into_response(),
        Some(Mood::RefusesFileIds) if !bytes => (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({"ok": false, "error_code": 400,
                "description": "Bad Request: wrong remote file identifier specified: Wrong padding in the string"})),
        )
            .into_response(),
        _ => {
            if let Some(proxy) = telegram.cut.lock().unwrap().take() {
                proxy.close();
            }
            let number = telegram.last_message.fetch_add(1, Ordering::SeqCst) + 1;
            let file = json!({"file_id": format!("file-{number}")});
            axum::Json(json!({"ok": true, "result":
                {"message_id": number, "document": file, "photo": [{"file_id": "small"}, file]}}))
            .into_response()
        }
    }
}

/// A way to Redis that can be closed.
struct Proxy {
    open: tokio::sync::watch::Sender<bool>,
}

impl Proxy {
    async fn start(target: String) -> (Arc<Proxy>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let proxy = Arc::new(Proxy {
            open: tokio::sync::watch::Sender::new(true),
        });
        let state = proxy.open.subscribe();
        tokio::spawn(async move {
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                let (target, mut state) = (target.clone(), state.clone());
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        return;
                    }
                    let mut to = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        (proxy, address)
    }

    fn close(&self) {
        self.open.send_replace(false);
    }

    fn open(&self) {
        self.open.send_replace(true);
    }
}

/// A database that the tests of this file share: chats and requests are new each time.
const DATABASE: u8 = 8;

fn store() -> Store {
    Store::open(&support::database(DATABASE)).unwrap()
}

fn limits() -> Option<Limits> {
    Some(Limits {
        all_per_second: 10_000.0,
        private_per_second: 100.0,
        ..Limits::default()
    })
}

struct Stage {
    telegram: Arc<Telegram>,
    sender: Arc<Sender>,
    store: Store,
    files: FileStore,
    _folder: tempfile::TempDir,
}

async fn stage_on(store: Store) -> Stage {
    let (telegram, api) = Telegram::start().await;
    store.show_life().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = FileStore::new(folder.path());
    Stage {
        telegram,
        sender: Arc::new(Sender::new(api, store.clone(), limits(), files.clone())),
        store,
        files,
        _folder: folder,
    }
}

async fn stage() -> Stage {
    stage_on(store()).await
}

impl Stage {
    async fn send(&self, request: &str, chat: i64, priority: Priority) -> Result<i32, SendError> {
        let content = Content::html("hello");
        self.sender.send(request, chat, &content, priority).await
    }

    async fn of_broadcast(&self, chat: i64, broadcast: &str) -> Result<i32, SendError> {
        let (request, content) = (format!("{broadcast}-{chat}"), Content::html("news"));
        self.sender
            .send_of_broadcast(&request, chat, &content, Priority::Bulk, Some(broadcast))
            .await
    }

    async fn photo(&self, chat: i64, source: &FileSource) -> Result<i32, SendError> {
        let content = Content::File {
            kind: FileKind::Photo,
            source: source.clone(),
            caption: None,
            markup: None,
        };
        let request = format!("photo-{chat}-{}", Utc::now().timestamp_micros());
        self.sender
            .send(&request, chat, &content, Priority::Notify)
            .await
    }
}

#[tokio::test]
async fn a_5xx_to_one_chat_is_told_at_once_and_stops_no_other_chat() {
    let stage = stage().await;
    let (bad, good) = (unused(), unused());
    stage.telegram.set(bad, Mood::BadGateway);
    let began = Instant::now();
    let request = format!("bad-{bad}");
    let failed = stage.send(&request, bad, Priority::Notify).await;
    // A client that sleeps on a 5xx holds the chat, its place among the records in flight, and a shutdown.
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert!(
        matches!(failed, Err(SendError::Telegram(SendFailure::Ambiguous(_)))),
        "{failed:?}"
    );
    stage
        .send(&format!("good-{good}"), good, Priority::Notify)
        .await
        .unwrap();
    stage.telegram.heal(bad);
    stage.send(&request, bad, Priority::Notify).await.unwrap();
    assert_eq!(stage.telegram.calls(bad).len(), 2);
}

#[tokio::test]
async fn a_message_of_a_broadcast_whose_answer_was_lost_is_unknown_and_not_repeated() {
    let stage = stage().await;
    let chat = unused();
    stage.telegram.set(chat, Mood::LosesAnswers);
    let request = format!("lost-{chat}");
    for _ in 0..2 {
        let sent = stage.send(&request, chat, Priority::Bulk).await;
        assert!(matches!(sent, Err(SendError::Unknown)), "{sent:?}");
    }
    assert_eq!(stage.telegram.calls(chat).len(), 1);
}

#[tokio::test]
async fn telegram_that_answers_nobody_stops_a_broadcast_and_costs_one_message_of_it() {
    let stage = stage().await;
    stage.telegram.gone.store(true, Ordering::SeqCst);
    let first = unused();
    let sent = stage
        .send(&format!("gone-{first}"), first, Priority::Bulk)
        .await;
    assert!(matches!(sent, Err(SendError::Unknown)), "{sent:?}");
    let others: Vec<i64> = (0..20).map(|_| unused()).collect();
    for chat in &others {
        let sent = stage
            .send(&format!("gone-{chat}"), *chat, Priority::Bulk)
            .await;
        let error = HandleError::from(sent.unwrap_err());
        assert!(
            matches!(
                error,
                HandleError::Unavailable {
                    dependency: "telegram",
                    ..
                }
            ),
            "{error}"
        );
    }
    stage.telegram.gone.store(false, Ordering::SeqCst);
    let end = Instant::now() + Duration::from_secs(10);
    for chat in others {
        while stage
            .send(&format!("gone-{chat}"), chat, Priority::Bulk)
            .await
            .is_err()
        {
            assert!(Instant::now() < end, "it does not go on");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(stage.telegram.calls(chat).len(), 1);
    }
}

#[tokio::test]
async fn redis_that_goes_away_between_telegrams_answer_and_our_mark_costs_no_duplicate() {
    let target = support::server()
        .trim_start_matches("redis://")
        .trim_end_matches('/')
        .to_owned();
    let (proxy, near) = Proxy::start(target).await;
    let stage = stage_on(Store::open(&format!("redis://{near}/{DATABASE}")).unwrap()).await;
    for priority in [Priority::Interactive, Priority::Bulk] {
        let chat = unused();
        let request = format!("cut-{chat}");
        *stage.telegram.cut.lock().unwrap() = Some(Arc::clone(&proxy));
        let failed = stage.send(&request, chat, priority).await;
        assert!(matches!(failed, Err(SendError::Store(_))), "{failed:?}");
        proxy.open();
        let began = Instant::now();
        let sent = loop {
            match stage.send(&request, chat, priority).await {
                Ok(sent) => break sent,
                Err(SendError::Store(_)) if began.elapsed() < Duration::from_secs(10) => {}
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(stage.telegram.calls(chat).len(), 1);
        // Redis knows it now, for whoever comes next.
        let next = stage_on(store()).await;
        assert_eq!(next.send(&request, chat, priority).await.unwrap(), sent);
        assert!(next.telegram.calls(chat).is_empty());
    }
}

#[tokio::test]
async fn what_comes_again_after_a_crash_uses_up_no_allowance() {
    let stage = stage().await;
    let chat = unused();
    let request = format!("again-{chat}");
    let sent = stage.send(&request, chat, Priority::Notify).await.unwrap();
    let began = Instant::now();
    // At 100 a second and after a burst of 5, turns for all of them would take two seconds.
    for _ in 0..200 {
        let again = stage.send(&request, chat, Priority::Notify).await;
        assert_eq!(again.unwrap(), sent);
    }
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(stage.telegram.calls(chat).len(), 1);
}

#[tokio::test]
async fn a_paused_broadcast_waits_alone_and_goes_on() {
    let stage = stage().await;
    let (paused, other) = (format!("b-{}", unused()), format!("b-{}", unused()));
    let (first, second) = (unused(), unused());
    let set = |standing| stage.store.set_standing(&paused, standing);
    assert!(set(Standing::Paused).await.unwrap());
    assert!(set(Standing::Paused).await.unwrap());
    let waits = stage.of_broadcast(first, &paused).await;
    assert!(matches!(waits, Err(SendError::Paused)), "{waits:?}");
    // The bus parks it: no attempt is used up.
    assert!(matches!(
        HandleError::from(waits.unwrap_err()),
        HandleError::Transient {
            retry_after: Some(_),
            ..
        }
    ));
    stage.of_broadcast(second, &other).await.unwrap();
    assert!(set(Standing::Running).await.unwrap());
    stage.of_broadcast(first, &paused).await.unwrap();
    assert_eq!(stage.telegram.calls(first).len(), 1);
}

#[tokio::test]
async fn a_cancelled_broadcast_stays_cancelled_and_what_went_out_before_counts_as_sent() {
    let stage = stage().await;
    let broadcast = format!("b-{}", unused());
    let (before, after) = (unused(), unused());
    let sent = stage.of_broadcast(before, &broadcast).await.unwrap();
    let set = |standing| stage.store.set_standing(&broadcast, standing);
    assert!(set(Standing::Cancelled).await.unwrap());
    assert!(!set(Standing::Paused).await.unwrap());
    assert!(!set(Standing::Running).await.unwrap());
    for _ in 0..2 {
        let refused = stage.of_broadcast(after, &broadcast).await;
        assert!(matches!(refused, Err(SendError::Cancelled)), "{refused:?}");
    }
    assert!(stage.telegram.calls(after).is_empty());
    assert_eq!(stage.of_broadcast(before, &broadcast).await.unwrap(), sent);
    assert_eq!(stage.telegram.calls(before).len(), 1);
}

#[tokio::test]
async fn a_stored_file_is_uploaded_once_and_sent_by_its_file_id_afterwards() {
    let stage = stage().await;
    // Bytes that no earlier run has uploaded.
    let bytes = format!("picture {}", unused()).into_bytes();
    let kept = stage.files.keep(&bytes, "a.png", None).await.unwrap();
    let chats: Vec<i64> = (0..6).map(|_| unused()).collect();
    let source = FileSource::Stored(kept.clone());
    let at_once = chats.iter().map(|chat| stage.photo(*chat, &source));
    for sent in futures_util::future::join_all(at_once).await {
        sent.unwrap();
    }
    let calls: Vec<_> = chats
        .iter()
        .flat_map(|chat| stage.telegram.calls(*chat))
        .collect();
    assert_eq!(calls.len(), 6);
    assert_eq!(calls.iter().filter(|(_, bytes)| *bytes).count(), 1);

    // The same bytes in a record are the same file; as a document they are another one.
    let inline = FileSource::Bytes {
        name: "b.png".to_owned(),
        bytes: bytes.into(),
    };
    let again = unused();
    stage.photo(again, &inline).await.unwrap();
    assert_eq!(
        stage.telegram.calls(again),
        [("SendPhoto".to_owned(), false)]
    );
    let content = Content::document(source, Some("the file".to_owned()));
    let document = stage
        .sender
        .send(
            &format!("doc-{again}"),
            again,
            &content,
            Priority::Interactive,
        )
        .await;
    document.unwrap();
    assert_eq!(
        stage.telegram.calls(again)[1],
        ("SendDocument".to_owned(), true)
    );
}

#[tokio::test]
async fn a_refused_file_id_is_forgotten_and_the_bytes_are_uploaded_again() {
    let stage = stage().await;
    let bytes = format!("picture {}", unused()).into_bytes();
    let source = FileSource::Bytes {
        name: "a.png".to_owned(),
        bytes: bytes.into(),
    };
    let (first, second, third) = (unused(), unused(), unused());
    stage.photo(first, &source).await.unwrap();
    stage.telegram.set(second, Mood::RefusesFileIds);
    stage.photo(second, &source).await.unwrap();
    let photo = |bytes| ("SendPhoto".to_owned(), bytes);
    assert_eq!(stage.telegram.calls(second), [photo(false), photo(true)]);
    stage.photo(third, &source).await.unwrap();
    assert_eq!(stage.telegram.calls(third), [photo(false)]);

    // A file_id that somebody else gave can't be helped.
    let known = FileSource::Known("AgACAgIAAxk".to_owned());
    let refused = stage.photo(second, &known).await;
    assert!(
        matches!(refused, Err(SendError::Telegram(SendFailure::Refused(_)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named_and_nothing_is_sent() {
    let stage = stage().await;
    let chat = unused();
    let missing = FileSource::Stored(StoredFile {
        sha256: "0".repeat(64),
        name: "guide.pdf".to_owned(),
        size: 4,
        media_type: None,
    });
    let refused = stage.photo(chat, &missing).await.unwrap_err();
    assert!(matches!(refused, SendError::NoFile(_)), "{refused:?}");
    assert!(refused.to_string().contains("FILES_DIR"), "{refused}");
    assert!(stage.telegram.calls(chat).is_empty());
}
