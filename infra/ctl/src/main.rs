//! The operator's tool: topics, lag, dead letters, the contract, products, demo data, a smoke test, Robokassa's
//! signatures.
//!
//! - **In and out**: Kafka's administration; ARM's JSON API; in the sandbox its control API. It reads topics without
//!   joining anybody's group. The only records it writes are dead letters on their way back and what was decided about
//!   them (`dlq redrive`, `dlq drop`).
//! - **Stores** nothing.
//! - **Promises**: every command may be repeated. Exit code 0: done; 1: it could not be done or a check failed;
//!   2: a wrong or missing setting or argument. What went wrong is one line on standard error.

mod cli;
mod contract;
mod failure;
mod kafka;
mod robokassa;
mod sandbox_only;
mod shop;
mod table;
mod trial;

use std::process::ExitCode;

use geobot_shared::config;

use crate::cli::Cli;
use crate::failure::Failure;

#[tokio::main]
async fn main() -> ExitCode {
    let cli: Cli = config::load();
    match cli.command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Setting(why)) => config::refuse(&why),
        Err(Failure::Reported) => ExitCode::FAILURE,
        Err(Failure::Failed(why)) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
