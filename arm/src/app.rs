//! What every handler and page of ARM stands on.

use std::sync::Arc;

use chrono::{FixedOffset, TimeDelta, Utc};
use geobot_shared::bus::outbox::Outbox;
use geobot_shared::bus::{Cause, HandleError, dedupe};
use geobot_shared::files::FileStore;
use geobot_shared::i18n::{Texts, TextsError};
use geobot_shared::sql;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};
use secrecy::SecretString;

use crate::passwords::Passwords;
use crate::web::attempts::Attempts;

/// The Russian texts of the pages.
pub const TEXTS_RU: &str = include_str!("../texts/ru.ftl");
/// The English texts of the pages.
pub const TEXTS_EN: &str = include_str!("../texts/en.ftl");

/// ARM's state. One per process.
pub struct App {
    /// ARM's own database.
    pub db: DatabaseConnection,
    /// What goes to other services.
    pub outbox: Outbox,
    /// What people read.
    pub texts: Texts,
    /// The bearer token of the JSON API.
    pub api_token: SecretString,
    /// What products deliver, and what people and support send each other.
    pub files: FileStore,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Slows down whoever guesses passwords.
    pub attempts: Attempts,
    /// In which time zone pages show times and days begin.
    pub zone: FixedOffset,
    /// A job that no worker has spoken of for so long is handed out again.
    pub unanswered_after: TimeDelta,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the embedded texts are not valid Fluent, which the tests rule out.
    pub fn new(
        db: DatabaseConnection,
        outbox: Outbox,
        api_token: SecretString,
        files: FileStore,
        passwords: Passwords,
        zone: FixedOffset,
        unanswered_after: TimeDelta,
    ) -> Result<Arc<App>, TextsError> {
        Ok(Arc::new(App {
            db,
            outbox,
            texts: Texts::new(TEXTS_RU, TEXTS_EN)?,
            api_token,
            files,
            passwords,
            attempts: Attempts::default(),
            zone,
            unanswered_after,
        }))
    }

    /// Begins the one transaction in which a record is handled. `None`: it has been handled before.
    ///
    /// # Errors
    /// The database's.
    pub async fn first_time(
        &self,
        cause: &Cause,
    ) -> Result<Option<DatabaseTransaction>, HandleError> {
        let transaction = sql::begin(&self.db).await?;
        if dedupe::first_time(&transaction, &cause.message_id, Utc::now()).await? {
            Ok(Some(transaction))
        } else {
            transaction.rollback().await?;
            Ok(None)
        }
    }

    /// Commits, and lets the relay look for what was entered.
    ///
    /// # Errors
    /// The database's: nothing of the transaction happened, or, when the connection broke, all of it may have.
    pub async fn commit(&self, transaction: DatabaseTransaction) -> Result<(), DbErr> {
        transaction.commit().await?;
        self.outbox.wake();
        Ok(())
    }
}
