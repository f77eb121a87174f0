//! The transactional outbox, on SQLite and on PostgreSQL.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chrono::Utc;
use geobot_shared::bus::outbox::{self, Outbox};
use geobot_shared::bus::{Cause, Outgoing, Producer, dedupe};
use geobot_shared::sql;
use sea_orm::ColumnTrait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, Schema,
    TransactionTrait,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::kafka::{count, new_topic, read_all, settings, until};

struct Store {
    db: DatabaseConnection,
    url: String,
    _folder: Option<tempfile::TempDir>,
}

async fn tables(db: &DatabaseConnection) {
    let backend = db.get_database_backend();
    let schema = Schema::new(backend);
    for statement in [
        schema.create_table_from_entity(outbox::Entity),
        schema.create_table_from_entity(dedupe::Entity),
    ] {
        db.execute(&statement).await.unwrap();
    }
}

async fn sqlite() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let url = sql::database_url("", folder.path(), "test.sqlite").unwrap();
    let db = sql::connect(&url).await.unwrap();
    tables(&db).await;
    Store {
        db,
        url,
        _folder: Some(folder),
    }
}

async fn postgres() -> Store {
    let server = std::env::var("GEOBOT_TEST_POSTGRES")
        .expect("GEOBOT_TEST_POSTGRES is not set: `sh init.sh test` starts one and sets it");
    let name = format!("test_outbox_{:08x}", rand::random::<u32>());
    let admin = sql::connect(&server).await.unwrap();
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let url = format!("{base}/{name}");
    let db = sql::connect(&url).await.unwrap();
    tables(&db).await;
    Store {
        db,
        url,
        _folder: None,
    }
}

fn record(topic: &str, key: &str, n: u64) -> Outgoing {
    Outgoing {
        topic: topic.to_owned(),
        key: Some(key.to_owned()),
        value: crate::kafka::user(key, n).value,
        headers: vec![("message-id".to_owned(), format!("{key}-{n}"))],
    }
}

struct Relay {
    outbox: Outbox,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

fn relay(db: &DatabaseConnection) -> Relay {
    let outbox = Outbox::new(Producer::new(&settings(), "TEST").unwrap());
    let stop = CancellationToken::new();
    let running = {
        let (outbox, db, stop) = (outbox.clone(), db.clone(), stop.clone());
        tokio::spawn(async move { outbox.run(db, stop).await })
    };
    Relay {
        outbox,
        stop,
        running,
    }
}

impl Relay {
    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

async fn put(outbox: &Outbox, db: &DatabaseConnection, records: Vec<Outgoing>) {
    let transaction = sql::begin(db).await.unwrap();
    for record in records {
        outbox
            .put_record(&transaction, record, Utc::now())
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn waiting(db: &DatabaseConnection) -> u64 {
    outbox::Entity::find()
        .filter(outbox::Column::PublishedAt.is_null())
        .filter(outbox::Column::RefusedAt.is_null())
        .count(db)
        .await
        .unwrap()
}

/// The first time of each message-id, by key.
fn first_times(topic: &str) -> HashMap<String, Vec<u64>> {
    let mut known = HashSet::new();
    let mut keys: HashMap<String, Vec<u64>> = HashMap::new();
    for record in read_all(topic) {
        if known.insert(record.headers["message-id"].clone()) {
            let (key, n) = record.number();
            keys.entry(key).or_default().push(n);
        }
    }
    keys
}

/// Rows are published in order per key, also when relays are killed between publishing and marking.
async fn kills_lose_nothing(store: Store) {
    const ROWS: u64 = 3_000;
    let topic = new_topic("outbox", 3).await;
    let first = relay(&store.db);
    let filling = {
        let (outbox, db, topic) = (first.outbox.clone(), store.db.clone(), topic.clone());
        tokio::spawn(async move {
            for chunk in 0..ROWS / 100 {
                let rows = (0..100).map(|i| chunk * 100 + i);
                let rows = rows.map(|n| record(&topic, &format!("k{}", n % 20), n));
                put(&outbox, &db, rows.collect()).await;
                outbox.wake();
            }
        })
    };
    let mut running = first;
    for _ in 0..5 {
        let before = count(&topic);
        until("it publishes", || async {
            count(&topic) > before || count(&topic) >= ROWS as i64
        })
        .await;
        // Dropped wherever it is.
        running.running.abort();
        let _ = running.running.await;
        running = relay(&store.db);
    }
    filling.await.unwrap();
    until("all are marked", || async { waiting(&store.db).await == 0 }).await;
    running.stop().await;
    let keys = first_times(&topic);
    assert_eq!(keys.values().map(Vec::len).sum::<usize>() as u64, ROWS);
    for (key, numbers) in keys {
        assert!(numbers.is_sorted(), "{key} is out of order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_loses_nothing_on_sqlite() {
    kills_lose_nothing(sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_loses_nothing_on_postgresql() {
    kills_lose_nothing(postgres().await).await;
}

/// A row that Kafka never takes is set aside with its reason; one whose topic is missing waits; the others go on.
async fn bad_rows_stop_nobody_else(store: Store) {
    let topic = new_topic("refused", 1).await;
    let relay = relay(&store.db);
    let mut too_large = record(&topic, "k", 0);
    too_large.value = vec![b'x'; 3_000_000];
    let missing = format!("{topic}_missing");
    let mut rows = vec![too_large, record(&missing, "k", 0)];
    rows.extend((1..50).map(|n| record(&topic, "k", n)));
    put(&relay.outbox, &store.db, rows).await;
    relay.outbox.wake();
    until("the good ones are there", || async { count(&topic) == 49 }).await;
    until("only the row of the missing topic waits", || async {
        waiting(&store.db).await == 1
    })
    .await;
    // And it is in nobody's way.
    put(&relay.outbox, &store.db, vec![record(&topic, "k", 50)]).await;
    relay.outbox.wake();
    until("the next one is there", || async { count(&topic) == 50 }).await;
    let refused = outbox::Entity::find()
        .filter(outbox::Column::RefusedAt.is_not_null())
        .all(&store.db)
        .await
        .unwrap();
    assert_eq!(refused.len(), 1);
    let why = refused[0].refusal.as_deref().unwrap_or_default();
    assert!(why.contains("too large"), "{why}");
    relay.stop().await;
    assert_eq!(first_times(&topic)["k"], (1..=50).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_kafka_does_not_take_stop_nobody_else_on_sqlite() {
    bad_rows_stop_nobody_else(sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_kafka_does_not_take_stop_nobody_else_on_postgresql() {
    bad_rows_stop_nobody_else(postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_relay_publishes_soon_after_the_commit() {
    let store = sqlite().await;
    let topic = new_topic("soon", 1).await;
    let relay = relay(&store.db);
    let mut took = Vec::new();
    for n in 0..20 {
        put(&relay.outbox, &store.db, vec![record(&topic, "k", n)]).await;
        let committed = Instant::now();
        relay.outbox.wake();
        while waiting(&store.db).await > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(committed.elapsed());
    }
    relay.stop().await;
    took.sort();
    println!("median {:?}, longest {:?}", took[10], took[19]);
    // 50 ms are promised; a test machine is busy with other tests.
    assert!(took[10] < Duration::from_millis(150), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_committed_late_under_a_smaller_number_is_published() {
    let store = postgres().await;
    let topic = new_topic("late", 1).await;
    let relay = relay(&store.db);
    let late = store.db.begin().await.unwrap();
    relay
        .outbox
        .put_record(&late, record(&topic, "late", 0), Utc::now())
        .await
        .unwrap();
    put(&relay.outbox, &store.db, vec![record(&topic, "early", 0)]).await;
    relay.outbox.wake();
    until("the early one is there", || async { count(&topic) == 1 }).await;
    late.commit().await.unwrap();
    relay.outbox.wake();
    until("the late one is there", || async { count(&topic) == 2 }).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_do_not_publish_a_row_twice() {
    let store = postgres().await;
    let topic = new_topic("replicas", 3).await;
    let other = sql::connect(&store.url).await.unwrap();
    let relays = [relay(&store.db), relay(&other)];
    for n in 0..50 {
        let rows = (0..20).map(|i| record(&topic, &format!("k{i}"), n));
        put(&relays[0].outbox, &store.db, rows.collect()).await;
        for relay in &relays {
            relay.outbox.wake();
        }
    }
    until("all are marked", || async { waiting(&store.db).await == 0 }).await;
    for relay in relays {
        relay.stop().await;
    }
    assert_eq!(count(&topic), 1_000);
}

/// A mark is made once, whoever comes first, and is gone when its transaction is.
async fn a_message_is_handled_once(store: Store) {
    let id = Cause::new_story().message_id;
    let rolled_back = sql::begin(&store.db).await.unwrap();
    let now = Utc::now();
    assert!(dedupe::first_time(&rolled_back, &id, now).await.unwrap());
    rolled_back.rollback().await.unwrap();
    let done = sql::begin(&store.db).await.unwrap();
    assert!(dedupe::first_time(&done, &id, now).await.unwrap());
    done.commit().await.unwrap();
    let again = sql::begin(&store.db).await.unwrap();
    assert!(!dedupe::first_time(&again, &id, now).await.unwrap());
    again.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_handled_once_on_sqlite() {
    a_message_is_handled_once(sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_handled_once_on_postgresql() {
    a_message_is_handled_once(postgres().await).await;
}
