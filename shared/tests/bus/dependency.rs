//! D5: a dependency that is down pauses consumption; no attempt is counted, nothing is dead-lettered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use geobot_shared::bus::{ConsumerOptions, HandleError};
use geobot_shared::topics::dead_letter_topic;

use crate::kafka::{count, fill, new_topic, until, user};
use crate::service::{App, Member, quick};

#[tokio::test(flavor = "multi_thread")]
async fn a_dependency_that_is_down_pauses_the_topic_and_costs_nothing() {
    let topic = new_topic("down", 3).await;
    let down = Arc::new(AtomicBool::new(true));
    let tries = Arc::new(AtomicUsize::new(0));
    let app = {
        let (down, tries) = (Arc::clone(&down), Arc::clone(&tries));
        App::new(move |_, _| {
            let is_down = down.load(Ordering::SeqCst);
            tries.fetch_add(1, Ordering::SeqCst);
            async move {
                if is_down {
                    return Err(HandleError::unavailable("redis", "connection refused"));
                }
                Ok(())
            }
        })
    };
    fill(&topic, (0..500).map(|n| user(&format!("k{}", n % 20), n)));
    let options = ConsumerOptions {
        stall_after: Duration::from_millis(300),
        ..quick()
    };
    let attempts = options.attempts as usize;
    let member = Member::start(&topic, &app, options);
    until("the topic is paused", || async {
        member.health.is_paused()
    })
    .await;
    // Records that come meanwhile wait in Kafka.
    fill(&topic, (500..600).map(|n| user(&format!("k{}", n % 20), n)));
    until(
        "it was tried more often than there are attempts",
        || async { tries.load(Ordering::SeqCst) > 20 * attempts },
    )
    .await;
    assert_eq!(member.health.check(), Ok(()), "a pause is not a stall");
    assert_eq!(app.count(), 0);
    down.store(false, Ordering::SeqCst);
    until("all are handled", || async { app.count() == 600 }).await;
    assert!(app.by_key().values().all(|numbers| numbers.is_sorted()));
    assert_eq!(count(&dead_letter_topic(&topic)), 0);
    until("it goes on", || async { !member.health.is_paused() }).await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_told_to_come_back_later_is_parked_and_uses_up_no_attempt() {
    let topic = new_topic("later", 1).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let app = {
        let tries = Arc::clone(&tries);
        App::new(move |key, _| {
            let limited = key == "limited" && tries.fetch_add(1, Ordering::SeqCst) < 10;
            async move {
                if limited {
                    let after = Duration::from_millis(50);
                    return Err(HandleError::retry_after("Too Many Requests", after));
                }
                Ok(())
            }
        })
    };
    let mut records = vec![user("limited", 0)];
    records.extend((0..200).map(|n| user("free", n)));
    fill(&topic, records);
    let options = ConsumerOptions {
        // One place: a record that waits must not keep it.
        lanes: 1,
        handlers_at_once: 1,
        ..quick()
    };
    let member = Member::start(&topic, &app, options);
    until("all are handled", || async { app.count() == 201 }).await;
    assert_eq!(app.done.lock().unwrap()[200], ("limited".to_owned(), 0));
    assert_eq!(count(&dead_letter_topic(&topic)), 0);
    member.stop().await;
}
