//! The commands.

use clap::{Parser, Subcommand};

use crate::contract::Contract;
use crate::failure::Failure;
use crate::kafka::dead_letters::DlqCommand;
use crate::kafka::lag::Lag;
use crate::kafka::topics::TopicsCommand;
use crate::robokassa::RobokassaCommand;
use crate::shop::demo::Demo;
use crate::shop::product::ProductCommand;
use crate::trial::Try;

/// The operator's tool of geobot. Settings come from options, the environment and .env, in this order.
///
/// Exit codes: 0 done; 1 it could not be done or a check failed; 2 a wrong or missing setting or argument.
#[derive(Debug, Parser)]
#[command(name = "geobot-ctl", version, arg_required_else_help = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create Kafka's topics and correct their settings, or show them
    #[command(subcommand, arg_required_else_help = false)]
    Topics(TopicsCommand),
    /// Show how far behind each service is
    Lag(Lag),
    /// Look at the dead letters, records that could not be handled; put them back or drop them
    #[command(subcommand, arg_required_else_help = false)]
    Dlq(DlqCommand),
    /// Print docs/asyncapi.yaml, made from the topic types, or check it
    Contract(Contract),
    /// Add, list and archive products through ARM
    #[command(subcommand, arg_required_else_help = false)]
    Product(ProductCommand),
    /// Fill the sandbox with three demo products
    Demo(Demo),
    /// Buy one product in the sandbox as a person would, and show each hop
    Try(Try),
    /// Explain a refused Robokassa callback, or check signatures against test vectors
    #[command(subcommand, arg_required_else_help = false)]
    Robokassa(RobokassaCommand),
}

impl Command {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Command::Topics(command) => command.run().await,
            Command::Lag(command) => command.run().await,
            Command::Dlq(command) => command.run().await,
            Command::Contract(command) => command.run(),
            Command::Product(command) => command.run().await,
            Command::Demo(command) => command.run().await,
            Command::Try(command) => command.run().await,
            Command::Robokassa(command) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
