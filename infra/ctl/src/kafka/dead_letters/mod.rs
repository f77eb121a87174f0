//! `dlq`: what could not be handled, why, and what becomes of it.
//!
//! A dead letter is never taken away. What was decided about it, redriven or dropped, is a record beside it
//! ([`fate`]), so it holds for everybody and from every machine.

mod choice;
mod decide;
pub(crate) mod fate;
mod folder;
mod letter;
mod list;
mod send;
mod show;
mod when;

use clap::Subcommand;
use geobot_shared::bus::KafkaSettings;
use geobot_shared::topics::{DEAD_LETTER_SUFFIX, dead_letter_topic};

use self::decide::{Discard, Redrive};
use self::list::List;
use self::show::Show;
use super::all_names;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Count the dead letters by topic, action and class of error
    List(List),
    /// Show the newest open dead letters of a topic, oldest first
    Show(Show),
    /// Put dead letters back on their topics, as they were
    ///
    /// Each is sent with its own bytes, key, headers and message-id, so that whoever has handled it already recognises
    /// it; the header `attempt` is counted up. One after the other: sent, acknowledged, noted beside the letter. What
    /// is noted is not sent again. A kill between the two sends one letter twice at most. Without --yes it only says
    /// what it would do.
    Redrive(Redrive),
    /// Decide that dead letters are not needed
    ///
    /// They stay where they are and are noted as dropped, with the reason. Without --yes it only says what it would do.
    Drop(Discard),
}

impl DlqCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            DlqCommand::List(command) => command.run().await,
            DlqCommand::Show(command) => command.run().await,
            DlqCommand::Redrive(command) => command.run().await,
            DlqCommand::Drop(command) => command.run().await,
        }
    }
}

/// Where the topics are.
#[derive(Clone, Debug, clap::Args)]
struct Cluster {
    #[command(flatten)]
    kafka: KafkaSettings,
    /// Stands before each topic's name, to try this beside a running stack
    #[arg(long, default_value = "")]
    prefix: String,
}

impl Cluster {
    /// The dead-letter topics that are meant: all, or those of the given topics, with or without `.dlq`.
    fn topics(&self, wanted: &[String]) -> Result<Vec<String>, Failure> {
        let full = |name: &str| dead_letter_topic(&format!("{}{name}", self.prefix));
        if wanted.is_empty() {
            return Ok(all_names().map(full).collect());
        }
        let mut topics = Vec::new();
        for text in wanted {
            let name = text.strip_suffix(DEAD_LETTER_SUFFIX).unwrap_or(text);
            let known = all_names().find(|known| *known == name).ok_or_else(|| {
                Failure::setting(format!("there is no topic `{text}` (see: topics describe)"))
            })?;
            topics.push(full(known));
        }
        topics.sort();
        topics.dedup();
        Ok(topics)
    }

    /// Whether records may be written to this topic: one of ours.
    fn knows(&self, topic: &str) -> bool {
        topic
            .strip_prefix(&self.prefix)
            .is_some_and(|name| all_names().any(|known| known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(prefix: &str) -> Cluster {
        Cluster {
            kafka: KafkaSettings::plaintext("127.0.0.1:1"),
            prefix: prefix.to_owned(),
        }
    }

    #[test]
    fn a_topic_is_found_with_and_without_its_suffix() {
        let found = |text: &str| cluster("").topics(&[text.to_owned()]);
        assert_eq!(found("info_in").unwrap(), ["info_in.dlq"]);
        assert_eq!(found("orm_sync_tg.dlq").unwrap(), ["orm_sync_tg.dlq"]);
        assert!(matches!(found("nope"), Err(Failure::Setting(_))));
        assert_eq!(
            cluster("x-").topics(&[]).unwrap().len(),
            all_names().count()
        );
    }

    #[test]
    fn only_our_own_topics_are_written_to() {
        assert!(cluster("").knows("tg_robokassa"));
        assert!(!cluster("").knows("tg_robokassa.dlq"));
        assert!(!cluster("").knows("somebody_elses"));
        assert!(cluster("x-").knows("x-info_in"));
        assert!(!cluster("x-").knows("info_in"));
    }
}
