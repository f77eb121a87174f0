//! What can go wrong with a record, as the four classes that decide what the bus does next.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What a handler answers.
pub type Handled = Result<(), HandleError>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a handler did not do its work; the class decides what happens to the record.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The record can never be handled: it goes to the dead letters at once.
    #[error("bad data: {0}")]
    BadData(String),
    /// The business says no and the answer has been given: the record is done.
    #[error("refused: {0}")]
    Refused(String),
    /// It may work next time: tried again with growing pauses, then dead-lettered.
    #[error("failed for now: {source}")]
    Transient {
        /// What went wrong.
        source: Source,
        /// The other side said when to come back. Such a wait is not counted as an attempt.
        retry_after: Option<Duration>,
    },
    /// Something this service stands on is down: the topic pauses until it is back. Nothing is counted.
    #[error("{dependency} is unavailable: {source}")]
    Unavailable {
        /// Which dependency, for logs and metrics.
        dependency: &'static str,
        /// What it said.
        source: Source,
    },
}

impl HandleError {
    /// A failure that may pass.
    pub fn transient(source: impl Into<Source>) -> HandleError {
        HandleError::Transient {
            source: source.into(),
            retry_after: None,
        }
    }

    /// A failure whose end the other side has named.
    pub fn retry_after(source: impl Into<Source>, after: Duration) -> HandleError {
        HandleError::Transient {
            source: source.into(),
            retry_after: Some(after),
        }
    }

    /// A dependency that is down.
    pub fn unavailable(dependency: &'static str, source: impl Into<Source>) -> HandleError {
        HandleError::Unavailable {
            dependency,
            source: source.into(),
        }
    }

    /// The class as a word for metrics and dead letters.
    pub fn class(&self) -> &'static str {
        match self {
            HandleError::BadData(_) => "bad_data",
            HandleError::Refused(_) => "refused",
            HandleError::Transient { .. } => "transient",
            HandleError::Unavailable { .. } => "unavailable",
        }
    }
}

/// Why a record was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The record itself can't be published (too large, not JSON): trying again is useless.
    #[error("the record for {topic} can't be published: {reason}")]
    Rejected {
        /// Where it should have gone.
        topic: String,
        /// Why it can't.
        reason: String,
    },
    /// Kafka did not acknowledge it in time: it may or may not be there. Publish it again with the same message-id.
    #[error("Kafka did not acknowledge the record for {topic}: {source}")]
    Unavailable {
        /// Where it should have gone.
        topic: String,
        /// What librdkafka says.
        source: KafkaError,
    },
}

impl PublishError {
    pub(super) fn from_kafka(topic: &str, source: KafkaError) -> PublishError {
        use RDKafkaErrorCode::{
            InvalidMessage, InvalidMessageSize, InvalidRecord, MessageSizeTooLarge,
        };
        match source.rdkafka_error_code() {
            Some(
                code @ (MessageSizeTooLarge | InvalidMessage | InvalidMessageSize | InvalidRecord),
            ) => PublishError::Rejected {
                topic: topic.to_owned(),
                reason: code.to_string(),
            },
            _ => PublishError::Unavailable {
                topic: topic.to_owned(),
                source,
            },
        }
    }
}

impl From<PublishError> for HandleError {
    fn from(error: PublishError) -> HandleError {
        match error {
            PublishError::Rejected { .. } => HandleError::BadData(error.to_string()),
            PublishError::Unavailable { .. } => HandleError::unavailable("kafka", error),
        }
    }
}

/// Why the bus could not start. Shown to the operator as one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Kafka does not know this user or password.
    #[error(
        "Kafka at {brokers} refuses the user `{user}`: check KAFKA_USERNAME and KAFKA_PASSWORD ({reason})"
    )]
    Authentication {
        /// Where.
        brokers: String,
        /// Who.
        user: String,
        /// What the broker said.
        reason: String,
    },
    /// The user may not do what the service needs.
    #[error("Kafka at {brokers} does not let the user `{user}` in: {reason}")]
    Authorization {
        /// Where.
        brokers: String,
        /// Who.
        user: String,
        /// What the broker said.
        reason: String,
    },
    /// Nobody answers.
    #[error("Kafka at {brokers} does not answer: check KAFKA_BROKERS and that it runs ({reason})")]
    Unreachable {
        /// Where.
        brokers: String,
        /// What librdkafka says.
        reason: String,
    },
    /// The process was told to end while it was starting.
    #[error("stopped while starting")]
    Stopped,
    /// A setting librdkafka does not take.
    #[error("Kafka settings are wrong: {0}")]
    Settings(#[from] KafkaError),
}

impl StartError {
    /// Ends the process: in peace when it was told to, else with one line and the exit code for wrong settings.
    pub fn exit(&self) -> ! {
        match self {
            StartError::Stopped => std::process::exit(0),
            _ => crate::config::refuse(&self.to_string()),
        }
    }
}
