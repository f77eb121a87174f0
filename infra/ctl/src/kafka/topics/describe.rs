//! `topics describe`: what is there, and whether it is as it should be.

use geobot_shared::bus::KafkaSettings;

use super::cluster::{admin, found, settings_of};
use super::plan;
use crate::failure::Failure;
use crate::kafka::{blocking, check, reading};
use crate::table::Table;

#[derive(Debug, clap::Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    kafka: KafkaSettings,
    /// Stands before each name
    #[arg(long, default_value = "")]
    prefix: String,
}

impl Describe {
    pub(super) async fn run(self) -> Result<(), Failure> {
        check(&self.kafka).await?;
        let wanted = plan::wanted(&self.prefix);
        let found = found(&self.kafka).await?;
        let names: Vec<String> = wanted
            .iter()
            .filter(|w| found.contains_key(&w.name))
            .map(|w| w.name.clone())
            .collect();
        let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
        let settings = settings_of(&admin(&self.kafka)?, &borrowed).await?;
        let kafka = self.kafka.clone();
        let spans = blocking(move || {
            let reader = reading::reader(&kafka)?;
            reading::spans(&reader, &names)
        })
        .await?;

        let mut table = Table::new([
            "topic",
            "#partitions",
            "#copies",
            "kept",
            "#records",
            "note",
        ]);
        for w in &wanted {
            let (Some(topic), Some(settings)) = (found.get(&w.name), settings.get(&w.name)) else {
                table.row([w.name.as_str(), "", "", "", "", "missing"].map(str::to_owned));
                continue;
            };
            let records: i64 = spans
                .iter()
                .filter(|s| s.topic == w.name)
                .map(reading::Span::len)
                .sum();
            let as_wanted = topic.partitions >= w.partitions
                && w.corrections(topic.replicas, &settings.all).is_empty();
            table.row([
                w.name.clone(),
                topic.partitions.to_string(),
                topic.replicas.to_string(),
                kept(settings.all.get("retention.ms").map_or("", String::as_str)),
                records.to_string(),
                if as_wanted {
                    ""
                } else {
                    "differs: topics ensure"
                }
                .to_owned(),
            ]);
        }
        print!("{}", table.render());
        Ok(())
    }
}

fn kept(retention_ms: &str) -> String {
    match retention_ms.parse::<i64>() {
        Ok(-1) => "for ever".to_owned(),
        Ok(ms) => format!("{} days", ms / 86_400_000),
        Err(_) => "?".to_owned(),
    }
}
