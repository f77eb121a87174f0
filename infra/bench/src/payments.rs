//! `payments`: LK is killed (SIGKILL) at random moments while thousands of people pay. Robokassa's stand-in repeats each
//! callback until it is answered OK. Then everything is counted: each payment credited once, told to the bot once,
//! answered once, delivered once.
//!
//! It runs the whole graph against a throw-away stack (`sh init.sh test-stack FILE`); `tests/tests/e2e/` has the short
//! form.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::value_parser;
use geobot_tests::crowd::{Crowd, Outcome};
use geobot_tests::stack::Stack;
use serde::Serialize;

use crate::{Json, usage};

/// What to do.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// People who pay, each once.
    #[arg(long, default_value_t = 5_000, value_parser = value_parser!(u32).range(1..=15_000))]
    payments: u32,
    /// Kill LK so often, each time while an equal share of the payments comes.
    #[arg(long, default_value_t = 40, value_parser = value_parser!(u32).range(1..=200))]
    kills: u32,
    #[command(flatten)]
    json: Json,
}

#[derive(Serialize)]
struct Figures {
    kills: u32,
    all_once: bool,
    #[serde(flatten)]
    outcome: Outcome,
    machine: String,
}

/// Kills, counts and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let machine = usage::machine();
    let mut stack = Stack::start()
        .await
        .context("`payments` needs a throw-away stack: sh init.sh test-stack FILE, then . FILE")?;
    let count = options.payments as usize;
    let crowd = Crowd::ready_to_pay(&mut stack, count).await;
    let kills = options.kills;
    crowd
        .pay_while_lk_is_killed(&mut stack, kills as usize)
        .await;
    // The goods go out within Telegram's limits.
    let limit = Duration::from_secs(60 + u64::from(options.payments) / 20);
    crowd.settle(&stack, limit).await;
    let outcome = crowd.outcome(&stack).await;
    let figures = Figures {
        kills,
        all_once: outcome.all_once(),
        outcome,
        machine,
    };
    println!("{}", serde_json::to_string_pretty(&figures)?);
    options.json.write(&figures)?;
    if !figures.all_once {
        bail!("a payment was lost or happened twice");
    }
    Ok(())
}
