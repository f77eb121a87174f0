//! Redriving beside real services: after a fix, and with kills in between.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use geobot_shared::bus::{
    Consumer, ConsumerOptions, Event, Handled, Inbox, KafkaSettings, Producer as Bus,
};
use geobot_shared::topics::LkSyncTg;
use geobot_shared::topics::lk_sync_tg::{CatalogRequested, PaymentsRequested};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::shelf::{LIMIT, Shelf, cells};

/// What the handlers of a test have handled: action and message-id.
type Log = Mutex<Vec<(&'static str, String)>>;

async fn catalog(seen: Arc<Log>, event: Event<CatalogRequested>) -> Handled {
    seen.lock()
        .unwrap()
        .push(("catalog_requested", event.cause.message_id));
    Ok(())
}

async fn payments(seen: Arc<Log>, event: Event<PaymentsRequested>) -> Handled {
    seen.lock()
        .unwrap()
        .push(("payments_requested", event.cause.message_id));
    Ok(())
}

/// Reads the topic until `wanted` records are handled.
async fn read_until(
    shelf: &Shelf,
    inbox: Inbox<Log, LkSyncTg>,
    seen: &Arc<Log>,
    wanted: impl Fn() -> bool,
) {
    let settings = KafkaSettings::plaintext(shelf.brokers.clone());
    let name = shelf.name("lk_sync_tg");
    let producer = Bus::new(&settings, "LK").unwrap();
    let consumer = Consumer::start_on(
        &[&name],
        &settings,
        producer,
        Arc::clone(seen),
        inbox,
        ConsumerOptions::default(),
    )
    .unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    let end = Instant::now() + LIMIT;
    while !wanted() {
        assert!(Instant::now() < end, "{:?}", seen.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_gave_up_is_handled_after_the_fix_under_the_same_message_id() {
    let shelf = Shelf::new(&["lk_sync_tg"]).await;
    let name = shelf.name("lk_sync_tg");
    let value =
        br#"{"service":"TG","action":"payments_requested","payload":{"data":{"user_id":7}}}"#;
    let header = OwnedHeaders::new().insert(Header {
        key: "message-id",
        value: Some("story-1"),
    });
    shelf
        .producer
        .send(
            BaseRecord::<str, [u8]>::to(&name)
                .key("7")
                .payload(value)
                .headers(header),
        )
        .unwrap();
    shelf.producer.flush(LIMIT).unwrap();

    // This version does not know the action.
    let seen = Arc::new(Log::default());
    let letters = || cells(&shelf.done(&["dlq", "list"])).len() == 2;
    read_until(&shelf, Inbox::new().on(catalog), &seen, letters).await;
    let shown = shelf.done(&["dlq", "show", "lk_sync_tg"]);
    assert!(
        shown.contains("nobody handles the action `payments_requested`"),
        "{shown}"
    );

    // The next one does.
    assert_eq!(
        shelf.done(&["dlq", "redrive", "--topic", "lk_sync_tg", "--yes"]),
        "1 of 1 redriven\n"
    );
    let handled = || !seen.lock().unwrap().is_empty();
    read_until(
        &shelf,
        Inbox::new().on(catalog).on(payments),
        &seen,
        handled,
    )
    .await;
    assert_eq!(
        *seen.lock().unwrap(),
        [("payments_requested", "story-1".to_owned())]
    );
    shelf.clear(&["lk_sync_tg"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_is_killed_goes_on_where_it_was_and_repeats_one_letter_at_most() {
    const LETTERS: usize = 400;
    const KILLS: usize = 3;
    let shelf = Shelf::new(&["info_in"]).await;
    for n in 0..LETTERS {
        let (id, key) = (format!("m-{n}"), format!("k-{}", n % 7));
        let value = format!(r#"{{"service":"LK","action":"a","payload":{{"data":{{"n":{n}}}}}}}"#);
        let partition = (n % 7 % 3) as i32;
        shelf.put_down(
            "info_in",
            partition,
            Some(&key),
            value.as_bytes(),
            &[("message-id", &id)],
        );
    }
    shelf.flush();

    for kill in 1..=KILLS {
        let mut redrive = Command::new(env!("CARGO_BIN_EXE_geobot-ctl"))
            .args([
                "dlq",
                "redrive",
                "--all",
                "--yes",
                "--prefix",
                &shelf.prefix,
            ])
            .env_clear()
            .envs([
                ("KAFKA_BROKERS", shelf.brokers.as_str()),
                ("KAFKA_SECURITY", "plaintext"),
            ])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + LIMIT;
        while shelf.count("info_in") < kill * LETTERS / (KILLS + 2) {
            assert!(
                Instant::now() < end,
                "only {} are back",
                shelf.count("info_in")
            );
            assert!(
                redrive.try_wait().unwrap().is_none(),
                "it ended before it was killed"
            );
        }
        redrive.kill().unwrap();
        redrive.wait().unwrap();
    }
    shelf.done(&["dlq", "redrive", "--all", "--yes"]);

    let mut times = BTreeMap::<String, usize>::new();
    let mut last = BTreeMap::<Vec<u8>, u64>::new();
    for record in shelf.records("info_in") {
        *times
            .entry(record.header("message-id").unwrap().to_owned())
            .or_default() += 1;
        let value: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        let n = value["payload"]["data"]["n"].as_u64().unwrap();
        let before = last.insert(record.key.unwrap(), n);
        assert!(
            before.is_none_or(|before| before <= n),
            "the order of a key is kept"
        );
    }
    assert_eq!(times.len(), LETTERS, "none is lost");
    let repeated = times.values().map(|count| count - 1).sum::<usize>();
    assert!(
        repeated <= KILLS,
        "{repeated} letters were sent twice in {KILLS} kills"
    );
    shelf.clear(&["info_in"]).await;
}
