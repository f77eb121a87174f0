//! What every part of LK works with.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::Outbox;
use geobot_shared::bus::{Cause, Producer, dedupe};
use geobot_shared::i18n::{Texts, TextsError};
use geobot_shared::sql;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};
use tokio::sync::Semaphore;

use crate::gateways::robokassa::{ClientError, Robokassa};
use crate::payment::forged::ForgedSamples;
use crate::payment::gateway::PaymentGateway;
use crate::payment::group;
use crate::settings::Checked;

/// Callbacks that are worked on at once; what comes beyond is asked to come again.
const CALLBACKS_AT_ONCE: usize = 256;

/// Why the service can't be put together; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The Fluent files are broken, a mistake of the build.
    #[error(transparent)]
    Texts(#[from] TextsError),
    /// The gateway's client can't be made.
    #[error(transparent)]
    Gateway(#[from] ClientError),
}

/// The parts of the running service.
pub struct App {
    /// The checked settings.
    pub settings: Checked,
    /// LK's database.
    pub db: DatabaseConnection,
    /// Records that leave with a transaction.
    pub outbox: Outbox,
    /// Records that leave at once.
    pub producer: Producer,
    /// Whoever takes the money.
    pub gateway: Arc<dyn PaymentGateway>,
    /// What people read.
    pub texts: Texts,
    /// Callbacks with a wrong signature, the last of them.
    pub forged: ForgedSamples,
    /// Bounds the callbacks worked on at once.
    pub callbacks: Semaphore,
    /// Callbacks that wait for the next commit.
    pub settling: group::Waiting,
}

impl App {
    /// Puts the parts together, with Robokassa as the gateway.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn new(
        settings: Checked,
        db: DatabaseConnection,
        outbox: Outbox,
        producer: Producer,
    ) -> Result<App, AppError> {
        Ok(App {
            gateway: Arc::new(Robokassa::new(&settings)?),
            settings,
            db,
            outbox,
            producer,
            texts: Texts::new(
                include_str!("../texts/ru.ftl"),
                include_str!("../texts/en.ftl"),
            )?,
            forged: ForgedSamples::default(),
            callbacks: Semaphore::new(CALLBACKS_AT_ONCE),
            settling: group::Waiting::default(),
        })
    }

    /// Begins the transaction of a record's effects; `None` when the record was handled before.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_once(
        &self,
        cause: &Cause,
        now: DateTime<Utc>,
    ) -> Result<Option<DatabaseTransaction>, DbErr> {
        let transaction = sql::begin(&self.db).await?;
        if dedupe::first_time(&transaction, &cause.message_id, now).await? {
            return Ok(Some(transaction));
        }
        transaction.rollback().await?;
        Ok(None)
    }

    /// Commits and lets the outbox know.
    ///
    /// # Errors
    /// The database's; then nothing of the transaction holds.
    pub async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), DbErr> {
        transaction.commit().await?;
        self.outbox.wake();
        Ok(())
    }
}
