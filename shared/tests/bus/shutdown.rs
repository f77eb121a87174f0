//! D6: a shutdown lets running records end, commits, leaves, and takes no longer than its budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use geobot_shared::bus::{ConsumerOptions, HandleError};
use tokio::sync::Notify;

use crate::kafka::{committed, fill, new_topic, until, user};
use crate::service::{App, Member, group, quick};

#[tokio::test(flavor = "multi_thread")]
async fn running_records_end_and_what_has_not_begun_is_left_to_others() {
    let topic = new_topic("drain", 1).await;
    fill(&topic, (0..1_000).map(|n| user("one key", n)));
    let begun = Arc::new(AtomicUsize::new(0));
    let release = Arc::new(Notify::new());
    let app = {
        let (begun, release) = (Arc::clone(&begun), Arc::clone(&release));
        App::new(move |_, n| {
            begun.fetch_add(1, Ordering::SeqCst);
            let wait = (n == 2).then(|| Arc::clone(&release));
            async move {
                if let Some(wait) = wait {
                    wait.notified().await;
                }
                Ok(())
            }
        })
    };
    let member = Member::start(&topic, &app, quick());
    until("the third has begun", || async {
        begun.load(Ordering::SeqCst) == 3
    })
    .await;
    let stopping = tokio::spawn(member.stop());
    // The shutdown is under way; the running record may still end.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!stopping.is_finished());
    release.notify_one();
    stopping.await.unwrap();
    assert_eq!(app.count(), 3);
    assert_eq!(committed(&group(&topic), &topic), 3);
    assert_eq!(begun.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dependency_that_is_down_does_not_hold_up_a_shutdown() {
    let topic = new_topic("down_stop", 1).await;
    fill(&topic, (0..100).map(|n| user(&format!("k{n}"), n)));
    let app = App::new(|_, _| async { Err(HandleError::unavailable("redis", "refused")) });
    let options = ConsumerOptions {
        longest_pause: Duration::from_secs(60),
        first_pause: Duration::from_secs(60),
        ..quick()
    };
    let member = Member::start(&topic, &app, options);
    until("the topic is paused", || async {
        member.health.is_paused()
    })
    .await;
    let began = Instant::now();
    member.stop().await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(committed(&group(&topic), &topic), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_holds_up_a_shutdown_for_the_drain_only() {
    let topic = new_topic("hang", 1).await;
    fill(&topic, [user("hangs", 0)]);
    let begun = Arc::new(AtomicUsize::new(0));
    let app = {
        let begun = Arc::clone(&begun);
        App::new(move |_, _| {
            begun.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
    };
    let options = ConsumerOptions {
        shutdown_drain: Duration::from_millis(500),
        stall_after: Duration::from_millis(200),
        ..quick()
    };
    let member = Member::start(&topic, &app, options);
    until("it has begun", || async {
        begun.load(Ordering::SeqCst) == 1
    })
    .await;
    until("the stall shows in the health", || async {
        member.health.check().is_err()
    })
    .await;
    let began = Instant::now();
    member.stop().await;
    assert!(began.elapsed() < Duration::from_millis(500 + 2_500));
    assert_eq!(committed(&group(&topic), &topic), 0);
}
