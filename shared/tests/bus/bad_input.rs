//! D3: whatever comes is handled or kept with a reason, and the consumer goes on.

use std::collections::HashMap;
use std::sync::Arc;

use geobot_shared::bus::{Cause, Event, HandleError, Handled, Inbox, Record};
use geobot_shared::topics::create_user_in::CreateUser;
use geobot_shared::topics::lk_sync_tg::UserStarted;
use geobot_shared::topics::{CreateUserIn, LkSyncTg, dead_letter_topic};
use proptest::prelude::*;

use crate::kafka::{Out, committed, count, fill, new_topic, read_all, until, user};
use crate::service::{App, Member, group, quick};

fn out(value: impl Into<Vec<u8>>) -> Out {
    Out {
        value: value.into(),
        ..Out::default()
    }
}

fn incompressible(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    })
    .take(length)
    .collect()
}

/// Bad records, each with what its reason must say.
fn poison() -> Vec<(Out, &'static str)> {
    let deep = format!(
        r#"{{"service":"X","action":"create_user","data":{}1{}}}"#,
        r#"{"a":"#.repeat(20_000),
        "}".repeat(20_000)
    );
    let mut large = vec![b' '; 1_000_000];
    large[..4].copy_from_slice(b"junk");
    vec![
        (out(*b"junk"), "not a record"),
        (out(*b""), "not a record"),
        (out([0xff, 0xfe, 0x00]), "not UTF-8"),
        (out(*b"[1,2]"), "not a record"),
        (out(*br#""text""#), "not a record"),
        (out(*br#"{"service":"LK"}"#), "no `action`"),
        (out(*br#"{"service":"LK","action":7}"#), "not a record"),
        (
            out(*br#"{"service":"LK","action":"fly","data":{}}"#),
            "nobody handles the action `fly`",
        ),
        (
            out(*br#"{"service":"LK","action":"create_user","data":[1]}"#),
            "the data of `create_user` can't be read",
        ),
        (
            out(*br#"{"action":"create_user","timestamp":"yesterday"}"#),
            "the timestamp `yesterday`",
        ),
        (out(deep), "can't be read"),
        (out(large), "not a record"),
        (
            Out {
                headers: vec![
                    ("message-id".to_owned(), vec![0xff; 300]),
                    ("absurd".to_owned(), vec![b'x'; 300_000]),
                    (String::new(), Vec::new()),
                ],
                ..out(*b"with absurd headers")
            },
            "not a record",
        ),
        (
            Out {
                value: vec![b'x'; 1_000_000],
                headers: vec![("absurd".to_owned(), vec![b'x'; 40_000])],
                ..Out::default()
            },
            "not a record",
        ),
        // As large as Kafka takes: with a dead letter's headers it is too large.
        (out(incompressible(1_048_400)), "not UTF-8"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_among_good_records_is_kept_with_a_reason_and_the_good_ones_go_on() {
    let topic = new_topic("poison", 2).await;
    let poison = poison();
    let mut records = Vec::new();
    for n in 0..200 {
        records.push(user("good", n));
        if let Some((bad, _)) = poison.get(n as usize / 10).filter(|_| n % 10 == 5) {
            records.push(bad.clone());
        }
    }
    // Times from the ends of the calendar, and headers that make no sense, are no reason to refuse a good record.
    records.push(Out {
        timestamp: Some(0),
        ..user("1970", 0)
    });
    records.push(Out {
        timestamp: Some(253_402_300_799_000),
        headers: vec![
            ("message-id".to_owned(), Vec::new()),
            ("traceparent".to_owned(), vec![0xff]),
            ("correlation-id".to_owned(), vec![b'c'; 5_000]),
            ("attempt".to_owned(), b"-1".to_vec()),
        ],
        ..user("9999", 0)
    });
    // More junk in a row than the breaker takes.
    records.extend((0..50).map(|n| out(format!("junk {n}"))));
    records.extend((200..300).map(|n| user("good", n)));
    let all = records.len() as i64;
    let bad = poison.len() as i64 + 50;
    fill(&topic, records);

    let app = App::new(|_, _| async { Ok(()) });
    let member = Member::start(&topic, &app, quick());
    let letters = dead_letter_topic(&topic);
    until("all are finished", || async {
        app.count() == 302 && count(&letters) == bad
    })
    .await;
    until("everything is committed", || async {
        committed(&group(&topic), &topic) == all
    })
    .await;
    member.stop().await;
    assert_eq!(app.by_key()["good"], (0..300).collect::<Vec<_>>());

    let letters = read_all(&letters);
    let mut by_value: HashMap<&[u8], &crate::kafka::In> = HashMap::new();
    for letter in &letters {
        let headers = &letter.headers;
        assert_eq!(headers["dlq-topic"], topic);
        assert_eq!(headers["dlq-error-class"], "bad_data");
        assert_eq!(headers["dlq-attempts"], "1");
        assert!(headers["dlq-service"].starts_with("TEST "));
        for name in ["dlq-partition", "dlq-offset", "dlq-timestamp", "message-id"] {
            assert!(headers.contains_key(name), "{name}");
        }
        by_value.insert(&letter.value, letter);
    }
    let cut = |letter: &&crate::kafka::In| letter.headers.contains_key("dlq-cut-from");
    assert_eq!(letters.iter().filter(cut).count(), 1);
    for (bad, reason) in &poison {
        let start = String::from_utf8_lossy(&bad.value[..bad.value.len().min(40)]).into_owned();
        // A letter that is too large for Kafka has the beginning of its value and says how long that was.
        let letter = by_value.get(&bad.value[..]).copied().or_else(|| {
            letters.iter().find(|letter| {
                letter.headers.get("dlq-cut-from") == Some(&bad.value.len().to_string())
                    && bad.value.starts_with(&letter.value)
            })
        });
        let letter = letter.unwrap_or_else(|| panic!("no dead letter for {start}"));
        let error = &letter.headers["dlq-error"];
        assert!(error.contains(reason), "{start}: {error}");
    }
}

#[derive(Default)]
struct Nobody;

async fn any_user(_: Arc<Nobody>, _: Event<CreateUser>) -> Handled {
    Ok(())
}

async fn started(_: Arc<Nobody>, _: Event<UserStarted>) -> Handled {
    Ok(())
}

fn record(value: Vec<u8>, headers: Vec<(String, Vec<u8>)>) -> Record {
    Record {
        topic: "create_user_in".into(),
        partition: 0,
        offset: 0,
        timestamp: None,
        key: None,
        value,
        headers,
        cause: Cause::new_story(),
    }
}

const GOOD: &str = r#"{"service":"TG","action":"user_started","payload":{"message":"It is user_started","timestamp":"2026-11-23T10:00:00.123456","level":"warn","data":{"user_id":7,"chat_id":7,"at":"2026-11-23T10:00:00Z"}}}"#;

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0..4, any::<u8>());
    prop::collection::vec(change, 1..8).prop_map(|changes| {
        let mut value = GOOD.as_bytes().to_vec();
        for (at, kind, byte) in changes {
            if value.is_empty() {
                break;
            }
            let at = at.index(value.len());
            match kind {
                0 => value[at] = byte,
                1 => value.insert(at, byte),
                2 => {
                    value.remove(at);
                }
                _ => value.truncate(at),
            }
        }
        value
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever bytes come, the answer is a handled record or bad data: no panic, and nothing that is tried again.
    #[test]
    fn random_bytes_and_mutated_records_are_handled_or_bad_data(
        value in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), mutated()],
        headers in prop::collection::vec((".{0,20}", prop::collection::vec(any::<u8>(), 0..50)), 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let record = record(value, headers);
        let users = Inbox::<Nobody, CreateUserIn>::new().on(any_user);
        let starts = Inbox::<Nobody, LkSyncTg>::new().on(started);
        for result in [
            runtime.block_on(users.handle(Arc::default(), &record)),
            runtime.block_on(starts.handle(Arc::default(), &record)),
        ] {
            prop_assert!(matches!(result, Ok(()) | Err(HandleError::BadData(_))), "{result:?}");
        }
    }
}
