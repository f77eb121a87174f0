//! `dlq show`: dead letters as they are.

use super::choice::Filter;
use super::{Cluster, folder};
use crate::failure::Failure;
use crate::kafka::{blocking, check, reading};

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    cluster: Cluster,
    /// The topic, with or without .dlq
    topic: String,
    /// How many
    #[arg(short = 'n', long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Also those that were redriven or dropped
    #[arg(long)]
    decided: bool,
    #[command(flatten)]
    filter: Filter,
}

impl Show {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let topics = self.cluster.topics(std::slice::from_ref(&self.topic))?;
        check(&self.cluster.kafka).await?;
        for text in blocking(move || self.newest(&topics)).await? {
            println!("{text}");
        }
        Ok(())
    }

    fn newest(&self, topics: &[String]) -> Result<Vec<String>, Failure> {
        let reader = reading::reader(&self.cluster.kafka)?;
        let mut entries = folder::entries(&reader, topics)?;
        entries.retain(|it| (self.decided || it.fate.is_none()) && self.filter.takes(it));
        entries.sort_by_key(|it| (it.failed_at, it.partition, it.offset));
        let surplus = entries.len().saturating_sub(self.count as usize);
        let chosen = entries.split_off(surplus);
        let mut letters = Vec::new();
        folder::fetch(&reader, &chosen, |entry, letter| {
            let place = (entry.failed_at, entry.partition, entry.offset);
            letters.push((place, letter.render(entry.fate)));
            Ok(())
        })?;
        letters.sort();
        Ok(letters.into_iter().map(|(_, text)| text).collect())
    }
}
