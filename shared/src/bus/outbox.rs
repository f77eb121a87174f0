//! The transactional outbox: a record is a row in the transaction that causes it, and a relay publishes it afterwards.

mod relay;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, DatabaseConnection};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::relay::Relay;
use super::{Cause, Outgoing, Producer, PublishError};
use crate::topics::Topic;

/// A record that waits to be published, or was.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// Order of entry. PostgreSQL may commit them in another order, so nothing relies on "greater than the last".
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Where it goes.
    pub topic: String,
    /// What keeps its order.
    pub key: Option<String>,
    /// Its value, JSON text.
    #[sea_orm(column_type = "Text")]
    pub value: String,
    /// Its headers, a JSON array of pairs.
    #[sea_orm(column_type = "Text")]
    pub headers: String,
    /// When it was entered, in microseconds since 1970.
    pub created_at: i64,
    /// When Kafka acknowledged it; absent while it waits.
    pub published_at: Option<i64>,
    /// When Kafka refused it for good; it is not tried again and is kept until a person has looked.
    pub refused_at: Option<i64>,
    /// Why Kafka refused it.
    #[sea_orm(column_type = "Text", nullable)]
    pub refusal: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Why a record did not get into the outbox.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database refused the row.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// The record can't be written as JSON.
    #[error(transparent)]
    Record(#[from] PublishError),
}

impl From<OutboxError> for super::HandleError {
    fn from(error: OutboxError) -> super::HandleError {
        match error {
            OutboxError::Database(error) => error.into(),
            OutboxError::Record(error) => error.into(),
        }
    }
}

/// A service's outbox: rows go in with the caller's transaction; [`Outbox::run`] takes them to Kafka.
#[derive(Clone)]
pub struct Outbox {
    producer: Producer,
    entered: Arc<Notify>,
}

impl Outbox {
    /// An outbox whose records are written under the producer's service name.
    pub fn new(producer: Producer) -> Outbox {
        Outbox {
            producer,
            entered: Arc::default(),
        }
    }

    /// Enters an event in the caller's transaction, under the id that [`Cause::derive`] gives it.
    ///
    /// # Errors
    /// [`OutboxError`]; the transaction should then be rolled back.
    pub async fn put<T: Topic>(
        &self,
        transaction: &impl ConnectionTrait,
        event: impl Into<T>,
        cause: &Cause,
        index: u32,
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        let record = Outgoing::caused(self.producer.service(), &event.into(), cause, index, now)?;
        self.put_record(transaction, record, now).await
    }

    /// Enters a ready record in the caller's transaction.
    ///
    /// # Errors
    /// As [`Outbox::put`].
    pub async fn put_record(
        &self,
        transaction: &impl ConnectionTrait,
        record: Outgoing,
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        self.put_records(transaction, vec![record], now).await
    }

    /// Enters ready records in the caller's transaction, in their order and by one statement.
    ///
    /// # Errors
    /// As [`Outbox::put`].
    pub async fn put_records(
        &self,
        transaction: &impl ConnectionTrait,
        records: Vec<Outgoing>,
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        let rows = records
            .into_iter()
            .map(|record| row(record, now))
            .collect::<Result<Vec<_>, _>>()?;
        if !rows.is_empty() {
            Entity::insert_many(rows)
                .exec_without_returning(transaction)
                .await?;
        }
        Ok(())
    }

    /// Tells the relay that a transaction with rows was committed. Forgetting it costs half a second, no record.
    pub fn wake(&self) {
        self.entered.notify_one();
    }

    /// Publishes rows until `stop`, and what is left then, within two seconds.
    pub async fn run(&self, db: DatabaseConnection, stop: CancellationToken) {
        Relay::new(self.producer.clone(), Arc::clone(&self.entered))
            .run(&db, stop)
            .await;
    }
}

fn row(record: Outgoing, now: DateTime<Utc>) -> Result<ActiveModel, PublishError> {
    let topic = record.topic;
    let not_json = |reason: String| PublishError::Rejected {
        topic: topic.clone(),
        reason,
    };
    let headers = serde_json::to_string(&record.headers).map_err(|e| not_json(e.to_string()))?;
    let value = String::from_utf8(record.value).map_err(|e| not_json(e.to_string()))?;
    Ok(ActiveModel {
        id: ActiveValue::NotSet,
        topic: ActiveValue::Set(topic),
        key: ActiveValue::Set(record.key),
        value: ActiveValue::Set(value),
        headers: ActiveValue::Set(headers),
        created_at: ActiveValue::Set(now.timestamp_micros()),
        published_at: ActiveValue::Set(None),
        refused_at: ActiveValue::Set(None),
        refusal: ActiveValue::Set(None),
    })
}
