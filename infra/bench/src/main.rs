//! Load and measurements against a real broker: how much the bus costs (`relay`), what the bot makes of Telegram's
//! allowance (`sender`), how steadily LK takes callbacks (`callback`), and whether the promises hold while things are
//! killed (`chaos`: the bus, `payments`: the money), and what people cost (`footprint`). Every measurement prints its figures and writes them as JSON (`--json FILE`).

mod broker;
mod callback;
mod chaos;
mod footprint;
mod messages;
mod payments;
mod relay;
mod sender;
mod usage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Measures geobot's message bus against a real Kafka.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Consume, handle, produce: through the bus, beside bare librdkafka and batched Python doing the same work.
    Relay(relay::Options),
    /// The bot at Telegram's limits and without them, against the sandbox. Needs a throw-away stack.
    Sender(sender::Options),
    /// Robokassa's ResultURL calls at a given rate, against LK with full durability. Needs a throw-away stack; the
    /// database lies in the folder for temporary files (TMPDIR).
    Callback(callback::Options),
    /// Messages through the bot while Telegram, Redis and the bot itself break, each of them counted. Needs a throw-away
    /// stack.
    Messages(messages::Options),
    /// Thousands of payments while LK is killed at random moments: each credited once and delivered once. Runs the whole
    /// graph with the sandbox; needs a throw-away stack and every binary of this build.
    Payments(payments::Options),
    /// What a person costs who starts the bot and buys once: bytes in Redis and in the databases, memory of the
    /// services. Runs the whole graph with the sandbox; needs a throw-away stack and every binary of this build.
    Footprint(footprint::Options),
    /// Kill consumers, services and the broker during load, and count every effect.
    Chaos(chaos::Options),
    /// A member of `chaos`, run as a process of its own.
    #[command(hide = true)]
    ChaosMember(chaos::MemberOptions),
    /// A service of `chaos`, run as a process of its own.
    #[command(hide = true)]
    ChaosService(chaos::ServiceOptions),
    /// One contestant of `relay`, run as a process of its own.
    #[command(hide = true)]
    RelayPart(relay::PartOptions),
}

/// Where the figures go besides the screen.
#[derive(clap::Args)]
struct Json {
    /// Also write the figures to this file, as JSON.
    #[arg(long = "json", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Json {
    fn write(&self, figures: &impl serde::Serialize) -> anyhow::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        write_json(file, figures)
    }
}

fn write_json(file: &Path, figures: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(figures)?;
    std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
}

#[tokio::main]
async fn main() -> ExitCode {
    geobot_shared::telemetry::start(geobot_shared::config::LogFormat::Text);
    let result = match Arguments::parse().command {
        Command::Relay(options) => relay::run(options).await,
        Command::Sender(options) => sender::run(options).await,
        Command::Callback(options) => callback::run(options).await,
        Command::Messages(options) => messages::run(options).await,
        Command::Payments(options) => payments::run(options).await,
        Command::Footprint(options) => footprint::run(options).await,
        Command::RelayPart(options) => relay::run_part(options).await,
        Command::Chaos(options) => chaos::run(options).await,
        Command::ChaosMember(options) => chaos::run_member(options).await,
        Command::ChaosService(options) => chaos::run_service(options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
