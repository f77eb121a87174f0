//! `relay`: consume, handle, produce. The same 290-byte records of the `create_user` form, under 10,000 keys, are
//! parsed and built anew by three contestants, one after the other, each a process of its own:
//!
//! - *ours*: through the bus with every promise on: awaited deliveries, committed frontier, order per key, dead letters;
//! - *bare*: a plain librdkafka loop that keeps none of them;
//! - *python*: confluent-kafka in batches, installed into an environment of its own.

mod bare;
mod load;
mod ours;
mod python;
mod report;

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tracing::info;

use self::report::Report;
use crate::broker::Broker;
use crate::{Json, usage};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The broker, without a password.
    #[arg(long, default_value = "localhost:9093")]
    brokers: String,
    /// Records of each throughput run.
    #[arg(long, default_value_t = 400_000)]
    records: u64,
    /// How often each contestant runs; the best run of each counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Records a second while latencies are measured.
    #[arg(long, default_value_t = 2_000)]
    pace: u64,
    /// Leave the Python peer out.
    #[arg(long)]
    no_python: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Contestant {
    Ours,
    Bare,
    Python,
}

impl Contestant {
    fn name(self) -> &'static str {
        match self {
            Contestant::Ours => "ours",
            Contestant::Bare => "bare",
            Contestant::Python => "python",
        }
    }
}

/// What a contestant is told.
#[derive(clap::Args)]
pub(crate) struct PartOptions {
    #[arg(long)]
    who: Contestant,
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    from: String,
    #[arg(long)]
    to: String,
    /// Ends after so many records.
    #[arg(long)]
    records: u64,
    /// Measures each record's way: from the time written in it to the acknowledgement of what was made of it.
    #[arg(long)]
    latencies: bool,
}

/// What a contestant answers, one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    /// From the first record to the acknowledgement of the last.
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) memory_mb: f64,
    #[serde(default)]
    pub(crate) p50_ms: Option<f64>,
    #[serde(default)]
    pub(crate) p99_ms: Option<f64>,
}

impl Part {
    /// Puts a finished run into figures; latencies are in microseconds.
    fn of(took: Duration, cpu: Duration, mut latencies: Vec<u32>) -> Part {
        latencies.sort_unstable();
        let percentile = |percent: usize| {
            let index = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
            latencies.get(index).map(|us| f64::from(*us) / 1000.0)
        };
        Part {
            seconds: took.as_secs_f64(),
            cpu_seconds: cpu.as_secs_f64(),
            memory_mb: usage::peak_memory_mb(),
            p50_ms: percentile(50),
            p99_ms: percentile(99),
        }
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let broker = Broker::new(&options.brokers)?;
    let python = if options.no_python {
        None
    } else {
        python::prepare()
            .await
            .inspect_err(|error| eprintln!("the Python peer is left out: {error:#}"))
            .ok()
    };
    let run = format!("bench_{:08x}", rand::random::<u32>());
    let from = format!("{run}_in");
    let mut made = vec![from.clone()];
    broker.create(&made).await?;
    let measured = measure(&broker, &options, python.as_ref(), &run, &from, &mut made).await;
    broker.delete(&made).await;
    let report = measured?;
    println!("{report}");
    options.json.write(&report)
}

async fn measure(
    broker: &Broker,
    options: &Options,
    python: Option<&python::Interpreter>,
    run: &str,
    from: &str,
    made: &mut Vec<String>,
) -> anyhow::Result<Report> {
    let mut report = Report::new(options, usage::machine());
    info!(records = options.records, "load_begun");
    load::fill(broker.settings(), from, options.records).await?;
    let mut contestants = vec![Contestant::Bare, Contestant::Ours];
    if python.is_some() {
        contestants.push(Contestant::Python);
    }
    for round in 0..options.rounds {
        // Each goes first once: what the one before has left in the caches must favour nobody.
        contestants.rotate_left(1);
        for who in &contestants {
            let to = format!("{run}_{}_{round}", who.name());
            made.push(to.clone());
            broker.create(std::slice::from_ref(&to)).await?;
            let part = PartOptions {
                who: *who,
                brokers: options.brokers.clone(),
                from: from.to_owned(),
                to: to.clone(),
                records: options.records,
                latencies: false,
            };
            let result = start(&part, python)?.result().await?;
            let written = broker.records_in(&to)?.unwrap_or(0);
            if written < options.records as i64 {
                bail!(
                    "{} wrote {written} of {} records",
                    who.name(),
                    options.records
                );
            }
            let rate = options.records as f64 / result.seconds;
            info!(who = who.name(), round, rate, ?result, "run_done");
            report.add(*who, result);
            // What is measured is not deleted while it is measured; what was, is.
            broker.delete(std::slice::from_ref(&to)).await;
            made.retain(|name| *name != to);
        }
    }
    for who in &contestants {
        let paced = format!("{run}_{}_paced", who.name());
        let to = format!("{paced}_out");
        made.extend([paced.clone(), to.clone()]);
        broker.create(&[paced.clone(), to.clone()]).await?;
        let records = options.pace * 5;
        let part = PartOptions {
            who: *who,
            brokers: options.brokers.clone(),
            from: paced.clone(),
            to,
            records,
            latencies: true,
        };
        let running = start(&part, python)?;
        load::pace(broker.settings(), &paced, records, options.pace).await?;
        let result = running.result().await?;
        info!(who = who.name(), ?result, "paced_run_done");
        report.paced(*who, result);
    }
    Ok(report)
}

struct Running {
    child: tokio::process::Child,
    who: Contestant,
}

fn start(part: &PartOptions, python: Option<&python::Interpreter>) -> anyhow::Result<Running> {
    let mut command = match (part.who, python) {
        (Contestant::Python, Some(python)) => python.command(),
        _ => {
            let mut command = tokio::process::Command::new(std::env::current_exe()?);
            command.arg("relay-part").args(["--who", part.who.name()]);
            command
        }
    };
    command
        .args(["--brokers", &part.brokers])
        .args(["--from", &part.from])
        .args(["--to", &part.to])
        .args(["--records", &part.records.to_string()]);
    if part.latencies {
        command.arg("--latencies");
    }
    let child = command
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", part.who.name()))?;
    Ok(Running {
        child,
        who: part.who,
    })
}

/// A contestant that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(600);

impl Running {
    async fn result(mut self) -> anyhow::Result<Part> {
        let mut text = String::new();
        let read = async {
            if let Some(out) = &mut self.child.stdout {
                out.read_to_string(&mut text).await?;
            }
            self.child.wait().await
        };
        let status = tokio::time::timeout(LIMIT, read)
            .await
            .with_context(|| format!("{} did not end", self.who.name()))??;
        if !status.success() {
            bail!("{} failed: {status}", self.who.name());
        }
        serde_json::from_str(text.trim())
            .with_context(|| format!("{} answered: {text}", self.who.name()))
    }
}

pub(crate) async fn run_part(options: PartOptions) -> anyhow::Result<()> {
    let part = match options.who {
        Contestant::Ours => ours::run(&options).await?,
        Contestant::Bare => tokio::task::spawn_blocking(move || bare::run(&options)).await??,
        Contestant::Python => bail!("the Python peer is a script"),
    };
    println!("{}", serde_json::to_string(&part)?);
    Ok(())
}
