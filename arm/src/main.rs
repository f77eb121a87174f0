//! ARM, the staff workplace: users, payments, messages, products, tasks.
//!
//! - Topics in: `create_user_in`, `update_user_in` (the older graph), `arm_sync_lk` and `arm_sync_tg` (also under the
//!   names `orm_sync_lk`, `orm_sync_tg`), `worker_done_orm`.
//! - Topics out, all through the outbox: `lk_sync_orm` (products, keys for their stocks, promo codes, decisions about
//!   payments and people, answers, the wish for a snapshot), `tg_send` (answers), `tg_notify`
//!   (maintenance, a person's city), `worker_start_orm` (jobs), `info_in`.
//! - Serves: pages for staff, a JSON API under `/api` (bearer token), `/health/live`, `/health/ready`, `/metrics`.
//! - Stores (SQLite or PostgreSQL): staff, sessions, products, promo codes, messages, tasks, audit as its own truth;
//!   users, invoices, entitlements and stocks as LK says, by version; what the bot said of payments and messages. Keys
//!   for a stock are in the outbox until LK has them, and nowhere else.
//! - Promises: a record and what it changes are one transaction with its mark, so a repeat changes nothing; an older
//!   version never overwrites a newer; a product and the record about it are one transaction; roles are enforced here,
//!   not in the pages; a job that no worker answers is handed out again.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use geobot_arm::access::Role;
use geobot_arm::app::App;
use geobot_arm::config::{SHORTEST_PASSWORD, Settings};
use geobot_arm::passwords::{PasswordError, Passwords};
use geobot_arm::store::{self, staff};
use geobot_arm::{inbox, jobs, maintenance, web};
use geobot_shared::bus::outbox::Outbox;
use geobot_shared::bus::{Bus, Cause, ConsumerOptions};
use geobot_shared::files::FileStore;
use geobot_shared::http::{self, Health};
use geobot_shared::lifecycle::{Lifecycle, Step};
use geobot_shared::topics::LkSyncOrm;
use geobot_shared::topics::lk_sync_orm::SnapshotRequested;
use geobot_shared::{config, sql, telemetry};
use sea_orm::DatabaseConnection;
use secrecy::ExposeSecret;
use tracing::{error, info};

#[tokio::main]
async fn main() -> ExitCode {
    let settings: Settings = config::load();
    telemetry::start(settings.stack.log_format);
    info!(?settings, "settings_loaded");
    match run(settings).await {
        Ok(code) => code,
        Err(error) => {
            error!(error = format!("{error:#}"), "start_failed");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let api_token = settings
        .checked_api_token()
        .unwrap_or_else(|why| config::refuse(&why));
    http::start_metrics();
    // Before anything else begins: a second copy started by mistake must not join in for a moment.
    let listener = http::bind(settings.listen, "ARM_LISTEN").await;
    let life = Lifecycle::new();
    let mut bus = Bus::connect(&settings.kafka, "ARM", &life)
        .await
        .unwrap_or_else(|error| error.exit());

    let url = settings.database_url.expose_secret();
    let url = sql::database_url(url.trim(), &settings.stack.data_dir(), "arm.sqlite")?;
    let db = sql::connect(&url).await?;
    store::migrate(&db).await?;
    let passwords = Passwords::new()?;
    let producer = bus.producer();
    let outbox = Outbox::new(producer.clone());
    first_start(&settings, &db, &passwords, &outbox).await?;

    let relay = (outbox.clone(), db.clone());
    life.spawn(Step::Services, "outbox", |stop| async move {
        relay.0.run(relay.1, stop).await;
        Ok::<(), String>(())
    });

    let files = FileStore::new(settings.stack.files_dir());
    match files.sweep(std::time::SystemTime::now()).await {
        Ok(0) => {}
        Ok(parts) => info!(parts, "abandoned_files_removed"),
        Err(error) => config::refuse(&format!("FILES_DIR can't be read: {error}")),
    }
    let app = App::new(
        db.clone(),
        outbox,
        api_token,
        files,
        passwords,
        settings.zone(),
        settings.unanswered_after(),
    )?;
    let upkeep = Arc::clone(&app);
    life.spawn(Step::Services, "jobs", |stop| async move {
        jobs::look_after(upkeep, stop).await;
        Ok::<(), String>(())
    });
    let reminded = Arc::clone(&app);
    life.spawn(Step::Services, "maintenance", |stop| async move {
        maintenance::remind(reminded, stop).await;
        Ok::<(), String>(())
    });
    let options = ConsumerOptions::default;
    bus.consume(&app, inbox::create_user_in::handlers(), options())?;
    bus.consume(&app, inbox::update_user_in::handlers(), options())?;
    bus.consume(&app, inbox::arm_sync_lk::handlers(), options())?;
    bus.consume(&app, inbox::arm_sync_tg::handlers(), options())?;
    bus.consume(&app, inbox::worker_done_orm::handlers(), options())?;

    let health = bus.health(Health::new(life.stopping()));
    let health = health.needs("database", move || {
        let db = db.clone();
        async move { db.ping().await.map_err(|error| error.to_string()) }
    });
    let routes = web::routes(&app).merge(health.routes());
    life.spawn(Step::Intake, "http", |stop| {
        http::serve(listener, routes, stop)
    });

    let code = life.run(async move {
        if let Err(error) = producer.flush(std::time::Duration::from_secs(1)).await {
            error!(%error, "flush_failed");
        }
    });
    Ok(code.await)
}

/// While there is no staff at all: makes the owner's account, and asks LK for all it knows, which a new database lacks.
async fn first_start(
    settings: &Settings,
    db: &DatabaseConnection,
    passwords: &Passwords,
    outbox: &Outbox,
) -> anyhow::Result<()> {
    if staff::count(db).await? > 0 {
        return Ok(());
    }
    let login = staff::normal(&settings.owner_login);
    if !staff::is_login(&login) {
        config::refuse("ARM_OWNER_LOGIN must be 2 to 64 letters, digits and . _ - @");
    }
    let hash = match passwords
        .hash(settings.owner_password.expose_secret())
        .await
    {
        Ok(hash) => hash,
        Err(PasswordError::Length) => config::refuse(&format!(
            "ARM_OWNER_PASSWORD must have at least {SHORTEST_PASSWORD} characters: there is no staff account yet"
        )),
        Err(error) => return Err(error.into()),
    };
    let (now, cause) = (Utc::now(), Cause::new_story());
    let transaction = sql::begin(db).await?;
    staff::create(&transaction, &login, &hash, Role::Owner, now).await?;
    outbox
        .put::<LkSyncOrm>(&transaction, SnapshotRequested {}, &cause, 0, now)
        .await?;
    transaction.commit().await?;
    info!(login, "first_account_created");
    Ok(())
}
