//! Delivery reports for ARM, in batches that name each recipient. Whoever reports waits until Kafka has the batch.

use std::time::Duration;

use geobot_shared::bus::{Cause, HandleError, Handled, Producer};
use geobot_shared::topics::ArmSyncTg;
use geobot_shared::topics::arm_sync_tg::{DeliveryOutcome, DeliveryReport};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Outcomes in one record, at most.
const BATCH: usize = 100;
/// How long the first outcome of a batch waits for others.
const WAIT: Duration = Duration::from_millis(50);

type Waiting = (DeliveryOutcome, oneshot::Sender<Result<(), String>>);

/// Where outcomes are handed in. Cheap to clone.
#[derive(Clone)]
pub struct Reports {
    sender: mpsc::Sender<Waiting>,
}

/// The other end: makes batches of what is handed in.
pub struct Batcher {
    receiver: mpsc::Receiver<Waiting>,
    producer: Producer,
}

/// Both ends.
pub fn channel(producer: Producer) -> (Reports, Batcher) {
    let (sender, receiver) = mpsc::channel(4 * BATCH);
    (Reports { sender }, Batcher { receiver, producer })
}

impl Reports {
    /// Reports an outcome and waits until it is in Kafka.
    ///
    /// # Errors
    /// When Kafka does not take it: the record it belongs to is then handled again, and reports again.
    pub async fn report(&self, outcome: DeliveryOutcome) -> Handled {
        let (done, answer) = oneshot::channel();
        let gone = || HandleError::unavailable("kafka", "the reports have ended");
        self.sender
            .send((outcome, done))
            .await
            .map_err(|_| gone())?;
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(HandleError::unavailable("kafka", why)),
            Err(_) => Err(gone()),
        }
    }
}

impl Batcher {
    /// Publishes batches until `stop`, and what was handed in before.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                first = self.receiver.recv() => first,
                () = stop.cancelled() => None,
            };
            let Some(first) = first else { return };
            let mut batch = vec![first];
            let end = tokio::time::Instant::now() + WAIT;
            while batch.len() < BATCH {
                match tokio::time::timeout_at(end, self.receiver.recv()).await {
                    Ok(Some(next)) => batch.push(next),
                    Ok(None) | Err(_) => break,
                }
            }
            self.publish(batch).await;
        }
    }

    async fn publish(&self, batch: Vec<Waiting>) {
        let (deliveries, waiting): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let report = DeliveryReport { deliveries };
        let result = self
            .producer
            .publish::<ArmSyncTg>(report, &Cause::new_story())
            .await;
        let result = result.map_err(|e| e.to_string());
        for done in waiting {
            let _ = done.send(result.clone());
        }
    }
}
