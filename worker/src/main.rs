//! The worker: does the heavy jobs. WORKER_0, WORKER_1 and further ones are members of one group and share the work.
//!
//! - **In**: `worker_start_orm` (jobs from ARM), `task_in` (the older way, from LK).
//! - **Out**: `worker_done_orm` (how jobs go), `info_in`.
//! - **Calls** the addresses of webhook products.
//! - **Stores** nothing: a job that was not finished is handed out again.
//! - **Promises**: every task is answered: done, or failed with a reason. A kind of job that is not known here is
//!   answered as failed at once. A receiver that is down holds up its own call only.

mod cities;
mod inbox;
mod jobs;
mod settings;
mod webhook;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use geobot_shared::bus::{Bus, ConsumerOptions, Producer, StartError};
use geobot_shared::http::{self, Health};
use geobot_shared::lifecycle::{Lifecycle, Step};
use geobot_shared::{config, telemetry};
use tracing::{info, warn};

use crate::cities::Cities;
use crate::jobs::Jobs;
use crate::settings::Settings;
use crate::webhook::{Caller, Retries};

/// What the handlers need.
pub(crate) struct App {
    producer: Producer,
    jobs: Jobs,
    /// Absent without a key.
    webhooks: Option<Caller>,
    retries: Retries,
    cities: Cities,
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings: Settings = config::load();
    telemetry::start(settings.log_format);
    info!(?settings, "settings_loaded");
    let webhooks = match settings.caller() {
        Ok(caller) => caller,
        Err(error) => config::refuse(&error),
    };
    if webhooks.is_none() {
        warn!("WEBHOOK_KEY is empty: webhooks are answered as failed");
    }

    // Before anything else begins: a second copy started by mistake must not join in for a moment.
    let listener = http::bind(settings.listen(), "WORKER_LISTEN").await;
    let life = Lifecycle::new();
    let name = settings.worker_name.to_string();
    let mut bus = match Bus::connect(&settings.kafka, &name, &life).await {
        Ok(bus) => bus,
        Err(error) => error.exit(),
    };
    let app = Arc::new(App {
        producer: bus.producer(),
        jobs: Jobs::known(),
        webhooks,
        retries: settings.retries(),
        cities: Cities::default(),
    });
    if let Err(error) = consume(&mut bus, &app) {
        config::refuse(&error.to_string());
    }

    let health = bus.health(Health::new(life.stopping()));
    life.spawn(Step::Intake, "http", |stop| {
        http::serve(listener, health.routes(), stop)
    });
    life.run(async move {
        let _ = app.producer.flush(Duration::from_secs(1)).await;
    })
    .await
}

fn consume(bus: &mut Bus, app: &Arc<App>) -> Result<(), StartError> {
    // All workers are one group, whatever their names.
    let options = ConsumerOptions {
        group: Some("worker"),
        ..ConsumerOptions::default()
    };
    bus.consume(app, inbox::task_in::handlers(), options.clone())?;
    bus.consume(app, inbox::worker_start_orm::handlers(), options)
}
