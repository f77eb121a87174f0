//! The consumer of one topic: one poller thread, lanes for the work, a ledger per partition.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::assignment::{Shared, locked};
use super::group::GroupContext;
use super::lanes::Lanes;
use super::poller::Poller;
use super::worker::{Job, Worker};
use super::{ConsumerOptions, Inbox, KafkaSettings, Producer};
use crate::topics::Topic;

/// A running consumer of one topic; see the module `bus`.
pub struct Consumer {
    shared: Arc<Shared>,
    ended: oneshot::Receiver<Result<(), KafkaError>>,
    topic: &'static str,
}

/// How much longer than the drain the end may take: the last commit, and leaving the group.
const LEAVE: Duration = Duration::from_millis(2_000);

impl Consumer {
    /// Joins the group `<service>.<topic>` (see [`ConsumerOptions::group`]), reads the topic and its aliases and hands
    /// every record to `inbox`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A setting that librdkafka does not take.
    pub fn start<C, T>(
        settings: &KafkaSettings,
        producer: Producer,
        context: Arc<C>,
        inbox: Inbox<C, T>,
        options: ConsumerOptions,
    ) -> Result<Consumer, KafkaError>
    where
        C: Send + Sync + 'static,
        T: Topic,
    {
        let topics: Vec<&str> = std::iter::once(T::NAME)
            .chain(T::ALIASES.iter().copied())
            .collect();
        Consumer::start_on(&topics, settings, producer, context, inbox, options)
    }

    /// As [`Consumer::start`], reading topics of other names; the group is named by the first. For tests and
    /// measurements, which have topics of their own.
    ///
    /// # Errors
    /// A setting that librdkafka does not take.
    pub fn start_on<C, T>(
        topics: &[&str],
        settings: &KafkaSettings,
        producer: Producer,
        context: Arc<C>,
        inbox: Inbox<C, T>,
        options: ConsumerOptions,
    ) -> Result<Consumer, KafkaError>
    where
        C: Send + Sync + 'static,
        T: Topic,
    {
        let service = producer.service().to_lowercase();
        let name = topics.first().copied().unwrap_or(T::NAME);
        let group = format!("{}.{name}", options.group.unwrap_or(&service));
        let missing = inbox.unhandled();
        if !missing.is_empty() {
            info!(topic = T::NAME, actions = ?missing, "actions_without_handler_noted");
        }
        let shared = Arc::new(Shared::new(T::NAME, options));
        let client: BaseConsumer<GroupContext> = settings
            .consumer(&format!("geobot-{service}"), &group)
            .create_with_context(GroupContext {
                shared: Arc::clone(&shared),
            })?;
        client.subscribe(topics)?;

        let worker = Arc::new(Worker {
            inbox,
            context,
            producer: producer.clone(),
            shared: Arc::clone(&shared),
        });
        let options = &shared.options;
        let lanes = Lanes::start(
            options.lanes,
            options.handlers_at_once,
            move |job: Box<Job>, parking| {
                let worker = Arc::clone(&worker);
                async move { worker.run(job, parking).await }
            },
        );
        let runtime = tokio::runtime::Handle::current();
        let poller = Poller::new(
            client,
            topics,
            lanes,
            Arc::clone(&shared),
            producer,
            runtime,
        );
        let (end, ended) = oneshot::channel();
        // A thread of its own that nobody joins: one that hangs in librdkafka must not keep the process alive.
        std::thread::Builder::new()
            .name(format!("poll {}", T::NAME))
            .spawn(move || {
                let result = poller.run();
                // Nobody listens when the process has stopped waiting.
                let _ = end.send(result);
            })
            .map_err(|e| KafkaError::ClientCreation(e.to_string()))?;
        Ok(Consumer {
            shared,
            ended,
            topic: T::NAME,
        })
    }

    /// The topic's name.
    pub fn topic(&self) -> &'static str {
        self.topic
    }

    /// Whether work goes on; for the readiness of the service.
    pub fn health(&self) -> ConsumerHealth {
        ConsumerHealth {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Runs until `stop`, then lets running records end, commits and leaves the group.
    ///
    /// # Errors
    /// When the consumer can't go on: librdkafka calls the error fatal.
    pub async fn run(self, stop: CancellationToken) -> Result<(), KafkaError> {
        let mut ended = self.ended;
        let panicked = |_| Err(KafkaError::ClientCreation("the poller panicked".to_owned()));
        tokio::select! {
            () = stop.cancelled() => self.shared.stop.store(true, Ordering::Release),
            result = &mut ended => return result.unwrap_or_else(panicked),
        }
        let limit = self.shared.options.shutdown_drain + LEAVE;
        match tokio::time::timeout(limit, ended).await {
            Ok(result) => result.unwrap_or_else(panicked),
            Err(_) => {
                // Kafka is away: the group finds out by itself, and what is not committed is repeated.
                warn!(topic = self.topic, "consumer_abandoned");
                Ok(())
            }
        }
    }
}

/// A view of a consumer's state that outlives it.
#[derive(Clone)]
pub struct ConsumerHealth {
    shared: Arc<Shared>,
}

impl ConsumerHealth {
    /// Whether the frontier moves, or stands still for a known reason.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let shared = &*self.shared;
        if !shared.joined.load(Ordering::Acquire) {
            let why = locked(&shared.problem)
                .as_ref()
                .map_or_else(String::new, |(_, problem)| format!(" ({problem})"));
            return Err(format!("{}: not in the group yet{why}", shared.topic));
        }
        if shared.stalled.load(Ordering::Acquire) {
            return Err(format!("{}: the frontier does not move", shared.topic));
        }
        Ok(())
    }

    /// Whether fetching is paused now: a dependency is down, too much is in flight, or the breaker is open.
    pub fn is_paused(&self) -> bool {
        self.shared.paused.load(Ordering::Acquire)
    }

    /// Records begun and not finished.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.get().0
    }

    /// Partitions that are assigned.
    pub fn partitions(&self) -> usize {
        self.shared.partitions().len()
    }
}
