//! `topics ensure`: creates, grows and corrects, and waits until it shows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use geobot_shared::bus::KafkaSettings;
use rdkafka::admin::{AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;

use super::cluster::{Admin, Found, SETTLE, admin, found, options, refused, settings_of};
use super::plan::{self, Wanted};
use crate::failure::Failure;
use crate::kafka::check;

#[derive(Debug, clap::Args)]
pub(crate) struct Ensure {
    #[command(flatten)]
    kafka: KafkaSettings,
    /// Copies of each new topic; existing topics keep theirs. More than one needs as many brokers.
    #[arg(long, env = "KAFKA_REPLICATION", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=9))]
    replication: i32,
    /// Stands before each name, to try this beside a running stack
    #[arg(long, default_value = "")]
    prefix: String,
}

impl Ensure {
    pub(super) async fn run(self) -> Result<(), Failure> {
        check(&self.kafka).await?;
        let admin = admin(&self.kafka)?;
        let wanted = plan::wanted(&self.prefix);
        let found = found(&self.kafka).await?;

        let (there, missing): (Vec<_>, Vec<_>) =
            wanted.iter().partition(|w| found.contains_key(&w.name));
        let created = create(&admin, &missing, self.replication).await?;
        let grown = grow(&admin, &there, &found).await?;
        let corrected = correct(&admin, &there, &found).await?;
        settle(&self.kafka, &wanted).await?;
        println!(
            "{} topics: {created} created, {grown} grown, {corrected} corrected",
            wanted.len()
        );
        Ok(())
    }
}

async fn create(admin: &Admin, missing: &[&Wanted], replication: i32) -> Result<usize, Failure> {
    let settings: Vec<_> = missing.iter().map(|w| w.settings(replication)).collect();
    let topics: Vec<NewTopic<'_>> = missing
        .iter()
        .zip(&settings)
        .map(|(wanted, settings)| {
            let topic = NewTopic::new(
                &wanted.name,
                wanted.partitions,
                TopicReplication::Fixed(replication),
            );
            settings
                .iter()
                .fold(topic, |topic, (name, value)| topic.set(name, value))
        })
        .collect();
    if topics.is_empty() {
        return Ok(0);
    }
    let results = admin
        .create_topics(&topics, &options())
        .await
        .map_err(|e| refused("create topics", e))?;
    let mut created = 0;
    for result in results {
        match result {
            Ok(name) => {
                created += 1;
                println!("created    {name}");
            }
            // Somebody else was faster; the next run looks at its settings.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(refused(&format!("create {name}"), code)),
        }
    }
    Ok(created)
}

async fn grow(
    admin: &Admin,
    there: &[&Wanted],
    found: &BTreeMap<String, Found>,
) -> Result<usize, Failure> {
    let small: Vec<_> = there
        .iter()
        .filter(|w| found[&w.name].partitions < w.partitions)
        .collect();
    if small.is_empty() {
        return Ok(0);
    }
    let partitions: Vec<NewPartitions<'_>> = small
        .iter()
        .map(|w| NewPartitions::new(&w.name, w.partitions as usize))
        .collect();
    let results = admin
        .create_partitions(&partitions, &options())
        .await
        .map_err(|e| refused("add partitions", e))?;
    for result in results {
        result.map_err(|(name, code)| refused(&format!("add partitions to {name}"), code))?;
    }
    for w in &small {
        let before = found[&w.name].partitions;
        println!(
            "grown      {}: {before} → {} partitions",
            w.name, w.partitions
        );
    }
    Ok(small.len())
}

async fn correct(
    admin: &Admin,
    there: &[&Wanted],
    found: &BTreeMap<String, Found>,
) -> Result<usize, Failure> {
    let names: Vec<&str> = there.iter().map(|w| w.name.as_str()).collect();
    let settings = settings_of(admin, &names).await?;
    let mut corrections = Vec::new();
    for wanted in there {
        let Some(now) = settings.get(&wanted.name) else {
            continue;
        };
        let differing = wanted.corrections(found[&wanted.name].replicas, &now.all);
        if !differing.is_empty() {
            corrections.push((&wanted.name, &now.own, differing));
        }
    }
    let alterations: Vec<AlterConfig<'_>> = corrections
        .iter()
        .map(|(name, own, differing)| {
            // This call sets all of a topic's own settings: those that it leaves out fall back to their defaults.
            let alteration = AlterConfig::new(ResourceSpecifier::Topic(name));
            let alteration = own.iter().fold(alteration, |alteration, (name, value)| {
                alteration.set(name, value)
            });
            differing
                .iter()
                .fold(alteration, |alteration, (name, _, value)| {
                    alteration.set(name, value)
                })
        })
        .collect();
    if alterations.is_empty() {
        return Ok(0);
    }
    let results = admin
        .alter_configs(&alterations, &options())
        .await
        .map_err(|e| refused("change settings", e))?;
    for result in results {
        result.map_err(|(specifier, code)| refused(&format!("change {specifier:?}"), code))?;
    }
    for (name, _, differing) in &corrections {
        for (setting, before, after) in differing {
            println!("corrected  {name}: {setting} {before} → {after}");
        }
    }
    Ok(corrections.len())
}

/// Waits until every broker's answer would show all topics, each partition with a leader: services may start then.
async fn settle(kafka: &KafkaSettings, wanted: &[Wanted]) -> Result<(), Failure> {
    let end = Instant::now() + SETTLE;
    loop {
        let found = found(kafka).await?;
        let missing = wanted.iter().find(|w| {
            !found
                .get(&w.name)
                .is_some_and(|f| f.led && f.partitions >= w.partitions)
        });
        match missing {
            None => return Ok(()),
            Some(w) if Instant::now() >= end => {
                return Err(refused(
                    &format!("show {} with all of its partitions", w.name),
                    "it takes too long",
                ));
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
