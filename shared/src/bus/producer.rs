//! Publishing: idempotent, acknowledged by all, many in flight, each awaited by whoever needs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::Producer as _;
use uuid::Uuid;

use super::connection::{Connection, Instance, Ready};
use super::dead_letter::DeadLetter;
use super::delivery::{Delivery, Slot};
use super::meters::ProducerMeters;
use super::{Cause, KafkaSettings, Outgoing, PublishError, outgoing};
use crate::topics::{InfoIn, Topic};

/// The producer of a service. Cheap to clone; all clones share one connection and one queue.
#[derive(Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

struct Inner {
    kafka: Arc<Connection>,
    service: Box<str>,
    meters: ProducerMeters,
}

/// How soon a full queue is tried again.
const QUEUE_FULL: Duration = Duration::from_millis(5);

impl Producer {
    /// Makes the producer of `service`, whose name stands in every record it writes. Does not wait for a connection.
    ///
    /// # Errors
    /// A setting that librdkafka does not take.
    pub fn new(settings: &KafkaSettings, service: &str) -> Result<Producer, KafkaError> {
        let client_id = format!("geobot-{}", service.to_lowercase());
        Producer::of(settings.producer(&client_id), service)
    }

    fn of(config: ClientConfig, service: &str) -> Result<Producer, KafkaError> {
        Ok(Producer {
            inner: Arc::new(Inner {
                kafka: Connection::new(config)?,
                service: service.into(),
                meters: ProducerMeters::new(),
            }),
        })
    }

    /// A second producer that gives no record up by itself. With a limit, a record may time out while the next one of
    /// its key arrives; a repeat would then come after it.
    ///
    /// # Errors
    /// A setting that librdkafka does not take.
    #[cfg(feature = "sql")]
    pub(crate) fn patient(&self) -> Result<Producer, KafkaError> {
        let mut config = self.inner.kafka.config().clone();
        config.set("delivery.timeout.ms", "0");
        Producer::of(config, self.service())
    }

    /// The name that stands in the records.
    pub fn service(&self) -> &str {
        &self.inner.service
    }

    /// Publishes an event and waits until Kafka has it. Dropping the future does not take the record back.
    ///
    /// # Errors
    /// [`PublishError`]; after `Unavailable` (30 s at most) the record may or may not be there.
    pub async fn publish<T: Topic>(
        &self,
        event: impl Into<T>,
        cause: &Cause,
    ) -> Result<(), PublishError> {
        self.publish_as(T::NAME, &event.into(), cause, Uuid::now_v7())
            .await
    }

    /// Publishes what a handler makes of the record it handles, the `index`-th of its action; see [`Cause::derive`].
    ///
    /// # Errors
    /// As [`Producer::publish`].
    pub async fn publish_caused<T: Topic>(
        &self,
        event: impl Into<T>,
        cause: &Cause,
        index: u32,
    ) -> Result<(), PublishError> {
        self.publish_caused_to::<T>(T::NAME, event, cause, index)
            .await
    }

    /// As [`Producer::publish_caused`], to a topic that carries the same records under another name.
    ///
    /// # Errors
    /// As [`Producer::publish`].
    pub async fn publish_caused_to<T: Topic>(
        &self,
        topic: &str,
        event: impl Into<T>,
        cause: &Cause,
        index: u32,
    ) -> Result<(), PublishError> {
        let event = event.into();
        let id = cause.derive(T::NAME, event.action(), index);
        self.publish_as(topic, &event, cause, id).await
    }

    async fn publish_as<T: Topic>(
        &self,
        topic: &str,
        event: &T,
        cause: &Cause,
        id: Uuid,
    ) -> Result<(), PublishError> {
        let began = ProducerMeters::round_trip_begins();
        let connection = self.inner.kafka.now();
        let sent = {
            let value = outgoing::value(self.service(), event, Utc::now())?;
            let headers = outgoing::with_headers(cause, id, |pairs| {
                headers(pairs.iter().map(|(k, v)| (*k, v.as_bytes())))
            });
            let key = event.key();
            let key = key.as_deref().map(str::as_bytes);
            send_now(&connection, topic, key, &value, headers)
                .map_err(|unsent| unsent.keep(topic, key, &value))
        };
        let delivery = match sent {
            Ok(delivery) => Ok(delivery),
            Err(kept) => Box::pin(send_when_there_is_room(&connection, kept)).await,
        };
        drop(connection);
        self.answer(topic, began, delivery).await
    }

    /// Publishes a ready record and waits until Kafka has it.
    ///
    /// # Errors
    /// As [`Producer::publish`].
    pub async fn send(&self, outgoing: &Outgoing) -> Result<(), PublishError> {
        let began = ProducerMeters::round_trip_begins();
        let delivery = enqueue(&self.inner.kafka.now(), outgoing).await;
        self.answer(&outgoing.topic, began, delivery).await
    }

    /// Publishes ready records in their order, many in flight, and waits for all of them. The n-th answer belongs to
    /// the n-th record. All go through one connection: if that is given up meanwhile, none of a key overtakes another.
    pub async fn send_all(&self, records: &[Outgoing]) -> Vec<Result<(), PublishError>> {
        let connection = self.inner.kafka.now();
        let mut deliveries = Vec::with_capacity(records.len());
        for outgoing in records {
            let began = ProducerMeters::round_trip_begins();
            deliveries.push((began, enqueue(&connection, outgoing).await));
        }
        drop(connection);
        let mut results = Vec::with_capacity(records.len());
        for (outgoing, (began, delivery)) in records.iter().zip(deliveries) {
            results.push(self.answer(&outgoing.topic, began, delivery).await);
        }
        results
    }

    /// Publishes a dead letter and waits until Kafka has it. Its bytes need not be text.
    pub(super) async fn send_letter(&self, letter: &DeadLetter) -> Result<(), PublishError> {
        let began = ProducerMeters::round_trip_begins();
        let headers = headers(
            letter
                .headers
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_slice())),
        );
        let (key, value) = (letter.key.as_deref(), &letter.value);
        let delivery = push(&self.inner.kafka.now(), &letter.topic, key, value, headers).await;
        self.answer(&letter.topic, began, delivery).await
    }

    async fn answer(
        &self,
        topic: &str,
        began: Option<Instant>,
        delivery: Result<Delivery, PublishError>,
    ) -> Result<(), PublishError> {
        let result = match delivery {
            Ok(delivery) => delivery
                .await
                .map_err(|error| PublishError::from_kafka(topic, error)),
            Err(error) => Err(error),
        };
        let meters = &self.inner.meters;
        meters.published(topic, result.is_ok(), began);
        result
    }

    /// How often its connection was given up for a new one: after a fatal error, or because Kafka was wiped.
    pub fn replaced(&self) -> u64 {
        self.inner.kafka.replaced()
    }

    /// Brings the gauge of the queue up to date.
    pub(super) fn report(&self) {
        let queue = self.inner.kafka.now().kafka().in_flight_count();
        self.inner.meters.queue.set(f64::from(queue));
    }

    /// Whether Kafka answers now.
    ///
    /// # Errors
    /// What librdkafka says, within 2 s.
    pub async fn probe(&self) -> Result<(), String> {
        self.report();
        let connection = self.inner.kafka.now();
        let answer = tokio::task::spawn_blocking(move || {
            connection
                .kafka()
                .client()
                .fetch_metadata(Some(InfoIn::NAME), Duration::from_secs(2))
                .map(|_| ())
        });
        match answer.await {
            Ok(result) => result.map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        }
    }

    /// Waits until everything handed over is acknowledged, at most `limit`.
    ///
    /// # Errors
    /// When the limit is over first.
    pub async fn flush(&self, limit: Duration) -> Result<(), KafkaError> {
        let connection = self.inner.kafka.now();
        match tokio::task::spawn_blocking(move || connection.kafka().flush(limit)).await {
            Ok(result) => result,
            Err(_) => Err(KafkaError::Canceled),
        }
    }
}

async fn enqueue(connection: &Instance, outgoing: &Outgoing) -> Result<Delivery, PublishError> {
    let headers = headers(
        outgoing
            .headers
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_bytes())),
    );
    let key = outgoing.key.as_deref().map(str::as_bytes);
    push(connection, &outgoing.topic, key, &outgoing.value, headers).await
}

async fn push(
    connection: &Instance,
    topic: &str,
    key: Option<&[u8]>,
    value: &[u8],
    headers: OwnedHeaders,
) -> Result<Delivery, PublishError> {
    match send_now(connection, topic, key, value, headers) {
        Ok(delivery) => Ok(delivery),
        Err(unsent) => {
            let kept = unsent.keep(topic, key, value);
            Box::pin(send_when_there_is_room(connection, kept)).await
        }
    }
}

/// Hands a record to librdkafka's queue.
fn send_now(
    connection: &Instance,
    topic: &str,
    key: Option<&[u8]>,
    value: &[u8],
    headers: OwnedHeaders,
) -> Result<Delivery, Unsent> {
    let slot = Arc::<Slot>::default();
    let mut record: Ready<'_> = Ready::with_opaque_to(topic, Arc::clone(&slot))
        .payload(value)
        .headers(headers);
    if let Some(key) = key {
        record = record.key(key);
    }
    match connection.send(record) {
        Ok(()) => Ok(Delivery(slot)),
        Err((error, back)) => Err(Unsent {
            error,
            headers: back.headers,
        }),
    }
}

/// A full queue is waited for: it is back-pressure, not an error.
async fn send_when_there_is_room(
    connection: &Instance,
    mut kept: Kept,
) -> Result<Delivery, PublishError> {
    loop {
        let error = kept.unsent.error;
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
            return Err(PublishError::from_kafka(&kept.topic, error));
        }
        tokio::time::sleep(QUEUE_FULL).await;
        let headers = kept.unsent.headers.unwrap_or_default();
        let key = kept.key.as_deref();
        match send_now(connection, &kept.topic, key, &kept.value, headers) {
            Ok(delivery) => return Ok(delivery),
            Err(unsent) => kept.unsent = unsent,
        }
    }
}

/// What librdkafka gave back.
struct Unsent {
    error: KafkaError,
    headers: Option<OwnedHeaders>,
}

/// A record that waits for room in the queue.
struct Kept {
    topic: String,
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    unsent: Unsent,
}

impl Unsent {
    fn keep(self, topic: &str, key: Option<&[u8]>, value: &[u8]) -> Kept {
        Kept {
            topic: topic.to_owned(),
            key: key.map(<[u8]>::to_vec),
            value: value.to_vec(),
            unsent: self,
        }
    }
}

fn headers<'a>(pairs: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new_with_capacity(pairs.len());
    for (key, value) in pairs {
        headers = headers.insert(Header {
            key,
            value: Some(value),
        });
    }
    headers
}
