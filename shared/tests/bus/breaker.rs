//! The breaker: a fault of ours does not empty a topic into the dead letters, and junk does not stop one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use geobot_shared::bus::{ConsumerOptions, HandleError};
use geobot_shared::topics::dead_letter_topic;

use crate::kafka::{count, fill, new_topic, read_all, until, user};
use crate::service::{App, Member, quick};

#[tokio::test(flavor = "multi_thread")]
async fn when_our_own_handlers_fail_in_a_row_the_topic_waits_and_goes_on_by_itself() {
    let topic = new_topic("breaker", 3).await;
    let broken = Arc::new(AtomicBool::new(true));
    let app = {
        let broken = Arc::clone(&broken);
        App::new(move |_, _| {
            let broken = broken.load(Ordering::SeqCst);
            async move {
                if broken {
                    return Err(HandleError::transient("a fault of ours"));
                }
                Ok(())
            }
        })
    };
    fill(&topic, (0..300).map(|n| user(&format!("k{n}"), n)));
    let options = ConsumerOptions {
        breaker_after: 5,
        ..quick()
    };
    let member = Member::start(&topic, &app, options);
    until("the topic is paused", || async {
        member.health.is_paused()
    })
    .await;
    let dead = count(&dead_letter_topic(&topic));
    assert!(dead <= 5, "{dead} dead letters");
    broken.store(false, Ordering::SeqCst);
    until("all others are handled", || async {
        app.count() as i64 + count(&dead_letter_topic(&topic)) == 300
    })
    .await;
    assert!(count(&dead_letter_topic(&topic)) <= 5);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_lets_records_through_from_time_to_time_and_a_good_one_closes_it() {
    let topic = new_topic("probe", 1).await;
    let app = App::new(|key, _| {
        let panics = key.starts_with("bad");
        async move {
            assert!(!panics, "this record can't be handled");
            Ok(())
        }
    });
    fill(&topic, (0..12).map(|n| user(&format!("bad{n}"), n)));
    let options = ConsumerOptions {
        breaker_after: 3,
        ..quick()
    };
    let member = Member::start(&topic, &app, options);
    until("the topic is paused", || async {
        member.health.is_paused()
    })
    .await;
    let letters = dead_letter_topic(&topic);
    // The good ones come only now.
    let goods = std::sync::atomic::AtomicU64::new(0);
    until(
        "bad ones are given up and good ones are handled",
        || async {
            if count(&letters) < 12 {
                let n = goods.fetch_add(5, Ordering::SeqCst);
                fill(&topic, (n..n + 5).map(|n| user("good", n)));
            }
            count(&letters) == 12 && app.count() as u64 == goods.load(Ordering::SeqCst)
        },
    )
    .await;
    assert!(app.by_key()["good"].is_sorted());
    let letter = &read_all(&letters)[0];
    assert_eq!(letter.headers["dlq-attempts"], "3");
    assert_eq!(letter.headers["dlq-error-class"], "transient");
    assert!(letter.headers["dlq-error"].contains("this record can't be handled"));
    member.stop().await;
}
