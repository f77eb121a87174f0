//! geobot-bot: see the library of this crate.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chrono::Utc;
use geobot_bot::app::App;
use geobot_bot::digest::Teller;
use geobot_bot::settings::Settings;
use geobot_bot::store::Store;
use geobot_bot::telegram::api::Api;
use geobot_bot::telegram::download::Downloads;
use geobot_bot::telegram::polling::{LastAnswer, Poller};
use geobot_bot::telegram::sender::Sender;
use geobot_bot::telegram::{start, watch, webhook};
use geobot_bot::{fill, inbox, reports, texts};
use geobot_shared::bus::{Bus, ConsumerOptions};
use geobot_shared::files::FileStore;
use geobot_shared::http::{self, Health};
use geobot_shared::lifecycle::{Lifecycle, Step};
use geobot_shared::{config, telemetry};
use tokio::sync::Notify;
use tracing::{info, warn};

/// Bulk waits for its turn in Kafka and not in memory: a few seconds' worth is taken at a time.
const BULK_IN_FLIGHT: usize = 200;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = config::load();
    telemetry::start(settings.stack.log_format);
    let checked = settings.check();
    info!(?settings, "settings_loaded");

    // Before anything else begins: a second copy started by mistake must not join in for a moment.
    let listener = http::bind(settings.listen, "BOT_LISTEN").await;
    let life = Lifecycle::new();
    let store = Store::open(&settings.redis_url)
        .unwrap_or_else(|e| config::refuse(&format!("REDIS_URL: {e}")));
    let http = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .build()?;
    let token = settings.stack.token();
    let api = Api::new(&checked.telegram_api_url, &token)?;
    let texts = texts::load()?;

    let (bot_id, name) = match start::who_am_i(&api, &life.stopping()).await {
        Ok(me) => me,
        Err(start::StartFailure::WrongToken) => {
            config::refuse(&start::StartFailure::WrongToken.to_string())
        }
        Err(start::StartFailure::Stopped) => return Ok(ExitCode::SUCCESS),
    };
    info!(bot_id, name, "telegram_reached");
    start::introduce(&api, checked.webhook.as_ref(), &texts).await;

    let mut bus = match Bus::connect(&settings.kafka, "TG", &life).await {
        Ok(bus) => bus,
        Err(error) => error.exit(),
    };
    let producer = bus.producer();
    let living = store.clone();
    // Before anything is sent: a claim without a sign of life counts as abandoned.
    if let Err(error) = living.show_life().await {
        warn!(%error, "sign_of_life_failed");
    }
    life.spawn(Step::Services, "life", |stop| async move {
        living.live(stop).await;
        Ok::<(), std::convert::Infallible>(())
    });
    let (reports, batcher) = reports::channel(producer.clone());
    life.spawn(Step::Services, "reports", |stop| async move {
        batcher.run(stop).await;
        Ok::<(), std::convert::Infallible>(())
    });
    let files = FileStore::new(settings.stack.files_dir());
    let downloads = Downloads::new(
        api.clone(),
        http.clone(),
        &checked.telegram_api_url,
        &token,
        files.clone(),
    );
    let staff = checked.staff;
    let app = Arc::new(App {
        reports,
        downloads,
        location: settings.location,
        offset: checked.offset,
        staff_is_told: !staff.chats.is_empty(),
        sender: Sender::new(api, store.clone(), Some(checked.limits), files)
            .with_quiet_hours(checked.quiet),
        store: store.clone(),
        producer: producer.clone(),
        texts,
        shop: checked.shop,
        keys: checked.keys,
    });
    bus.consume(
        &app,
        inbox::tg_updates::handlers(),
        ConsumerOptions::default(),
    )?;
    bus.consume(&app, inbox::tg_send::handlers(), ConsumerOptions::default())?;
    bus.consume(
        &app,
        inbox::tg_send_bulk::handlers(),
        ConsumerOptions {
            records_in_flight: BULK_IN_FLIGHT,
            ..ConsumerOptions::default()
        },
    )?;
    bus.consume(
        &app,
        inbox::tg_send_bulk::control(),
        inbox::tg_send_bulk::control_options(),
    )?;
    bus.consume(
        &app,
        inbox::tg_notify::handlers(),
        ConsumerOptions::default(),
    )?;
    bus.consume(
        &app,
        inbox::tg_robokassa::handlers(),
        ConsumerOptions::default(),
    )?;

    let wanted = checked.webhook.clone();
    let look = Arc::new(Notify::new());
    let met = Arc::clone(&look);
    let (watched, alerts) = (app.sender.api().clone(), producer.clone());
    life.spawn(Step::Services, "webhook watch", |stop| async move {
        watch::run(&watched, wanted, &met, &alerts, stop).await;
        Ok::<(), std::convert::Infallible>(())
    });

    if app.staff_is_told {
        let telling = Arc::clone(&app);
        life.spawn(Step::Services, "staff digest", |stop| async move {
            let teller = Teller {
                store: &telling.store,
                sender: &telling.sender,
                texts: &telling.texts,
                offset: telling.offset,
                staff: &staff,
            };
            teller.run(stop).await;
            Ok::<(), std::convert::Infallible>(())
        });
    }

    let (filled, asking) = (store.clone(), producer.clone());
    life.spawn(Step::Services, "fill", |stop| async move {
        fill::run(&filled, &asking, stop).await;
        Ok::<(), std::convert::Infallible>(())
    });

    let redis = store.clone();
    let mut health = bus
        .health(Health::new(life.stopping()))
        .needs("redis", move || {
            let store = redis.clone();
            async move { store.probe().await }
        });
    let mut routes = Router::new();
    match checked.webhook {
        Some(hook) => {
            routes = webhook::routes(webhook::Hook {
                secret: hook.secret,
                bot_id,
                producer: producer.clone(),
            });
        }
        None => {
            let last_answer = LastAnswer::default();
            let poller = Poller {
                last_answer: last_answer.clone(),
                store: store.clone(),
                http,
                api: checked.telegram_api_url,
                token,
                bot_id,
                producer: producer.clone(),
                look,
            };
            life.spawn(Step::Intake, "polling", |stop| async move {
                poller.run(stop).await;
                Ok::<(), std::convert::Infallible>(())
            });
            health = health.needs("telegram", move || {
                let answer = last_answer.check(Utc::now());
                async move { answer }
            });
        }
    }
    life.spawn(Step::Intake, "http", |stop| {
        http::serve(listener, routes.merge(health.routes()), stop)
    });
    Ok(life
        .run(async move {
            let _ = producer.flush(Duration::from_secs(2)).await;
        })
        .await)
}
