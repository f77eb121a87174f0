//! What concerns Kafka itself: topics, lag, dead letters, and reading without a group.

pub(crate) mod dead_letters;
pub(crate) mod lag;
pub(crate) mod reading;
pub(crate) mod topics;

use std::time::Duration;

use geobot_shared::bus::{KafkaSettings, StartError};
use geobot_shared::topics::{ALL, TopicInfo};
use rdkafka::error::KafkaError;

use crate::failure::Failure;

/// How long one question to Kafka may take.
pub(crate) const ASK: Duration = Duration::from_secs(10);

/// Checks address, user and password, so that each command fails with one clear line.
///
/// # Errors
/// [`Failure::Setting`] for a wrong user or password, [`Failure::Failed`] when nobody answers.
pub(crate) async fn check(settings: &KafkaSettings) -> Result<(), Failure> {
    let checked = settings.clone();
    blocking(move || match checked.check(ASK) {
        Ok(()) => Ok(()),
        Err(error @ StartError::Unreachable { .. }) => Err(Failure::failed(error.to_string())),
        Err(error) => Err(Failure::setting(error.to_string())),
    })
    .await
}

/// Runs librdkafka's blocking calls beside the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Failure::failed(error.to_string())),
    }
}

/// The names a topic is read under: its own, then its aliases.
pub(crate) fn names(topic: &TopicInfo) -> impl Iterator<Item = &'static str> {
    std::iter::once(topic.name).chain(topic.aliases.iter().copied())
}

/// Every name that records are read from, without the dead letters.
pub(crate) fn all_names() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(names)
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Failure {
        Failure::failed(format!("Kafka: {error}"))
    }
}
