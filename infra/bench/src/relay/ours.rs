//! Through the bus, as a service does it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use chrono::Utc;
use geobot_shared::bus::{
    Consumer, ConsumerOptions, Event, Handled, Inbox, KafkaSettings, Producer,
};
use geobot_shared::topics::CreateUserIn;
use geobot_shared::topics::create_user_in::CreateUser;
use tokio_util::sync::CancellationToken;

use super::{Part, PartOptions};
use crate::usage;

struct App {
    producer: Producer,
    to: String,
    first: OnceLock<Instant>,
    left: AtomicU64,
    latencies: Option<Mutex<Vec<u32>>>,
    done: CancellationToken,
}

async fn create_user(app: Arc<App>, event: Event<CreateUser>) -> Handled {
    app.first.get_or_init(Instant::now);
    app.producer
        .publish_caused_to::<CreateUserIn>(&app.to, event.data, &event.cause, 0)
        .await?;
    if let Some(latencies) = &app.latencies {
        let took = (Utc::now() - event.at).num_microseconds().unwrap_or(0);
        latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(took.max(0) as u32);
    }
    if app.left.fetch_sub(1, Ordering::AcqRel) == 1 {
        app.done.cancel();
    }
    Ok(())
}

pub(super) async fn run(options: &PartOptions) -> anyhow::Result<Part> {
    let settings = KafkaSettings::plaintext(&options.brokers);
    let producer = Producer::new(&settings, "BENCH")?;
    let app = Arc::new(App {
        producer: producer.clone(),
        to: options.to.clone(),
        first: OnceLock::new(),
        left: AtomicU64::new(options.records),
        latencies: options.latencies.then(Mutex::default),
        done: CancellationToken::new(),
    });
    let inbox = Inbox::<App, CreateUserIn>::new().on(create_user);
    // Its own group, so that every run begins at the first record.
    let group: &'static str =
        Box::leak(format!("bench-{}-{}", options.to, std::process::id()).into_boxed_str());
    let consumer = Consumer::start_on(
        &[&options.from],
        &settings,
        producer,
        Arc::clone(&app),
        inbox,
        ConsumerOptions {
            group: Some(group),
            // The handlers do little and wait for Kafka only.
            lanes: 1,
            handlers_at_once: 2_048,
            ..ConsumerOptions::default()
        },
    )?;
    let cpu_before = usage::processor_time();
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    app.done.cancelled().await;
    let took = app
        .first
        .get()
        .map_or_else(Default::default, Instant::elapsed);
    let cpu = usage::processor_time().saturating_sub(cpu_before);
    stop.cancel();
    running.await??;
    let latencies = app.latencies.as_ref().map_or_else(Vec::new, |all| {
        std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner))
    });
    Ok(Part::of(took, cpu, latencies))
}
