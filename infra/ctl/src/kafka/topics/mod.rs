//! `topics ensure` and `topics describe`.

mod cluster;
mod describe;
mod ensure;
mod plan;

pub(crate) use self::plan::RETENTION_MS;

use clap::Subcommand;

use self::describe::Describe;
use self::ensure::Ensure;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Create what is missing, correct settings, add partitions; repeat it as you like
    ///
    /// Every topic, alias and dead-letter topic gets 6 partitions (never fewer than it has). Records are kept for
    /// 30 days, dead letters for ever. Settings of a topic that are not ours are left as they are.
    Ensure(Ensure),
    /// Show every topic with its partitions, retention and records
    Describe(Describe),
}

impl TopicsCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            TopicsCommand::Ensure(ensure) => ensure.run().await,
            TopicsCommand::Describe(describe) => describe.run().await,
        }
    }
}
