//! `callback`: how fast and how steadily LK takes Robokassa's ResultURL calls with full durability.
//!
//! It starts a LK of its own beside a throw-away Kafka (`sh init.sh test-stack FILE`) on a fresh SQLite file with LK's
//! usual settings (write-ahead log, synchronous=FULL), has it make invoices as it does for the bot, and calls ResultURL
//! for each once, signed, in an open loop ([`load`]). Afterwards it counts in LK's books and in Kafka that everything
//! answered OK happened once ([`check`]).

mod check;
mod client;
mod load;
mod memory;
mod shop;

use std::time::Duration;

use anyhow::bail;
use clap::value_parser;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::check::Books;
use self::load::{Outcome, Pace};
use self::memory::{Memory, Watch};
use self::shop::{Shop, Sold};
use crate::{Json, usage};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Callbacks a second.
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u32).range(1..=5_000))]
    rate: u32,
    /// For how many seconds.
    #[arg(long, default_value_t = 60, value_parser = value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Connections, each kept open and with one call at a time.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..=200))]
    connections: u16,
    /// The most that the 99th of 100 callbacks may take, in milliseconds from the moment it was due.
    #[arg(long, default_value_t = 15.0)]
    p99_ms: f64,
    /// Payments a second that the bot answers for meanwhile; Telegram lets it send 30.
    #[arg(long, default_value_t = 30, value_parser = value_parser!(u32).range(0..=1_000))]
    answers: u32,
    /// Then raise the rate by a quarter, 10 seconds each, for as long as p99 keeps its limit without an error.
    #[arg(long)]
    find_highest: bool,
    #[command(flatten)]
    json: Json,
}

/// LK's count of the transactions in which it settled callbacks.
const COMMITS: &str = "geobot_callback_commits_total";
/// Each step of the search, in seconds.
const STEP_SECONDS: u32 = 10;
/// Where the search ends.
const HIGHEST_RATE: u32 = 5_000;

#[derive(Serialize)]
struct Figures {
    p99_limit_ms: f64,
    held: bool,
    at_rate: Outcome,
    memory: Memory,
    /// LK's processor time per callback, with all it does for it afterwards.
    processor_us_per_callback: f64,
    /// Callbacks that were committed together, on average.
    callbacks_per_commit: f64,
    database_mb: f64,
    books: Books,
    #[serde(skip_serializing_if = "Option::is_none")]
    highest_rate_held: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Outcome>,
    machine: String,
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let machine = usage::machine();
    let mut shop = Shop::open().await?;
    let pace = Pace {
        rate: options.rate,
        connections: options.connections.into(),
    };
    println!("making {} invoices …", options.rate * options.seconds);
    let mut accepted = 0;
    let first = measure(&mut shop, pace, options.seconds, options.answers).await?;
    accepted += first.accepted;
    let (mut steps, mut highest) = (Vec::new(), None);
    if options.find_highest {
        highest = first.outcome.holds(options.p99_ms).then_some(options.rate);
        let mut rate = options.rate;
        while highest == Some(rate) && rate < HIGHEST_RATE {
            rate = (rate + rate.div_ceil(4)).min(HIGHEST_RATE);
            let step = Pace { rate, ..pace };
            let step = measure(&mut shop, step, STEP_SECONDS, options.answers).await?;
            accepted += step.accepted;
            if step.outcome.holds(options.p99_ms) {
                highest = Some(rate);
            }
            println!("{rate}/s: p99 {:.1} ms", step.outcome.p99_ms);
            steps.push(step.outcome);
        }
    }
    let figures = Figures {
        p99_limit_ms: options.p99_ms,
        held: first.outcome.holds(options.p99_ms),
        processor_us_per_callback: first.processor.as_secs_f64() * 1e6 / first.accepted as f64,
        at_rate: first.outcome,
        memory: first.memory,
        callbacks_per_commit: first.accepted as f64 / first.commits,
        database_mb: shop.database_mb(),
        books: check::count(&shop, accepted).await?,
        highest_rate_held: highest,
        steps,
        machine,
    };
    println!("{}", serde_json::to_string_pretty(&figures)?);
    options.json.write(&figures)?;
    shop.close().await?;
    if !figures.books.agree() {
        bail!("what was answered OK did not happen once");
    }
    Ok(())
}

struct Measured {
    outcome: Outcome,
    memory: Memory,
    processor: Duration,
    commits: f64,
    accepted: i64,
}

/// One run at one rate, until everything of it is published.
async fn measure(
    shop: &mut Shop,
    pace: Pace,
    seconds: u32,
    answers: u32,
) -> anyhow::Result<Measured> {
    let mut callbacks = shop.callbacks((pace.rate * seconds) as usize).await?;
    callbacks.truncate((pace.rate * seconds) as usize);
    let watch = Watch::start(shop.pid());
    let before = usage::processor_time_of(shop.pid());
    let commits = shop.metric(COMMITS).await?;
    let (sender, receiver) = unbounded_channel();
    let address = shop.address();
    let load = tokio::task::spawn_blocking(move || load::run(address, &callbacks, pace, &sender));
    let accepted = play_bot(shop, receiver, answers).await?;
    let outcome = load.await??;
    shop.until_published().await?;
    Ok(Measured {
        outcome,
        memory: watch.end(),
        processor: usage::processor_time_of(shop.pid()) - before,
        commits: shop.metric(COMMITS).await? - commits,
        accepted,
    })
}

/// Answers for some of the accepted payments, as a bot that keeps to Telegram's limits, until there are no more.
/// Returns how many were accepted.
async fn play_bot(
    shop: &Shop,
    mut payments: UnboundedReceiver<Sold>,
    answers: u32,
) -> anyhow::Result<i64> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / answers.max(1));
    let mut accepted = 0;
    while let Some(first) = payments.recv().await {
        if answers > 0 {
            pace.tick().await;
            shop.answer(first).await?;
        }
        accepted += 1;
        // A bot that can't keep up answers for the others later, when nobody measures any more.
        while payments.try_recv().is_ok() {
            accepted += 1;
        }
    }
    Ok(accepted)
}
