//! A service with a database and an outbox, as a process: it enters rows and relays them, and goes on where the one
//! before it was killed.

use std::path::{Path, PathBuf};

use chrono::Utc;
use geobot_shared::bus::outbox::{self, Outbox};
use geobot_shared::bus::{Cause, KafkaSettings, Outgoing, Producer, dedupe};
use geobot_shared::sql;
use geobot_shared::topics::CreateUserIn;
use geobot_shared::topics::create_user_in::CreateUser;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Schema};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::member::spawn;
use super::{KEYS, check};

#[derive(clap::Args)]
pub(crate) struct ServiceOptions {
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    to: String,
    #[arg(long)]
    database: PathBuf,
    #[arg(long)]
    records: u64,
}

/// Rows of one transaction.
const ROWS: u64 = 50;

pub(crate) async fn run(options: ServiceOptions) -> anyhow::Result<()> {
    let db = sql::connect(&format!("sqlite://{}?mode=rwc", options.database.display())).await?;
    let schema = Schema::new(db.get_database_backend());
    for mut table in [
        schema.create_table_from_entity(outbox::Entity),
        schema.create_table_from_entity(dedupe::Entity),
    ] {
        db.execute(table.if_not_exists()).await?;
    }
    db.execute_unprepared("CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (published_at, id)")
        .await?;
    let producer = Producer::new(&KafkaSettings::plaintext(&options.brokers), "CHAOS")?;
    let outbox = Outbox::new(producer);
    let relay = tokio::spawn({
        let (outbox, db) = (outbox.clone(), db.clone());
        async move { outbox.run(db, CancellationToken::new()).await }
    });
    // Each transaction has its rows or none of them.
    let mut entered = outbox::Entity::find().count(&db).await?;
    while entered < options.records {
        let transaction = sql::begin(&db).await?;
        for n in entered..(entered + ROWS).min(options.records) {
            let event = CreateUserIn::from(CreateUser {
                fields: check::fields(n, KEYS),
            });
            // Not random: the same number has the same message-id, so that a second row for it would show.
            let cause = Cause {
                message_id: format!("number-{n}"),
                correlation_id: format!("number-{n}"),
                traceparent: None,
            };
            let mut record = Outgoing::caused("CHAOS", &event, &cause, 0, Utc::now())?;
            record.topic.clone_from(&options.to);
            outbox.put_record(&transaction, record, Utc::now()).await?;
        }
        transaction.commit().await?;
        outbox.wake();
        entered = (entered + ROWS).min(options.records);
    }
    relay.await?;
    Ok(())
}

/// The process.
pub(super) struct OutboxService(Child);

impl OutboxService {
    pub(super) fn start(
        brokers: &str,
        to: &str,
        database: &Path,
        records: u64,
    ) -> anyhow::Result<OutboxService> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("chaos-service")
            .args(["--brokers", brokers, "--to", to])
            .arg("--database")
            .arg(database)
            .args(["--records", &records.to_string()]);
        Ok(OutboxService(spawn(&mut command)?))
    }

    /// SIGKILL.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.0.kill().await?)
    }
}
