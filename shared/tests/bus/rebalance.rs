//! D1, D2 while members join and leave.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use geobot_shared::bus::{GroupProtocol, KafkaSettings};

use crate::kafka::{committed, fill, new_topic, settings, until, user};
use crate::service::{App, Member, group, quick};

const KEYS: u64 = 200;
const RECORDS: u64 = 30_000;

#[tokio::test(flavor = "multi_thread")]
async fn members_that_join_and_leave_lose_nothing_with_the_broker_assigning() {
    join_and_leave(GroupProtocol::Consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_join_and_leave_lose_nothing_with_cooperative_sticky() {
    join_and_leave(GroupProtocol::Classic).await;
}

async fn join_and_leave(group_protocol: GroupProtocol) {
    let settings = KafkaSettings {
        group_protocol,
        ..settings()
    };
    let topic = new_topic("rebalance", 6).await;
    fill(
        &topic,
        (0..RECORDS).map(|n| user(&format!("k{}", n % KEYS), n)),
    );
    let app = App::new(|_, _| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    });
    let options = geobot_shared::bus::ConsumerOptions {
        // Slow enough to be at work during all the changes.
        handlers_at_once: 60,
        records_in_flight: 1_000,
        ..quick()
    };
    let first = Member::start_with(&settings, &topic, &app, options.clone());
    let seen = || {
        app.done
            .lock()
            .unwrap()
            .iter()
            .cloned()
            .collect::<HashSet<_>>()
    };
    let mut longest_pause = Duration::ZERO;
    let mut last = (app.count(), Instant::now());
    for round in 0..3 {
        let second = Member::start_with(&settings, &topic, &app, options.clone());
        until("the second has partitions", || async {
            second.health.partitions() > 0
        })
        .await;
        let target = app.count() + 500;
        while app.count() < target && seen().len() < RECORDS as usize {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if app.count() != last.0 {
                last = (app.count(), Instant::now());
            } else if round > 0 {
                longest_pause = longest_pause.max(last.1.elapsed());
            }
        }
        second.stop().await;
    }
    until("the first has all partitions again", || async {
        first.health.partitions() == 6
    })
    .await;
    until("all are handled", || async {
        seen().len() == RECORDS as usize
    })
    .await;
    first.stop().await;
    assert_eq!(committed(&group(&topic), &topic), RECORDS as i64);

    // What was handled twice (begun by one member, finished after its partition went to the other) is recognised by
    // its identity; the first time of each record is in order.
    let done = app.done.lock().unwrap();
    let mut known = HashSet::new();
    let mut last_of: HashMap<&str, u64> = HashMap::new();
    for record in done.iter() {
        if known.insert(record) {
            let last = last_of.entry(&record.0).or_insert(0);
            assert!(*last <= record.1, "{} is out of order", record.0);
            *last = record.1;
        }
    }
    let repeated = done.len() - known.len();
    println!("{group_protocol:?}: {repeated} repeated, longest pause {longest_pause:?}");
    // Members that leave in order hand over what they have finished.
    assert!(repeated < 100, "{repeated} of {RECORDS} were handled twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_gets_no_partition_is_ready_too() {
    let topic = new_topic("spare", 1).await;
    let app = App::new(|_, _| async { Ok(()) });
    let members = [
        Member::start(&topic, &app, quick()),
        Member::start(&topic, &app, quick()),
    ];
    until("both are ready", || async {
        members.iter().all(|m| m.health.check().is_ok())
    })
    .await;
    let partitions: usize = members.iter().map(|m| m.health.partitions()).sum();
    assert_eq!(partitions, 1);
    for member in members {
        member.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_missing_shows_in_the_health() {
    let app = App::new(|_, _| async { Ok(()) });
    let member = Member::start("test_there_is_no_such_topic", &app, quick());
    until("the health says which problem", || async {
        let health = member.health.check();
        health.is_err_and(|why| why.contains("nknown topic"))
    })
    .await;
    member.stop().await;
}
