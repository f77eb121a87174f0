//! D1, D2: order per key, keys side by side, and only finished records are committed.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::kafka::{committed, fill, new_topic, until, user};
use crate::service::{App, Member, group, quick};

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_key_are_handled_in_order_and_every_offset_is_committed() {
    const KEYS: u64 = 100;
    const RECORDS: u64 = 20_000;
    let topic = new_topic("order", 6).await;
    fill(
        &topic,
        (0..RECORDS).map(|n| user(&format!("k{}", n % KEYS), n)),
    );
    let app = App::new(|_, n| async move {
        for _ in 0..n % 5 {
            tokio::task::yield_now().await;
        }
        Ok(())
    });
    let member = Member::start(&topic, &app, quick());
    until("all are handled", || async {
        app.count() as u64 == RECORDS
    })
    .await;
    member.stop().await;
    for (key, numbers) in app.by_key() {
        assert!(numbers.is_sorted(), "{key} is out of order");
        assert_eq!(numbers.len() as u64, RECORDS / KEYS);
    }
    assert_eq!(committed(&group(&topic), &topic), RECORDS as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_key_holds_back_its_own_records_only_and_nothing_behind_it_is_committed() {
    let topic = new_topic("slow", 1).await;
    // One partition: everything is behind the slow record.
    let mut records = vec![user("slow", 0), user("slow", 1)];
    records.extend((0..5_000).map(|n| user(&format!("k{}", n % 50), n)));
    fill(&topic, records);
    let release = Arc::new(Notify::new());
    let app = {
        let release = Arc::clone(&release);
        App::new(move |key, n| {
            let wait = (key == "slow" && n == 0).then(|| Arc::clone(&release));
            async move {
                if let Some(wait) = wait {
                    wait.notified().await;
                }
                Ok(())
            }
        })
    };
    let member = Member::start(&topic, &app, quick());
    until("the fast keys are done", || async { app.count() == 5_000 }).await;
    assert!(!app.by_key().contains_key("slow"));
    // Two commits' time.
    tokio::time::sleep(quick().commit_every * 2).await;
    assert_eq!(committed(&group(&topic), &topic), 0);
    release.notify_one();
    until("the slow key goes on", || async { app.count() == 5_002 }).await;
    assert_eq!(app.by_key()["slow"], [0, 1]);
    until("everything is committed", || async {
        committed(&group(&topic), &topic) == 5_002
    })
    .await;
    member.stop().await;
}
