//! What the cluster says about its topics.

use std::collections::BTreeMap;
use std::time::Duration;

use geobot_shared::bus::KafkaSettings;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigSource, OwnedResourceSpecifier, ResourceSpecifier,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::failure::Failure;
use crate::kafka::{ASK, blocking};

/// How long a cluster may take to do or to show what was asked for.
pub(super) const SETTLE: Duration = Duration::from_secs(120);

pub(super) type Admin = AdminClient<DefaultClientContext>;

pub(super) fn admin(kafka: &KafkaSettings) -> Result<Admin, Failure> {
    kafka
        .client("geobot-ctl")
        .create()
        .map_err(|e| Failure::setting(format!("Kafka settings are wrong: {e}")))
}

pub(super) fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(SETTLE))
        .operation_timeout(Some(SETTLE))
}

pub(super) fn refused(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("Kafka did not {what}: {error}"))
}

/// A topic as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) partitions: i32,
    pub(super) replicas: i32,
    pub(super) led: bool,
}

/// Every topic of the cluster.
pub(super) async fn found(kafka: &KafkaSettings) -> Result<BTreeMap<String, Found>, Failure> {
    let config = kafka.client("geobot-ctl");
    blocking(move || {
        let client: BaseConsumer = config.create().map_err(|e| refused("start", e))?;
        let metadata = client
            .fetch_metadata(None, ASK)
            .map_err(|e| refused("list its topics", e))?;
        let topics = metadata.topics().iter().filter(|t| t.error().is_none());
        Ok(topics
            .map(|topic| {
                let partitions = topic.partitions();
                let found = Found {
                    partitions: partitions.len() as i32,
                    replicas: partitions.first().map_or(1, |p| p.replicas().len() as i32),
                    led: partitions.iter().all(|p| p.leader() >= 0),
                };
                (topic.name().to_owned(), found)
            })
            .collect())
    })
    .await
}

/// What a topic is set to, and which of it was set for this topic.
pub(super) struct Settings {
    pub(super) all: BTreeMap<String, String>,
    pub(super) own: BTreeMap<String, String>,
}

pub(super) async fn settings_of(
    admin: &Admin,
    names: &[&str],
) -> Result<BTreeMap<String, Settings>, Failure> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let specifiers: Vec<_> = names.iter().map(|n| ResourceSpecifier::Topic(n)).collect();
    let answers = admin
        .describe_configs(&specifiers, &options())
        .await
        .map_err(|e| refused("show settings", e))?;
    let mut settings = BTreeMap::new();
    for answer in answers {
        let resource = answer.map_err(|e| refused("show settings", e))?;
        let OwnedResourceSpecifier::Topic(name) = resource.specifier else {
            continue;
        };
        let mut of_topic = Settings {
            all: BTreeMap::new(),
            own: BTreeMap::new(),
        };
        for entry in resource.entries {
            let Some(value) = entry.value else { continue };
            if entry.source == ConfigSource::DynamicTopic {
                of_topic.own.insert(entry.name.clone(), value.clone());
            }
            of_topic.all.insert(entry.name, value);
        }
        settings.insert(name, of_topic);
    }
    Ok(settings)
}
