//! The process of LK: settings, database, bus, upkeep, HTTP. What the service is and promises stands in `lib.rs`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use geobot_lk::app::App;
use geobot_lk::settings::Settings;
use geobot_lk::{inbox, store, upkeep, web};
use geobot_shared::bus::outbox::Outbox;
use geobot_shared::bus::{Bus, ConsumerOptions};
use geobot_shared::http::Health;
use geobot_shared::lifecycle::{Lifecycle, Step};
use geobot_shared::{config, http, telemetry};
use tracing::info;

/// Records of one topic that are worked on at once. They share SQLite's one writing connection with the callbacks, each
/// of which waits for all that came before it: more at once make nothing faster and every payment later.
const HANDLERS_AT_ONCE: usize = 32;

#[tokio::main]
async fn main() -> ExitCode {
    let settings: Settings = config::load();
    let checked = match settings.check() {
        Ok(checked) => checked,
        Err(error) => config::refuse(&error.to_string()),
    };
    telemetry::start(settings.stack.log_format);
    info!(?settings, "settings_loaded");

    // Before anything else begins: a second copy started by mistake must not join in for a moment.
    let listener = http::bind(settings.listen, "LK_LISTEN").await;
    let life = Lifecycle::new();
    let db = match store::open(&settings).await {
        Ok(db) => db,
        Err(error) => config::refuse(&error.to_string()),
    };
    let mut bus = match Bus::connect(&settings.kafka, "LK", &life).await {
        Ok(bus) => bus,
        Err(error) => error.exit(),
    };
    let producer = bus.producer();
    let outbox = Outbox::new(producer.clone());
    let app = Arc::new(match App::new(checked, db.clone(), outbox, producer) {
        Ok(app) => app,
        Err(error) => config::refuse(&error.to_string()),
    });

    life.spawn(Step::Services, "outbox", |stop| {
        let (outbox, db) = (app.outbox.clone(), db.clone());
        async move {
            outbox.run(db, stop).await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    life.spawn(Step::Intake, "upkeep", |stop| {
        upkeep::run(Arc::clone(&app), stop)
    });
    let options = ConsumerOptions {
        handlers_at_once: HANDLERS_AT_ONCE,
        ..ConsumerOptions::default()
    };
    let consuming = bus
        .consume(&app, inbox::lk_sync_tg::handlers(), options.clone())
        .and_then(|()| bus.consume(&app, inbox::lk_sync_orm::handlers(), options));
    if let Err(error) = consuming {
        config::refuse(&error.to_string());
    }

    let health = bus.health(Health::new(life.stopping()));
    let health = health.needs("database", move || store::ping(db.clone()));
    let routes = web::routes(Arc::clone(&app)).merge(health.routes());
    life.spawn(Step::Intake, "http", |stop| {
        http::serve(listener, routes, stop)
    });
    life.run(async move {
        let _ = app.producer.flush(Duration::from_secs(2)).await;
    })
    .await
}
