//! What lies in Redis, by kind of key (`geobot:<kind>:…`).

use std::collections::BTreeMap;

use anyhow::Context as _;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::Serialize;

/// Keys that are asked about in one round trip.
const AT_ONCE: usize = 500;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// The keys of one kind.
#[derive(Serialize)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) keys: u64,
    /// Key, value and what Redis adds, as MEMORY USAGE counts them, on average.
    pub(super) bytes_each: u64,
    /// For how long the longest-lived of them is kept from now on; absent: for ever.
    pub(super) kept_days: Option<f64>,
}

/// The memory that Redis has given out, in bytes.
pub(super) async fn used_memory(connection: &mut MultiplexedConnection) -> anyhow::Result<u64> {
    let info: String = redis::cmd("INFO")
        .arg("memory")
        .query_async(connection)
        .await?;
    info.lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .and_then(|bytes| bytes.trim().parse().ok())
        .context("Redis does not tell used_memory")
}

/// All keys, the heaviest kind first.
pub(super) async fn kinds(connection: &mut MultiplexedConnection) -> anyhow::Result<Vec<Kind>> {
    let keys: Vec<String> = connection.keys("geobot:*").await?;
    let mut sums = BTreeMap::<String, (u64, u64, i64)>::new();
    for keys in keys.chunks(AT_ONCE) {
        let mut ask = redis::pipe();
        for key in keys {
            ask.cmd("MEMORY")
                .arg("USAGE")
                .arg(key)
                .arg("SAMPLES")
                .arg(0)
                .ttl(key);
        }
        // A key whose time ends meanwhile has no size.
        let answers: Vec<Option<i64>> = ask.query_async(connection).await?;
        for (key, answer) in keys.iter().zip(answers.chunks(2)) {
            let kind = key.split(':').nth(1).unwrap_or_default();
            if let &[Some(bytes), Some(seconds)] = answer {
                let sum = sums.entry(kind.to_owned()).or_default();
                sum.0 += 1;
                sum.1 += bytes.unsigned_abs();
                sum.2 = sum.2.max(seconds);
            }
        }
    }
    let mut kinds: Vec<Kind> = sums
        .into_iter()
        .map(|(name, (keys, bytes, seconds))| Kind {
            name,
            keys,
            bytes_each: bytes / keys,
            kept_days: (seconds >= 0)
                .then(|| (seconds as f64 / SECONDS_PER_DAY * 100.0).round() / 100.0),
        })
        .collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.keys * kind.bytes_each));
    Ok(kinds)
}
