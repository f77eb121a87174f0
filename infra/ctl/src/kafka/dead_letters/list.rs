//! `dlq list`: how many dead letters there are, open and decided.

use std::collections::BTreeMap;

use super::choice::Choice;
use super::fate::Verdict;
use super::letter::Entry;
use super::{Cluster, folder};
use crate::failure::Failure;
use crate::kafka::{blocking, check, reading};
use crate::table::Table;

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    choice: Choice,
}

impl List {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let topics = self.cluster.topics(&self.choice.topics)?;
        check(&self.cluster.kafka).await?;
        let entries = blocking(move || {
            let reader = reading::reader(&self.cluster.kafka)?;
            let mut entries = folder::entries(&reader, &topics)?;
            entries.retain(|entry| self.choice.filter.takes(entry));
            Ok(entries)
        })
        .await?;
        if entries.is_empty() {
            println!("no dead letters");
        } else {
            print!("{}", table(&entries).render());
        }
        Ok(())
    }
}

/// The letters by topic, action and class.
fn table(entries: &[Entry]) -> Table {
    let mut counts = BTreeMap::<[&str; 3], [u64; 3]>::new();
    for entry in entries {
        let count = counts
            .entry([&entry.topic, &entry.action, &entry.class])
            .or_default();
        match entry.fate {
            None => count[0] += 1,
            Some(Verdict::Redriven) => count[1] += 1,
            Some(Verdict::Dropped) => count[2] += 1,
        }
    }
    let mut table = Table::new(["topic", "action", "class", "#open", "#redriven", "#dropped"]);
    for ([topic, action, class], [open, redriven, dropped]) in counts {
        table.row([
            topic.to_owned(),
            action.to_owned(),
            class.to_owned(),
            open.to_string(),
            redriven.to_string(),
            dropped.to_string(),
        ]);
    }
    table
}
