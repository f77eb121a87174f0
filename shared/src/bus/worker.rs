//! Runs records: handler, retries, dead letters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::FutureExt;
use tracing::{error, info, warn};

use super::assignment::{Partition, Shared, WaitMark, locked};
use super::breaker::Verdict;
use super::dead_letter::{self, DeadLetter};
use super::lanes::Parking;
use super::ledger::Ticket;
use super::meters::Outcome;
use super::{HandleError, Handled, Inbox, Producer, PublishError, Record};
use crate::topics::Topic;

/// A record on its way through a lane. When it is dropped, its part of the budget is free again.
pub(super) struct Job {
    record: Record,
    ticket: Ticket,
    partition: Arc<Partition>,
    bytes: usize,
}

impl Job {
    /// Whoever makes it counts it in flight, before it is handed over.
    pub(super) fn new(record: Record, ticket: Ticket, partition: Arc<Partition>) -> Job {
        let headers: usize = record.headers.iter().map(|(k, v)| k.len() + v.len()).sum();
        let bytes = record.value.len() + record.key.as_ref().map_or(0, Vec::len) + headers + 256;
        Job {
            record,
            ticket,
            partition,
            bytes,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.partition.in_flight.remove(1, self.bytes);
    }
}

pub(super) struct Worker<C, T> {
    pub(super) inbox: Inbox<C, T>,
    pub(super) context: Arc<C>,
    pub(super) producer: Producer,
    pub(super) shared: Arc<Shared>,
}

/// What to do with a record after a failed try.
enum After {
    Finished(Outcome),
    DeadLetter(HandleError),
    TryAgain(Duration),
    /// The other side said when to come back.
    ComeBack(Duration),
}

/// What is remembered between the tries of one record.
struct Tries<'a> {
    attempts: u32,
    pauses: Option<ExponentialBackoff>,
    down: WaitMark<'a>,
}

impl Tries<'_> {
    fn pause(&mut self, shared: &Shared) -> Duration {
        let options = &shared.options;
        let pauses = self.pauses.get_or_insert_with(|| {
            ExponentialBuilder::default()
                .with_min_delay(options.first_pause)
                .with_max_delay(options.longest_pause)
                .without_max_times()
                .with_jitter()
                .build()
        });
        pauses.next().unwrap_or(options.longest_pause)
    }
}

impl<C: Send + Sync + 'static, T: Topic> Worker<C, T> {
    /// Runs one record to its end. What seldom happens is boxed: this future is copied with every record.
    pub(super) async fn run(&self, job: Box<Job>, parking: Parking) {
        let partition = &*job.partition;
        // Counted before the look at `revoked`, so that a revoke either sees this record or is seen by it.
        partition.running.fetch_add(1, Ordering::SeqCst);
        if !partition.is_revoked() {
            let shared = &*self.shared;
            let from = shared.began.elapsed();
            let outcome = if shared.is_down() {
                Box::pin(self.handle_when_back(&job.record, partition, &parking)).await
            } else {
                match self.try_once(&job.record).await {
                    Ok(()) => {
                        self.succeeded();
                        Some(Outcome::Done)
                    }
                    Err(failure) => {
                        let after = self.handle_after(failure, &job.record, partition, &parking);
                        Box::pin(after).await
                    }
                }
            };
            if let Some(outcome) = outcome {
                locked(&partition.ledger).finish(job.ticket);
                let (to, written) = (shared.began.elapsed(), job.record.timestamp);
                shared.meters.finished(outcome, from, to, written);
            }
        }
        partition.running.fetch_sub(1, Ordering::SeqCst);
    }

    async fn try_once(&self, record: &Record) -> Handled {
        let context = Arc::clone(&self.context);
        let begun = catch_unwind(AssertUnwindSafe(|| self.inbox.begin(context, record)));
        match begun {
            Ok(handler) => AssertUnwindSafe(handler?)
                .catch_unwind()
                .await
                .unwrap_or_else(|panic| Err(panicked(&*panic))),
            Err(panic) => Err(panicked(&*panic)),
        }
    }

    /// Another record found a dependency down: it asks for all.
    async fn handle_when_back(
        &self,
        record: &Record,
        partition: &Partition,
        parking: &Parking,
    ) -> Option<Outcome> {
        let back = self.shared.back();
        parking.park(until_revoked(partition, back)).await?;
        match self.try_once(record).await {
            Ok(()) => {
                self.succeeded();
                Some(Outcome::Done)
            }
            Err(failure) => self.handle_after(failure, record, partition, parking).await,
        }
    }

    /// Goes on after a first failure until the record is finished; `None` when it is left to whoever owns the
    /// partition next.
    async fn handle_after(
        &self,
        mut failure: HandleError,
        record: &Record,
        partition: &Partition,
        parking: &Parking,
    ) -> Option<Outcome> {
        let mut tries = Tries {
            attempts: 0,
            pauses: None,
            down: WaitMark::new(&self.shared),
        };
        loop {
            match self.judge(record, failure, &mut tries) {
                After::Finished(outcome) => return Some(outcome),
                After::DeadLetter(failure) => {
                    return self
                        .dead_letter(record, &failure, partition, parking, &mut tries)
                        .await;
                }
                After::TryAgain(pause) => {
                    let sleep = tokio::time::sleep(pause);
                    parking.park(until_revoked(partition, sleep)).await?;
                }
                After::ComeBack(pause) => {
                    partition.told_to_wait.fetch_add(1, Ordering::AcqRel);
                    let sleep = tokio::time::sleep(pause);
                    let slept = parking.park(until_revoked(partition, sleep)).await;
                    partition.told_to_wait.fetch_sub(1, Ordering::AcqRel);
                    slept?;
                }
            }
            if self.shared.is_down() && !tries.down.is_set() {
                let back = self.shared.back();
                parking.park(until_revoked(partition, back)).await?;
            }
            match self.try_once(record).await {
                Ok(()) => {
                    self.succeeded();
                    return Some(Outcome::Done);
                }
                Err(next) => failure = next,
            }
        }
    }

    fn succeeded(&self) {
        if self.shared.breaker.succeeded() {
            info!(topic = self.shared.topic, "breaker_closed");
        }
    }

    fn judge(&self, record: &Record, failure: HandleError, tries: &mut Tries<'_>) -> After {
        let shared = &*self.shared;
        shared.meters.failed(failure.class());
        match failure {
            HandleError::Refused(reason) => {
                info!(
                    topic = &*record.topic,
                    partition = record.partition,
                    offset = record.offset,
                    reason,
                    "record_refused"
                );
                self.succeeded();
                After::Finished(Outcome::Refused)
            }
            HandleError::BadData(_) => {
                tries.attempts += 1;
                After::DeadLetter(failure)
            }
            HandleError::Unavailable { dependency, source } => {
                tries.down.set(dependency, &source);
                After::TryAgain(tries.pause(shared))
            }
            HandleError::Transient {
                retry_after: Some(after),
                ..
            } => {
                tries.down.clear();
                After::ComeBack(after)
            }
            HandleError::Transient {
                ref source,
                retry_after: None,
            } => {
                tries.down.clear();
                tries.attempts = tries.attempts.saturating_add(1);
                shared.meters.retried();
                warn!(topic = &*record.topic, partition = record.partition, offset = record.offset, attempts = tries.attempts, error = %source, "record_failed");
                if tries.attempts < shared.options.attempts {
                    return After::TryAgain(tries.pause(shared));
                }
                match shared.breaker.failed() {
                    Verdict::DeadLetter => After::DeadLetter(failure),
                    Verdict::Opened => {
                        error!(topic = shared.topic, error = %source, "breaker_opened");
                        After::TryAgain(shared.options.longest_pause)
                    }
                    Verdict::Wait => After::TryAgain(shared.options.longest_pause),
                }
            }
        }
    }

    /// Puts a record into the dead letters and waits until it is there: before that it is not finished. While Kafka
    /// does not take it the topic is paused.
    async fn dead_letter(
        &self,
        record: &Record,
        failure: &HandleError,
        partition: &Partition,
        parking: &Parking,
        tries: &mut Tries<'_>,
    ) -> Option<Outcome> {
        let attempts = tries.attempts;
        let mut letter = DeadLetter::of(record, failure, attempts, self.producer.service());
        loop {
            match self.producer.send_letter(&letter).await {
                Ok(()) => break,
                Err(PublishError::Rejected { reason, .. }) if letter.shorten() => {
                    warn!(
                        topic = &*record.topic,
                        partition = record.partition,
                        offset = record.offset,
                        reason,
                        "dead_letter_shortened"
                    );
                }
                Err(error) => {
                    error!(topic = &*record.topic, partition = record.partition, offset = record.offset, %error, "dead_letter_failed");
                    tries.down.set("kafka", &error);
                    let sleep = tokio::time::sleep(self.shared.options.longest_pause);
                    parking.park(until_revoked(partition, sleep)).await?;
                }
            }
        }
        tries.down.clear();
        error!(
            topic = &*record.topic, partition = record.partition, offset = record.offset,
            class = failure.class(), attempts, error = %failure, "record_dead_lettered"
        );
        self.shared.meters.dead_lettered(failure.class());
        let alert = dead_letter::alert(record, failure, attempts, self.producer.service());
        match alert {
            Ok(Some(alert)) => {
                if let Err(error) = self.producer.send(&alert).await {
                    warn!(%error, "alert_failed");
                }
            }
            Ok(None) => {}
            Err(error) => warn!(%error, "alert_failed"),
        }
        Some(Outcome::DeadLettered)
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> HandleError {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no message");
    HandleError::transient(format!("the handler panicked: {text}"))
}

/// Waits for `what`; `None` when the partition goes to somebody else first.
async fn until_revoked<F: Future>(partition: &Partition, what: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        () = partition.revoked() => None,
        output = what => Some(output),
    }
}
