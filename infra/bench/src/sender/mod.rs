//! `sender`: what the bot makes of Telegram's allowance, and how fast it is without one.
//!
//! (a) At Telegram's limits: a queue of bulk messages through tg_send, answers beside it; how much of the allowance is
//! used, whether a 429 was earned, how long an answer waits, whether memory stays flat.
//! (b) Limits off: messages a second through tg_send to the emulator, beside a minimal teloxide loop that only sends.
//!
//! It runs the real bot and the sandbox against a throw-away stack (`sh init.sh test-stack FILE`): its records must
//! never reach a broker that serves anybody.

mod calls;
pub(crate) mod graph;
mod limited;
mod unlimited;

use serde::Serialize;

use crate::{Json, usage};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long the allowance is measured, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Bulk messages that wait in the queue.
    #[arg(long, default_value_t = 1_000_000)]
    queue: usize,
    /// People who get them.
    #[arg(long, default_value_t = 2_000)]
    people: usize,
    /// Messages of the measurement without limits.
    #[arg(long, default_value_t = 20_000)]
    messages: usize,
    #[command(flatten)]
    json: Json,
}

#[derive(Serialize)]
struct Figures {
    /// Share of the allowance that was used, 1 = all of it.
    share: f64,
    /// Messages a second without limits, ours by the minimal loop's.
    ratio: f64,
    at_limits: limited::Figures,
    without_limits: unlimited::Figures,
    machine: String,
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let machine = usage::machine();
    let mut graph = graph::Graph::start(options.people).await?;
    let at_limits = limited::measure(&mut graph, options.queue, options.seconds).await?;
    let without_limits = unlimited::measure(&mut graph, options.messages).await?;
    let figures = Figures {
        share: at_limits.share,
        ratio: without_limits.ours_per_second / without_limits.minimal_per_second,
        at_limits,
        without_limits,
        machine,
    };
    println!("{}", serde_json::to_string_pretty(&figures)?);
    options.json.write(&figures)
}
