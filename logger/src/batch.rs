//! Batches: documents of many handlers go out together, and each handler learns what became of its own.
//!
//! One batch is on its way at a time. A handler waits for its answer and its key's next record waits for the handler,
//! so a batch never holds two documents of one key and order needs no further care.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::logstash::{Answer, Logstash};

/// When a batch goes out, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) documents: usize,
    pub(crate) bytes: usize,
    pub(crate) wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            documents: 200,
            bytes: 256 * 1024,
            wait: Duration::from_millis(20),
        }
    }
}

/// So many single documents refused in a row, with none accepted between, are taken for a fault at Logstash or in its
/// address. They wait: dead-lettering them would also raise an alert each, to be refused in its turn.
const REFUSED_IN_ROW: u32 = 20;

/// Why a document is not at Logstash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDelivered {
    /// Send it again later.
    #[error("{0}")]
    Unavailable(String),
    /// Logstash does not take it.
    #[error("Logstash refuses the document: {0}")]
    Refused(String),
}

struct Waiting {
    document: Vec<u8>,
    answer: oneshot::Sender<Result<(), NotDelivered>>,
}

/// The handlers' side.
pub(crate) struct Batcher {
    sender: mpsc::Sender<Waiting>,
}

/// The side that posts.
pub(crate) struct Batches {
    receiver: mpsc::Receiver<Waiting>,
    logstash: Arc<Logstash>,
    limits: Limits,
    refused_in_row: u32,
}

/// Both sides of one queue, which holds two batches at most.
pub(crate) fn new(logstash: Arc<Logstash>, limits: Limits) -> (Batcher, Batches) {
    let (sender, receiver) = mpsc::channel(2 * limits.documents);
    (
        Batcher { sender },
        Batches {
            receiver,
            logstash,
            limits,
            refused_in_row: 0,
        },
    )
}

impl Batcher {
    /// Waits until Logstash has the document.
    ///
    /// # Errors
    /// [`NotDelivered`] says whether to try again.
    pub(crate) async fn deliver(&self, document: Vec<u8>) -> Result<(), NotDelivered> {
        let ended = || NotDelivered::Unavailable("the logger is ending".to_owned());
        let (answer, answered) = oneshot::channel();
        self.sender
            .send(Waiting { document, answer })
            .await
            .map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Batches {
    /// Posts batch after batch until `stop`. What waits then is answered as unavailable and read again by whoever
    /// consumes the partition next.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut kept = None;
        loop {
            let first = match kept.take() {
                Some(first) => first,
                None => tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    first = self.receiver.recv() => match first {
                        Some(first) => first,
                        None => return Ok(()),
                    },
                },
            };
            let batch;
            (batch, kept) = self.fill(first).await;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.post(batch) => {}
            }
        }
    }

    /// Collects a batch from its first document on. The document that would make it too large begins the next one.
    async fn fill(&mut self, first: Waiting) -> (Vec<Waiting>, Option<Waiting>) {
        let until = Instant::now() + self.limits.wait;
        let mut bytes = first.document.len();
        let mut batch = vec![first];
        while batch.len() < self.limits.documents && bytes < self.limits.bytes {
            match tokio::time::timeout_at(until, self.receiver.recv()).await {
                Ok(Some(next)) if bytes + next.document.len() > self.limits.bytes => {
                    return (batch, Some(next));
                }
                Ok(Some(next)) => {
                    bytes += next.document.len() + 1;
                    batch.push(next);
                }
                Ok(None) | Err(_) => break,
            }
        }
        (batch, None)
    }

    /// Posts a batch. If Logstash refuses it, its halves are tried, down to the single document that is at fault.
    async fn post(&mut self, batch: Vec<Waiting>) {
        let mut parts = VecDeque::from([batch]);
        while let Some(mut part) = parts.pop_front() {
            match self.logstash.post(json_array(&part)).await {
                Answer::Accepted => {
                    self.refused_in_row = 0;
                    finish(part, "delivered", &Ok(()));
                }
                Answer::Unavailable(reason) => {
                    // The other parts would fare the same.
                    let rest = part.into_iter().chain(parts.drain(..).flatten());
                    finish(rest, "unavailable", &Err(NotDelivered::Unavailable(reason)));
                }
                Answer::Refused(reason) if part.len() == 1 => self.refuse(part, reason),
                Answer::Refused(reason) => {
                    warn!(documents = part.len(), reason, "batch_split");
                    let second = part.split_off(part.len() / 2);
                    parts.push_front(second);
                    parts.push_front(part);
                }
            }
        }
    }

    fn refuse(&mut self, single: Vec<Waiting>, reason: String) {
        self.refused_in_row += 1;
        if self.refused_in_row <= REFUSED_IN_ROW {
            finish(single, "refused", &Err(NotDelivered::Refused(reason)));
            return;
        }
        if self.refused_in_row == REFUSED_IN_ROW + 1 {
            error!(reason, "breaker_opened");
        }
        let reason = format!("{reason} to every one of the last {REFUSED_IN_ROW} documents");
        finish(
            single,
            "unavailable",
            &Err(NotDelivered::Unavailable(reason)),
        );
    }
}

fn json_array(batch: &[Waiting]) -> Vec<u8> {
    let size = batch.iter().map(|w| w.document.len() + 1).sum::<usize>() + 1;
    let mut body = Vec::with_capacity(size);
    for (index, waiting) in batch.iter().enumerate() {
        body.push(if index == 0 { b'[' } else { b',' });
        body.extend_from_slice(&waiting.document);
    }
    body.push(b']');
    body
}

fn finish(
    batch: impl IntoIterator<Item = Waiting>,
    outcome: &'static str,
    result: &Result<(), NotDelivered>,
) {
    let mut count = 0;
    for waiting in batch {
        count += 1;
        // Nobody waits any more when the partition was revoked; its next owner reads the record again.
        let _ = waiting.answer.send(result.clone());
    }
    metrics::counter!("geobot_logstash_documents_total", "outcome" => outcome).increment(count);
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
