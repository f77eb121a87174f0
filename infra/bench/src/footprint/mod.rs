//! `footprint`: what a person costs who starts the bot and buys once: bytes in Redis by kind of key, bytes in LK's and
//! ARM's databases by table, memory of each service. The real graph on a throw-away stack (`sh init.sh test-stack
//! FILE`), a Redis of its own, SQLite.

mod redis_keys;
mod tables;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::value_parser;
use geobot_tests::crowd::Crowd;
use geobot_tests::own_redis::OwnRedis;
use geobot_tests::stack::{Service, Stack};
use serde::Serialize;

use self::redis_keys::Kind;
use self::tables::Table;
use crate::{Json, usage};

/// How many.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// People who start the bot and buy once. The more there are, the less a table's half-empty last page weighs.
    #[arg(long, default_value_t = 3_000, value_parser = value_parser!(u32).range(1..=15_000))]
    people: u32,
    #[command(flatten)]
    json: Json,
}

#[derive(Serialize)]
struct Figures {
    people: u32,
    /// What Redis's memory grew by, for each of them; more than the keys, whose tables grow in steps.
    redis_bytes_each: u64,
    redis: Vec<Kind>,
    lk: Vec<Table>,
    arm: Vec<Table>,
    resident_mb: Vec<(&'static str, f64)>,
    machine: String,
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let machine = usage::machine();
    let mut stack = Stack::start()
        .await
        .context("`footprint` needs a throw-away stack: sh init.sh test-stack FILE, then . FILE")?;
    ensure!(
        stack.servers.postgres.is_none(),
        "`footprint` measures SQLite: leave GEOBOT_E2E_DATABASE out"
    );
    let redis = OwnRedis::start(stack.watchdog()).await?;
    stack.stop(Service::Bot).await;
    let url = redis.url();
    stack
        .start_with(Service::Bot, &[("REDIS_URL", Some(&url))])
        .await;
    let mut connection = redis.connection().await?;
    let before = redis_keys::used_memory(&mut connection).await?;

    let crowd = Crowd::ready_to_pay(&mut stack, options.people as usize).await;
    crowd.pay_at_once(&stack).await;
    let limit = Duration::from_secs(60 + u64::from(options.people) / 20);
    crowd.settle(&stack, limit).await;

    let grown = redis_keys::used_memory(&mut connection)
        .await?
        .saturating_sub(before);
    let data = data_folder(&stack)?;
    let figures = Figures {
        people: options.people,
        redis_bytes_each: grown / u64::from(options.people),
        redis: redis_keys::kinds(&mut connection).await?,
        lk: tables::of(&data.join("lk.sqlite")).await?,
        arm: tables::of(&data.join("arm.sqlite")).await?,
        resident_mb: Service::ALL
            .into_iter()
            .map(|service| {
                let pid = stack.process(service).pid();
                (service.name(), usage::resident_mb(pid))
            })
            .collect(),
        machine,
    };
    print(&figures);
    options.json.write(&figures)
}

fn data_folder(stack: &Stack) -> anyhow::Result<PathBuf> {
    stack
        .settings(Service::Lk)
        .into_iter()
        .find(|(name, _)| name == "DATA_DIR")
        .map(|(_, folder)| PathBuf::from(folder))
        .context("LK has no DATA_DIR")
}

fn print(figures: &Figures) {
    println!(
        "{}\n{} people, {} bytes of Redis each",
        figures.machine, figures.people, figures.redis_bytes_each
    );
    println!("  {:<24} {:>8} {:>10}  kept", "Redis", "keys", "bytes/key");
    for kind in &figures.redis {
        let kept = kind
            .kept_days
            .map_or("for ever".to_owned(), |days| format!("{days} days"));
        println!(
            "  {:<24} {:>8} {:>10}  {kept}",
            kind.name, kind.keys, kind.bytes_each
        );
    }
    for (name, tables) in [("LK", &figures.lk), ("ARM", &figures.arm)] {
        println!("  {name:<24} {:>8} {:>10}", "rows", "bytes/row");
        for table in tables {
            println!(
                "  {:<24} {:>8} {:>10}",
                table.name, table.rows, table.bytes_each
            );
        }
    }
    for (service, megabytes) in &figures.resident_mb {
        println!("  {service:<24} {megabytes:>8.0} MB");
    }
}
