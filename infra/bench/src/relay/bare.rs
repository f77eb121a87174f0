//! Bare librdkafka: one thread consumes, parses, builds anew and produces. Offsets are committed automatically,
//! deliveries are not awaited, keys are not kept in order by anybody: the most a loop that promises nothing can do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use geobot_shared::envelope::{self, Envelope};
use geobot_shared::topics::create_user_in::CreateUser;
use geobot_shared::topics::{Action, CreateUserIn, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Message};

use super::{Part, PartOptions};
use crate::usage;

/// Notes how long records took, when that is asked for; the opaque is the time written in the record.
#[derive(Clone)]
struct Latencies(Option<Arc<Mutex<Vec<u32>>>>);

impl ClientContext for Latencies {}

impl ProducerContext for Latencies {
    type DeliveryOpaque = usize;

    fn delivery(&self, _: &DeliveryResult<'_>, written: usize) {
        if let Some(all) = &self.0 {
            let took = Utc::now().timestamp_micros() - written as i64;
            all.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(took.max(0) as u32);
        }
    }
}

pub(super) fn run(options: &PartOptions) -> anyhow::Result<Part> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .set(
            "group.id",
            format!("bench-{}-{}", options.to, std::process::id()),
        )
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&[&options.from])?;
    let latencies = Latencies(options.latencies.then(Arc::default));
    let producer: BaseProducer<Latencies> = ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .create_with_context(latencies.clone())?;
    let cpu_before = usage::processor_time();
    let mut first = None;
    let mut done = 0;
    while done < options.records {
        let Some(message) = consumer.poll(Duration::from_millis(1)) else {
            producer.poll(Duration::ZERO);
            continue;
        };
        let message = message?;
        first.get_or_insert_with(Instant::now);
        let read = Envelope::parse(message.payload().unwrap_or_default())?;
        let event = CreateUserIn::from(CreateUser::decode(&read.data)?);
        let value = envelope::write(
            "BENCH",
            event.action(),
            &event.message(),
            Utc::now(),
            event.level(),
            &event.encode()?,
        )?;
        let key = event.key().unwrap_or_default();
        let written = read.timestamp.map_or(0, |at| at.timestamp_micros()) as usize;
        let mut record = BaseRecord::with_opaque_to(&options.to, written)
            .key(&key)
            .payload(&value);
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((error, back))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    record = back;
                    producer.poll(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
        done += 1;
        if options.latencies || done % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(60))?;
    let took = first.map_or_else(Default::default, |first| first.elapsed());
    let cpu = usage::processor_time().saturating_sub(cpu_before);
    let latencies = latencies.0.map_or_else(Vec::new, |all| {
        std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner))
    });
    Ok(Part::of(took, cpu, latencies))
}
