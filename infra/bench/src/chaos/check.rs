//! The records that go in, and the count of what came of them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use geobot_shared::bus::KafkaSettings;
use geobot_shared::topics::dead_letter_topic;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::broker::Broker;

/// The records are written over about this time.
const SPREAD: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(120);

/// The fields of record number `n`.
pub(super) fn fields(n: u64, keys: u64) -> Map<String, Value> {
    let key = if n.is_multiple_of(1_000) { 0 } else { n % keys };
    let mut fields = Map::new();
    fields.insert("user_id".to_owned(), format!("k{key}").into());
    fields.insert("n".to_owned(), n.into());
    fields
}

/// Writes `records` records and `poison` that nobody can read.
pub(super) fn fill(
    settings: &KafkaSettings,
    topic: &str,
    records: u64,
    keys: u64,
    poison: u64,
) -> anyhow::Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> = settings
        .producer("geobot-bench-load")
        // A broker that is killed is waited for.
        .set("delivery.timeout.ms", "0")
        .create()?;
    let began = Instant::now();
    let every = (records / poison.max(1)).max(1);
    for n in 0..records {
        let fields = fields(n, keys);
        let key = fields["user_id"].as_str().unwrap_or_default().to_owned();
        let value = serde_json::to_vec(&serde_json::json!({
            "service": "LK",
            "action": "create_user",
            "payload": { "message": "It is create_user", "timestamp": "2026-11-23T10:00:00.123456", "data": fields },
        }))?;
        send(&producer, topic, &key, &value)?;
        if n % every == 0 && n / every < poison {
            send(&producer, topic, &key, format!("poison {n}").as_bytes())?;
        }
        let due = SPREAD.mul_f64(n as f64 / records as f64);
        if n % 100 == 0 && began.elapsed() < due {
            std::thread::sleep(due - began.elapsed());
        }
    }
    producer.flush(LIMIT)?;
    Ok(())
}

fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    key: &str,
    value: &[u8],
) -> anyhow::Result<()> {
    loop {
        match producer.send(BaseRecord::to(topic).key(key).payload(value)) {
            Ok(()) => return Ok(()),
            Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

/// How many message-ids a topic has.
pub(super) fn distinct(broker: &Broker, topic: &str) -> anyhow::Result<u64> {
    let mut known = HashSet::new();
    broker.each(topic, |id, _, _| {
        known.insert(id.to_owned());
        Ok(())
    })?;
    Ok(known.len() as u64)
}

/// What came of a scenario.
#[derive(Serialize)]
pub(super) struct Outcome {
    lost: u64,
    /// Effects that are there twice under two message-ids.
    doubled: u64,
    out_of_order: u64,
    /// Effects that are there more than once under one message-id: dedupe drops them.
    repeated: u64,
    dead_letters: i64,
    dead_letters_expected: u64,
    /// The longest time without any effect.
    longest_pause_ms: i64,
    seconds: f64,
}

impl Outcome {
    pub(super) fn is_ok(&self) -> bool {
        // A dead letter may be repeated, like any effect.
        self.lost == 0
            && self.doubled == 0
            && self.out_of_order == 0
            && self.dead_letters >= self.dead_letters_expected as i64
    }

    pub(super) fn took(mut self, took: Duration) -> Outcome {
        self.seconds = took.as_secs_f64();
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {:.0} s: lost {}, doubled {}, out of order {}; repeated {} (recognised), dead letters {} of {}, longest pause {} ms",
            if self.is_ok() { "kept" } else { "BROKEN" },
            self.seconds,
            self.lost,
            self.doubled,
            self.out_of_order,
            self.repeated,
            self.dead_letters,
            self.dead_letters_expected,
            self.longest_pause_ms,
        )
    }
}

/// Counts the effects.
pub(super) fn count(
    broker: &Broker,
    to: &str,
    from: &str,
    records: u64,
    poison: u64,
) -> anyhow::Result<Outcome> {
    let mut ids = HashSet::new();
    let mut numbers = HashSet::new();
    let mut last_of: HashMap<String, u64> = HashMap::new();
    let mut times = Vec::new();
    let (mut doubled, mut out_of_order, mut repeated) = (0, 0, 0);
    broker.each(to, |id, value, time| {
        times.push(time);
        if !ids.insert(id.to_owned()) {
            repeated += 1;
            return Ok(());
        }
        let value: Value = serde_json::from_slice(value)?;
        let data = &value["payload"]["data"];
        let n = data["n"].as_u64().context("an effect without a number")?;
        let key = data["user_id"].as_str().unwrap_or_default().to_owned();
        if !numbers.insert(n) {
            doubled += 1;
            return Ok(());
        }
        let last = last_of.entry(key).or_insert(0);
        if *last > n {
            out_of_order += 1;
        }
        *last = n;
        Ok(())
    })?;
    times.sort_unstable();
    let gap = |pair: &[i64]| match pair {
        [before, after] => after - before,
        _ => 0,
    };
    Ok(Outcome {
        lost: records.saturating_sub(numbers.len() as u64),
        doubled,
        out_of_order,
        repeated,
        dead_letters: broker.records_in(&dead_letter_topic(from))?.unwrap_or(0),
        dead_letters_expected: poison,
        longest_pause_ms: times.windows(2).map(gap).max().unwrap_or(0),
        seconds: 0.0,
    })
}
