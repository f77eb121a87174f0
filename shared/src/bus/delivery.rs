//! Awaiting Kafka's acknowledgement of one record.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use rdkafka::error::KafkaError;

/// Where the answer about one record goes.
#[derive(Default)]
pub(super) struct Slot {
    filled: AtomicBool,
    waker: AtomicWaker,
    error: Mutex<Option<KafkaError>>,
}

impl Slot {
    pub(super) fn fill(&self, error: Option<KafkaError>) {
        if error.is_some() {
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
        }
        self.filled.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn take(&self) -> Option<Result<(), KafkaError>> {
        if !self.filled.load(Ordering::Acquire) {
            return None;
        }
        let error = self
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Some(error.map_or(Ok(()), Err))
    }
}

/// Resolves when Kafka has the record, or never will.
pub(super) struct Delivery(pub(super) Arc<Slot>);

impl Future for Delivery {
    type Output = Result<(), KafkaError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(result) = self.0.take() {
            return Poll::Ready(result);
        }
        self.0.waker.register(context.waker());
        // It may have come between the look and the registration.
        match self.0.take() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}
