//! The logger: carries every event of `info_in` to Logstash.
//!
//! - **In**: `info_in`, every action. **Out**: JSON arrays over HTTP to Logstash; `tg_notify` `staff_alert` for events
//!   of level error; `info_in.dlq`.
//! - **Stores** nothing.
//! - **Promises**: an event is committed only after Logstash has answered 2xx for it (D1). Logstash down, busy or
//!   refusing our password: consumption pauses and nothing is lost (D5). A document that Logstash refuses goes to the
//!   dead letters alone, its neighbours reach Logstash. Events of one key arrive in their order (D2). A request that
//!   times out may have been taken: its events then arrive twice. Alerts are best effort and hold nothing up.

mod alerts;
mod batch;
mod document;
mod inbox;
mod logstash;
mod settings;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use geobot_shared::bus::{Bus, ConsumerOptions};
use geobot_shared::http::{self, Health};
use geobot_shared::lifecycle::{Lifecycle, Step};
use geobot_shared::{config, telemetry};
use tracing::info;

use crate::alerts::Alerts;
use crate::batch::{Batcher, Limits};
use crate::logstash::Logstash;
use crate::settings::Settings;

/// What the handlers need.
pub(crate) struct App {
    batcher: Batcher,
    alerts: Arc<Alerts>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings: Settings = config::load();
    telemetry::start(settings.stack.log_format);
    info!(?settings, "settings_loaded");
    let logstash = match settings.logstash() {
        Ok(logstash) => Arc::new(logstash),
        Err(error) => config::refuse(&error.to_string()),
    };

    // Before anything else begins: a second copy started by mistake must not join in for a moment.
    let listener = http::bind(settings.listen, "LOGGER_LISTEN").await;
    let life = Lifecycle::new();
    let mut bus = match Bus::connect(&settings.kafka, "LOGGING", &life).await {
        Ok(bus) => bus,
        Err(error) => error.exit(),
    };
    let (batcher, batches) = batch::new(Arc::clone(&logstash), Limits::default());
    life.spawn(Step::Services, "batches", |stop| batches.run(stop));
    let alerts = Alerts::new();
    let (told, producer) = (Arc::clone(&alerts), bus.producer());
    life.spawn(Step::Services, "alerts", |stop| told.run(producer, stop));
    let app = Arc::new(App { batcher, alerts });
    if let Err(error) = bus.consume(&app, inbox::info_in::handlers(), ConsumerOptions::default()) {
        config::refuse(&error.to_string());
    }

    let health = bus.health(Health::new(life.stopping())).needs("logstash", {
        let logstash = Arc::clone(&logstash);
        move || Logstash::check(Arc::clone(&logstash))
    });
    life.spawn(Step::Intake, "http", |stop| {
        http::serve(listener, health.routes(), stop)
    });
    let producer = bus.producer();
    life.run(async move {
        let _ = producer.flush(Duration::from_secs(1)).await;
    })
    .await
}
