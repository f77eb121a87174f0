//! `messages`: the bot's promises about messages while everything around it breaks (see [`geobot_tests::ordeal`]): two
//! bots on one Redis, killed in turns, faults of Telegram, a Redis that is killed as well, and every message counted.
//!
//! Telegram's limits are raised ten times on both sides, so that it lasts minutes and not most of an hour: 300 messages
//! a second to all chats, 10 to one. It runs against a throw-away stack (`sh init.sh test-stack FILE`), as `sender` does.

use std::time::Duration;

use anyhow::ensure;
use geobot_tests::kafka::Kafka;
use geobot_tests::ordeal::{BOT_LIMITS, Ordeal, Outcome};
use geobot_tests::own_redis::OwnRedis;
use serde::Serialize;

use crate::sender::graph::Graph;
use crate::{Json, usage};

/// What to try.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// People.
    #[arg(long, default_value_t = 2_000)]
    people: usize,
    /// Messages for each of them.
    #[arg(long, default_value_t = 10)]
    each: usize,
    /// Bots that share the work, at most 3.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    bots: u8,
    /// Milliseconds between two troubles, besides what it takes to start what was killed.
    #[arg(long, default_value_t = 2_000)]
    every_ms: u64,
    #[command(flatten)]
    json: Json,
}

#[derive(Serialize)]
struct Figures {
    machine: String,
    kept: bool,
    outcome: Outcome,
}

/// Tries and counts.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let machine = usage::machine();
    let graph = Graph::start(options.people).await?;
    let redis = OwnRedis::start(graph.watchdog()).await?;
    let url = redis.url();
    let mut settings = vec![("REDIS_URL", url.as_str())];
    settings.extend(BOT_LIMITS);
    println!("Telegram's limits are ten times the usual ones, for the bots and for the sandbox");
    let control = graph.control();
    let kafka = Kafka::new(graph.brokers())?;
    // What a run that was broken off has left behind.
    for topic in ["tg_send", "tg_send_bulk"] {
        kafka.lose_records(topic).await;
    }
    let ordeal = Ordeal {
        bots: graph.bots(options.bots.into(), &settings),
        sandbox: &control,
        kafka: &kafka,
        brokers: graph.brokers(),
        redis,
        people: graph.people().to_vec(),
        each: options.each,
        every: Duration::from_millis(options.every_ms),
        rounds: usize::MAX / 100,
        limit: Duration::from_secs(900),
    };
    let outcome = ordeal.run().await?;
    println!("{outcome}");
    let kept = outcome.is_kept();
    options.json.write(&Figures {
        machine,
        kept,
        outcome,
    })?;
    ensure!(kept, "a promise was broken");
    Ok(())
}
