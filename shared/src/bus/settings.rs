//! How to reach Kafka, and the client settings that the promises rest on.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use super::StartError;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Security {
    /// SASL_PLAINTEXT with SCRAM-SHA-256.
    Scram,
    /// PLAINTEXT, for the internal listener.
    Plaintext,
}

/// How members of a group share partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupProtocol {
    /// The broker assigns (KIP-848, Kafka 4): nobody stops while others join or leave.
    Consumer,
    /// Cooperative-sticky, for Kafka 3.9.
    Classic,
}

/// Where Kafka is and who we are there.
#[derive(Clone, Debug, clap::Args)]
pub struct KafkaSettings {
    /// Kafka's addresses, host:port separated by commas.
    #[arg(
        long = "kafka-brokers",
        env = "KAFKA_BROKERS",
        default_value = "127.0.0.1:9092"
    )]
    pub brokers: String,
    /// How the connection is protected: scram (SASL_PLAINTEXT, SCRAM-SHA-256) or plaintext (the internal listener).
    #[arg(
        long = "kafka-security",
        env = "KAFKA_SECURITY",
        value_enum,
        default_value = "scram"
    )]
    pub security: Security,
    /// Kafka user.
    #[arg(
        long = "kafka-username",
        env = "KAFKA_USERNAME",
        default_value = "geobot"
    )]
    pub username: String,
    /// Kafka user's password.
    #[arg(
        long = "kafka-password",
        env = "KAFKA_PASSWORD",
        default_value = "",
        hide_env_values = true
    )]
    pub password: SecretString,
    /// How replicas share a topic: consumer (the broker assigns, Kafka 4) or classic (cooperative-sticky, Kafka 3.9).
    #[arg(
        long = "kafka-group-protocol",
        env = "KAFKA_GROUP_PROTOCOL",
        value_enum,
        default_value = "consumer"
    )]
    pub group_protocol: GroupProtocol,
}

impl KafkaSettings {
    /// Settings for the internal listener, without a password.
    pub fn plaintext(brokers: impl Into<String>) -> KafkaSettings {
        KafkaSettings {
            brokers: brokers.into(),
            security: Security::Plaintext,
            username: String::new(),
            password: SecretString::default(),
            group_protocol: GroupProtocol::Consumer,
        }
    }

    /// What every client of ours has in common.
    pub fn client(&self, client_id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", client_id)
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true")
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("topic.metadata.propagation.max.ms", "5000")
            .set("allow.auto.create.topics", "false");
        if self.security == Security::Scram {
            config
                .set("security.protocol", "SASL_PLAINTEXT")
                .set("sasl.mechanism", "SCRAM-SHA-256")
                .set("sasl.username", &self.username)
                .set("sasl.password", self.password.expose_secret());
        }
        config
    }

    /// A producer's settings: idempotent, acknowledged by all, no record waits longer than 30 s.
    pub fn producer(&self, client_id: &str) -> ClientConfig {
        let mut config = self.client(client_id);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // The sooner it asks, the sooner it knows that a wiped Kafka answers (see `connection`).
            .set("topic.metadata.refresh.interval.ms", "1000")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("delivery.timeout.ms", "30000")
            // A dead letter is its record and a few headers more, so it may be larger than any record.
            .set("message.max.bytes", "2097152")
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "65536");
        config
    }

    /// A consumer's settings: nothing is stored or committed but by us; a new group begins at the earliest record.
    pub fn consumer(&self, client_id: &str, group: &str) -> ClientConfig {
        let mut config = self.client(client_id);
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "100")
            // Little is fetched ahead, in small parts, and fetching goes on at once when there is room again: the
            // default of a second would leave a fast consumer idle, the default sizes take 100 MB.
            .set("queued.min.messages", "3000")
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.message.max.bytes", "262144")
            .set("fetch.queue.backoff.ms", "5")
            .set("enable.partition.eof", "false")
            // Lag, and whether the coordinator is there, come with the statistics.
            .set("statistics.interval.ms", "2000");
        match self.group_protocol {
            // The broker owns session time-out and heartbeat here; librdkafka refuses them on the client.
            GroupProtocol::Consumer => config.set("group.protocol", "consumer"),
            GroupProtocol::Classic => config
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", "6000")
                .set("heartbeat.interval.ms", "1500"),
        };
        config
    }

    /// Asks the broker who it is, so that a wrong password is one clear line at start and not an endless repetition.
    /// Blocks for at most `limit`.
    ///
    /// # Errors
    /// [`StartError`] in words for the operator.
    pub fn check(&self, limit: Duration) -> Result<(), StartError> {
        self.check_unless(limit, &CancellationToken::new())
    }

    /// As [`KafkaSettings::check`], and gives up within a second once `stop` is cancelled.
    ///
    /// # Errors
    /// As [`KafkaSettings::check`]; [`StartError::Stopped`] when it gave up.
    pub fn check_unless(
        &self,
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<(), StartError> {
        let watcher = Watcher::default();
        let client: BaseConsumer<Watcher> = self
            .client("geobot-start-check")
            .create_with_context(watcher.clone())?;
        let end = Instant::now() + limit;
        loop {
            let answer = client.fetch_metadata(None, Duration::from_millis(700));
            // Errors of the connection come as events, which polling hands to the watcher.
            let _ = client.poll(Duration::from_millis(20));
            if answer.is_ok() {
                return Ok(());
            }
            if stop.is_cancelled() {
                return Err(StartError::Stopped);
            }
            if let Some(reason) = watcher.seen(RDKafkaErrorCode::Authentication) {
                return Err(StartError::Authentication {
                    brokers: self.brokers.clone(),
                    user: self.username.clone(),
                    reason,
                });
            }
            if Instant::now() >= end {
                let reason = answer.err().map_or_else(String::new, |e| e.to_string());
                return Err(StartError::Unreachable {
                    brokers: self.brokers.clone(),
                    reason,
                });
            }
        }
    }
}

/// Remembers the errors of a connection.
#[derive(Clone, Default)]
struct Watcher(Arc<Mutex<Vec<(RDKafkaErrorCode, String)>>>);

impl Watcher {
    fn seen(&self, wanted: RDKafkaErrorCode) -> Option<String> {
        let seen = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.iter()
            .find(|(code, _)| *code == wanted)
            .map(|(_, reason)| reason.clone())
    }
}

impl ClientContext for Watcher {
    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Watcher {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_the_promises_rest_on_are_pinned() {
        let settings = KafkaSettings::plaintext("k:1");
        let consumer = settings.consumer("c", "g");
        assert_eq!(consumer.get("enable.auto.commit"), Some("false"));
        assert_eq!(consumer.get("enable.auto.offset.store"), Some("false"));
        assert_eq!(consumer.get("auto.offset.reset"), Some("earliest"));
        let producer = settings.producer("c");
        assert_eq!(producer.get("enable.idempotence"), Some("true"));
        assert_eq!(producer.get("acks"), Some("all"));
    }

    #[test]
    fn a_password_is_never_printed() {
        let mut settings = KafkaSettings::plaintext("k:1");
        settings.password = "hunter2".to_owned().into();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
