//! `dlq redrive` and `dlq drop`: first say what would be done, with --yes do it.

use std::collections::BTreeMap;

use tokio::runtime::Handle;

use super::choice::Choice;
use super::fate::Verdict;
use super::letter::Entry;
use super::send::Sender;
use super::{Cluster, folder};
use crate::failure::Failure;
use crate::kafka::{blocking, check, reading};
use crate::table::Table;

/// How many letters are shown before they are decided about.
const EXAMPLES: usize = 5;
/// Of an error, so much is shown in a list.
const ERROR_SHOWN: usize = 160;

#[derive(Debug, clap::Args)]
pub(crate) struct Redrive {
    #[command(flatten)]
    decision: Decision,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Discard {
    #[command(flatten)]
    decision: Decision,
    /// Why they are not needed; kept beside each letter
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct Decision {
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    choice: Choice,
    /// Every open dead letter, when no other choice is given
    #[arg(long)]
    all: bool,
    /// Do it. Without this option nothing is written.
    #[arg(long)]
    yes: bool,
}

impl Redrive {
    pub(super) async fn run(self) -> Result<(), Failure> {
        self.decision.run(Verdict::Redriven, String::new()).await
    }
}

impl Discard {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if self.decision.yes && self.reason.trim().is_empty() {
            return Err(Failure::setting(
                "dlq drop --yes needs --reason \"why they are not needed\"",
            ));
        }
        self.decision.run(Verdict::Dropped, self.reason).await
    }
}

impl Decision {
    async fn run(self, verdict: Verdict, reason: String) -> Result<(), Failure> {
        if self.yes && self.choice.is_empty() && !self.all {
            return Err(Failure::setting(
                "say which ones: --topic, --action, --class, --since, --until, --message-id, or --all",
            ));
        }
        let topics = self.cluster.topics(&self.choice.topics)?;
        check(&self.cluster.kafka).await?;
        let runtime = Handle::current();
        blocking(move || self.decide(&topics, verdict, &reason, runtime)).await
    }

    fn decide(
        &self,
        topics: &[String],
        verdict: Verdict,
        reason: &str,
        runtime: Handle,
    ) -> Result<(), Failure> {
        let reader = reading::reader(&self.cluster.kafka)?;
        let mut chosen = folder::entries(&reader, topics)?;
        chosen.retain(|entry| entry.fate.is_none() && self.choice.filter.takes(entry));
        let unfit = self.set_unfit_aside(&mut chosen, verdict);
        if chosen.is_empty() && unfit == 0 {
            println!("no open dead letter is chosen");
            return Ok(());
        }
        if !self.yes {
            print!("{}", preview(&chosen, verdict));
            println!("Nothing was written. To do it, repeat the command with --yes.");
            return Ok(());
        }
        let sender = Sender::new(&self.cluster.kafka, runtime)?;
        let mut done = 0;
        let outcome = match verdict {
            Verdict::Redriven => folder::fetch(&reader, &chosen, |entry, letter| {
                if let Ok(home) = &entry.home {
                    // The note comes second: the other way round, a kill in between would lose the record.
                    sender.put_back(home, &letter)?;
                    sender.note(entry, verdict, reason)?;
                    done += 1;
                }
                Ok(())
            }),
            Verdict::Dropped => chosen.iter().try_for_each(|entry| {
                sender.note(entry, verdict, reason)?;
                done += 1;
                Ok(())
            }),
        };
        println!("{done} of {} {}", chosen.len() + unfit, verdict.word());
        outcome?;
        match unfit {
            0 => Ok(()),
            _ => Err(Failure::failed(format!(
                "{unfit} can't be redriven and stay open; see above"
            ))),
        }
    }

    /// Names and takes out what can't be redriven. Anything can be dropped.
    fn set_unfit_aside(&self, chosen: &mut Vec<Entry>, verdict: Verdict) -> usize {
        if verdict == Verdict::Dropped {
            return 0;
        }
        let before = chosen.len();
        chosen.retain(|entry| {
            let problem = match &entry.home {
                Err(unfit) => unfit.to_string(),
                Ok(home) if !self.cluster.knows(home) => format!("`{home}` is no topic of ours"),
                Ok(_) => return true,
            };
            println!(
                "can't be redriven: {} {}/{}: {problem}",
                entry.topic, entry.partition, entry.offset
            );
            false
        });
        before - chosen.len()
    }
}

/// What would be done: how many by topic, action and class, and the first of them.
fn preview(chosen: &[Entry], verdict: Verdict) -> String {
    let mut counts = BTreeMap::<[&str; 3], u64>::new();
    for entry in chosen {
        *counts
            .entry([&entry.topic, &entry.action, &entry.class])
            .or_default() += 1;
    }
    let mut table = Table::new(["topic", "action", "class", "#count"]);
    for ([topic, action, class], count) in counts {
        table.row([
            topic.to_owned(),
            action.to_owned(),
            class.to_owned(),
            count.to_string(),
        ]);
    }
    let mut text = format!(
        "{} would be {}:\n{}",
        chosen.len(),
        verdict.word(),
        table.render()
    );
    text.push_str("The first:\n");
    for entry in chosen.iter().take(EXAMPLES) {
        let error: String = entry.error.chars().take(ERROR_SHOWN).collect();
        text.push_str(&format!(
            "  {} {}/{}  {}  {}  message-id {}\n    {error}\n",
            entry.topic,
            entry.partition,
            entry.offset,
            entry.failed_at.map_or_else(String::new, |at| at
                .format("%Y-%m-%dT%H:%M:%SZ")
                .to_string()),
            entry.action,
            entry.message_id,
        ));
    }
    text
}
