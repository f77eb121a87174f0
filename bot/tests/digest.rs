//! Staff hears of errors in few messages: the digest against a Bot API of its own and a real Redis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use geobot_bot::digest::Teller;
use geobot_bot::settings::Staff;
use geobot_bot::store::Store;
use geobot_bot::store::digest::MOST_KINDS;
use geobot_bot::telegram::manner::offset;
use geobot_bot::telegram::sender::Sender;
use geobot_bot::texts::{self, Texts};
use geobot_shared::files::FileStore;
use geobot_shared::ids::ChatId;
use geobot_shared::topics::tg_notify::StaffAlert;
use serde_json::{Value, json};

const PERIOD: Duration = Duration::from_secs(300);

/// What the chats got; it can be gone.
#[derive(Default)]
struct Telegram {
    gone: AtomicBool,
    refuses: Mutex<Option<i64>>,
    messages: Mutex<Vec<(i64, String)>>,
}

async fn send(State(telegram): State<Arc<Telegram>>, Json(call): Json<Value>) -> Response {
    if telegram.gone.load(Ordering::SeqCst) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let Some(chat) = call["chat_id"].as_i64() else {
        return Json(json!({"ok": true, "result": {}})).into_response();
    };
    if *telegram.refuses.lock().unwrap() == Some(chat) {
        let no = json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was kicked from the group chat"});
        return Json(no).into_response();
    }
    let text = call["text"].as_str().unwrap_or_default().to_owned();
    let mut messages = telegram.messages.lock().unwrap();
    messages.push((chat, text));
    Json(json!({"ok": true, "result": {"message_id": messages.len()}})).into_response()
}

struct Desk {
    telegram: Arc<Telegram>,
    store: Store,
    other: Store,
    sender: Sender,
    texts: Texts,
    staff: Staff,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

/// The digest is one for the whole shop, so its tests go one after the other, in a database of their own.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Desk {
    async fn new(chats: &[i64]) -> Desk {
        let alone = ALONE.lock().await;
        let url = support::emptied(7).await;
        let telegram = Arc::new(Telegram::default());
        let routes = axum::Router::new()
            .fallback(send)
            .with_state(Arc::clone(&telegram));
        let api = support::api(routes).await;
        let store = Store::open(&url).unwrap();
        store.show_life().await.unwrap();
        let other = Store::open(&url).unwrap();
        other.show_life().await.unwrap();
        Desk {
            telegram,
            sender: Sender::new(api, store.clone(), None, FileStore::new("no-files")),
            other,
            store,
            texts: texts::load().unwrap(),
            staff: Staff {
                chats: chats.iter().copied().map(ChatId).collect(),
                period: PERIOD,
            },
            _alone: alone,
        }
    }

    async fn alert(&self, id: usize, action: &str, at: DateTime<Utc>) -> bool {
        let alert = StaffAlert {
            service: "LK".into(),
            action: action.into(),
            message: "A refund got no answer".into(),
            count: 1,
            first_at: at,
            last_at: at,
        };
        let record = format!("alert-{id}");
        self.store.collect_alert(&record, &alert).await.unwrap()
    }

    async fn look_from(&self, store: &Store, now: DateTime<Utc>) {
        let teller = Teller {
            store,
            sender: &self.sender,
            texts: &self.texts,
            offset: offset("+03:00").unwrap(),
            staff: &self.staff,
        };
        teller.look(now).await.unwrap();
    }

    async fn look(&self, now: DateTime<Utc>) {
        self.look_from(&self.store, now).await;
    }

    fn told(&self) -> Vec<(i64, String)> {
        self.telegram.messages.lock().unwrap().clone()
    }
}

fn start() -> DateTime<Utc> {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

#[tokio::test]
async fn a_thousand_alerts_are_told_in_two_messages() {
    let desk = Desk::new(&[-1001]).await;
    let mut looked_at = 0;
    for n in 0..1_000 {
        desk.alert(
            n,
            &format!("refund_unknown_{}", n % 3),
            after(n as i64 / 10),
        )
        .await;
        // The bot looks every second, and ten alerts come within one.
        if n / 10 > looked_at {
            looked_at = n / 10;
            desk.look(after(looked_at as i64)).await;
        }
    }
    assert_eq!(
        desk.told().len(),
        1,
        "the first goes at once, the others wait"
    );
    for second in 100..=700 {
        desk.look(after(second)).await;
    }
    let told = desk.told();
    assert_eq!(told.len(), 2, "{told:?}");
    let counts = told.iter().flat_map(|(_, text)| text.lines());
    let counts = counts.filter_map(|line| line.split_once(" × ")?.1.split(',').next());
    let sum: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 1_000, "{told:?}");
    assert!(!desk.store.has_alerts().await.unwrap());
}

#[tokio::test]
async fn a_repeated_record_is_counted_once() {
    let desk = Desk::new(&[-1001]).await;
    assert!(desk.alert(1, "refund_unknown", start()).await);
    assert!(!desk.alert(1, "refund_unknown", start()).await);
    desk.look(start()).await;
    let (_, text) = desk.told().remove(0);
    assert!(text.contains("refund_unknown × 1, 25.11 13:00"), "{text}");
}

#[tokio::test]
async fn a_digest_that_was_not_sent_goes_out_a_period_later_and_nothing_is_lost() {
    let desk = Desk::new(&[-1001]).await;
    desk.alert(1, "refund_unknown", start()).await;
    desk.telegram.gone.store(true, Ordering::SeqCst);
    desk.look(start()).await;
    desk.telegram.gone.store(false, Ordering::SeqCst);
    desk.alert(2, "payment_mismatch", after(1)).await;
    desk.look(after(299)).await;
    assert_eq!(desk.told(), []);
    tokio::time::timeout(Duration::from_secs(20), async {
        // The sender asks at most once a second whether Telegram is back.
        let mut now = 300;
        while desk.told().is_empty() {
            desk.look(after(now)).await;
            now += 300;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        desk.look(after(now + 300)).await;
    })
    .await
    .unwrap();
    let told = desk.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.contains("refund_unknown"), "{told:?}");
    assert!(told[1].1.contains("payment_mismatch"), "{told:?}");
}

#[tokio::test]
async fn of_two_replicas_one_tells() {
    let desk = Desk::new(&[-1001]).await;
    desk.alert(1, "refund_unknown", start()).await;
    tokio::join!(
        desk.look_from(&desk.store, start()),
        desk.look_from(&desk.other, start())
    );
    assert_eq!(desk.told().len(), 1);
}

#[tokio::test]
async fn a_chat_that_threw_the_bot_out_keeps_nothing_from_the_others() {
    let desk = Desk::new(&[-1001, -1002]).await;
    *desk.telegram.refuses.lock().unwrap() = Some(-1001);
    desk.alert(1, "refund_unknown", start()).await;
    desk.look(start()).await;
    let told = desk.told();
    assert_eq!((told.len(), told[0].0), (1, -1002));
    assert!(!desk.store.has_alerts().await.unwrap());
}

#[tokio::test]
async fn endless_kinds_of_errors_are_counted_and_not_kept() {
    let desk = Desk::new(&[-1001]).await;
    let most = MOST_KINDS as usize;
    for n in 0..most + 50 {
        desk.alert(n, &format!("kind_{n:04}"), start()).await;
    }
    desk.look(start()).await;
    let (_, text) = desk.told().remove(0);
    assert!(text.contains(&(most + 50).to_string()), "{text}");
    assert!(text.contains(&(most + 50 - 20).to_string()), "{text}");
}
