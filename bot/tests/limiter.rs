//! Telegram's allowance, shared through a real Redis. Each test has a database of its own: the keys are global.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use geobot_bot::store::Store;
use geobot_bot::telegram::limiter::{Limiter, Limits, Turn};
use geobot_shared::topics::tg_send::Priority;

/// A store in an empty database.
async fn empty_store(database: u8) -> Store {
    Store::open(&support::emptied(database).await).unwrap()
}

fn limits(all: f64, private: f64) -> Limits {
    Limits {
        all_per_second: all,
        private_per_second: private,
        ..Limits::default()
    }
}

#[tokio::test]
async fn replicas_share_one_allowance() {
    let store = empty_store(10).await;
    let replicas =
        [(); 2].map(|()| Arc::new(Limiter::new(store.clone(), Some(limits(200.0, 1000.0)))));
    let began = Instant::now();
    let turns: Vec<_> = (0..100)
        .map(|chat| {
            let limiter = replicas[chat as usize % 2].clone();
            tokio::spawn(async move {
                limiter
                    .turn(chat + 1, Priority::Notify, None)
                    .await
                    .unwrap()
            })
        })
        .collect();
    for turn in turns {
        turn.await.unwrap();
    }
    // 100 turns at 200 a second, of which five may be ahead of the pace.
    assert!(
        began.elapsed() >= Duration::from_millis(465),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_private_chat_gets_a_short_burst_and_then_its_pace() {
    let limiter = Limiter::new(empty_store(11).await, Some(limits(10_000.0, 5.0)));
    let began = Instant::now();
    for _ in 0..Limits::default().private_burst {
        limiter.turn(7, Priority::Interactive, None).await.unwrap();
    }
    let burst = began.elapsed();
    limiter.turn(8, Priority::Interactive, None).await.unwrap();
    for _ in 0..2 {
        limiter.turn(7, Priority::Interactive, None).await.unwrap();
    }
    assert!(
        began.elapsed() >= Duration::from_millis(390),
        "{:?}",
        began.elapsed()
    );
    assert!(
        burst < Duration::from_millis(200),
        "the burst waited {burst:?}"
    );
}

#[tokio::test]
async fn an_answer_does_not_wait_behind_bulk_and_bulk_goes_on() {
    let limiter = Arc::new(Limiter::new(
        empty_store(2).await,
        Some(limits(40.0, 1000.0)),
    ));
    let sent = Arc::new(AtomicUsize::new(0));
    for chat in 0..60 {
        let (limiter, sent) = (limiter.clone(), sent.clone());
        tokio::spawn(async move {
            limiter
                .turn(1_000 + chat, Priority::Bulk, None)
                .await
                .unwrap();
            sent.fetch_add(1, Ordering::AcqRel);
        });
    }
    while sent.load(Ordering::Acquire) < 5 {
        tokio::task::yield_now().await;
    }
    for chat in 0..4 {
        let before = sent.load(Ordering::Acquire);
        limiter
            .turn(chat + 1, Priority::Interactive, None)
            .await
            .unwrap();
        let passed = sent.load(Ordering::Acquire) - before;
        assert!(passed <= 2, "{passed} of a broadcast went before an answer");
    }
    // Answers without end: bulk still gets a turn now and then.
    let before = sent.load(Ordering::Acquire);
    let end = Instant::now() + Duration::from_secs(8);
    let mut chat = 2_000;
    while sent.load(Ordering::Acquire) < before + 2 {
        assert!(Instant::now() < end, "bulk starved");
        chat += 1;
        limiter
            .turn(chat, Priority::Interactive, None)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_refused_chat_pauses_alone_and_a_storm_pauses_all() {
    let limiter = Limiter::new(empty_store(13).await, Some(limits(10_000.0, 1000.0)));
    let pause = Duration::from_millis(300);
    assert!(!limiter.refused(1, pause).await.unwrap());
    let began = Instant::now();
    limiter.turn(2, Priority::Interactive, None).await.unwrap();
    assert!(began.elapsed() < pause, "another chat waited too");
    limiter.turn(1, Priority::Interactive, None).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(250));
    assert!(!limiter.refused(2, pause).await.unwrap());
    assert!(
        limiter.refused(3, pause).await.unwrap(),
        "three chats are a storm"
    );
    let began = Instant::now();
    limiter.turn(4, Priority::Interactive, None).await.unwrap();
    assert!(
        began.elapsed() >= Duration::from_millis(250),
        "all chats should have waited"
    );
}

#[tokio::test]
async fn a_group_has_a_pace_of_its_own() {
    let limits = Limits {
        group_per_minute: 300.0,
        ..limits(10_000.0, 1000.0)
    };
    let limiter = Limiter::new(empty_store(14).await, Some(limits));
    let began = Instant::now();
    for _ in 0..3 {
        limiter.turn(-100, Priority::Notify, None).await.unwrap();
    }
    assert!(
        began.elapsed() >= Duration::from_millis(390),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_long_pause_of_one_chat_is_told_at_once_and_stops_no_other_chat() {
    let limiter = Limiter::new(empty_store(3).await, Some(limits(10_000.0, 1_000.0)));
    let hour = Duration::from_secs(3_600);
    assert!(!limiter.refused(7, hour).await.unwrap());
    let began = Instant::now();
    for priority in [Priority::Interactive, Priority::Notify, Priority::Bulk] {
        match limiter.turn(7, priority, None).await.unwrap() {
            Turn::Later(pause) => assert!(pause > hour / 2 && pause <= hour, "{pause:?}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(limiter.turn(8, priority, None).await.unwrap(), Turn::Taken);
    }
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_clock_that_was_set_back_stops_nothing() {
    let limiter = Limiter::new(empty_store(4).await, Some(limits(100.0, 100.0)));
    let mut connection = support::connection(4).await;
    // Turns were taken an hour ahead of now.
    let ahead = chrono::Utc::now().timestamp_micros() + 3_600_000_000;
    for key in ["geobot:limit:all", "geobot:limit:chat:7"] {
        let mut set = redis::cmd("SET");
        let _: () = set
            .arg(key)
            .arg(ahead)
            .query_async(&mut connection)
            .await
            .unwrap();
    }
    let began = Instant::now();
    for priority in [Priority::Interactive, Priority::Bulk] {
        assert_eq!(limiter.turn(7, priority, None).await.unwrap(), Turn::Taken);
    }
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}
