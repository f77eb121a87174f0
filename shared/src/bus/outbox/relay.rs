//! The relay: takes the outbox's rows to Kafka.
//!
//! Rows are found by "not published yet", never by "greater than the last": PostgreSQL's ids commit out of order. The
//! producer gives no record up by itself, so what Kafka has of a key is always a beginning of that key's rows; a crash
//! between publishing and marking repeats rows from the first unmarked one, in order, with their old message-ids.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, Statement, TransactionTrait,
};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::{Column, Entity, Model};
use crate::bus::{Cause, Outgoing, Producer, PublishError, dedupe};
use crate::envelope::Level;
use crate::topics::InfoIn;

/// Rows published in one go.
const BATCH: u64 = 1_000;
/// Rows named in one statement.
const CHUNK: usize = 500;
/// How long a relay sleeps when nobody wakes it: rows of other processes are found by looking.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Passes begin at least this far apart: under load a pass takes what has come meanwhile, in place of one commit per
/// waking. A row that comes to an idle relay does not wait.
const PACE: Duration = Duration::from_millis(10);
/// The longest sleep after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a stop may be held up by what is on its way to Kafka.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// How long Kafka may be silent before that is worth a line in the log.
const SILENT: Duration = Duration::from_secs(10);
const CLEAN_EVERY: Duration = Duration::from_secs(300);
/// Published rows are kept so long, for whoever looks into a fault.
const KEEP: TimeDelta = TimeDelta::days(3);
/// Longer than any topic keeps its records, so that a repeat is still known.
const KEEP_HANDLED: TimeDelta = TimeDelta::days(31);
/// PostgreSQL's advisory lock of the relay: one relay at a time per database.
const RELAY_LOCK: i64 = 0x0067_656f_6f75_7462;

/// What keeps an order: rows of one topic and key.
type Order = (String, Option<String>);

pub(super) struct Relay {
    producer: Producer,
    entered: Arc<Notify>,
}

/// How a batch went.
struct Batch {
    /// The last row that was looked at, when there may be more behind it.
    last: Option<i64>,
}

impl Relay {
    pub(super) fn new(producer: Producer, entered: Arc<Notify>) -> Relay {
        let producer = producer.patient().unwrap_or_else(|error| {
            // The same settings but one have worked before.
            warn!(%error, "outbox_producer_failed");
            producer
        });
        Relay { producer, entered }
    }

    pub(super) async fn run(&self, db: &DatabaseConnection, stop: CancellationToken) {
        let mut cleaned = Instant::now();
        let mut pause = LOOK_EVERY;
        while !stop.is_cancelled() {
            let stopped_late = async {
                stop.cancelled().await;
                tokio::time::sleep(LAST_LOOK).await;
            };
            let began = Instant::now();
            let passed = tokio::select! {
                passed = self.pass(db) => passed,
                () = stopped_late => return,
            };
            pause = match passed {
                Ok(true) => LOOK_EVERY,
                Ok(false) => (pause * 2).min(LONGEST_PAUSE),
                Err(error) => {
                    warn!(%error, "outbox_failed");
                    (pause * 2).min(LONGEST_PAUSE)
                }
            };
            if cleaned.elapsed() > CLEAN_EVERY {
                cleaned = Instant::now();
                if let Err(error) = clean(db, Utc::now()).await {
                    debug!(%error, "outbox_cleanup_failed");
                }
            }
            tokio::select! {
                () = self.entered.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
            tokio::select! {
                () = tokio::time::sleep_until(began + PACE) => {}
                () = stop.cancelled() => {}
            }
        }
        // What was entered while the intake ended.
        let _ = tokio::time::timeout(LAST_LOOK, self.pass(db)).await;
    }

    /// Looks at every waiting row once. False when some could not be published.
    async fn pass(&self, db: &DatabaseConnection) -> Result<bool, DbErr> {
        let mut stopped = HashSet::new();
        let mut after = i64::MIN;
        while let Some(last) = self.batch(db, after, &mut stopped).await?.last {
            after = last;
        }
        Ok(stopped.is_empty())
    }

    /// Publishes one batch. On PostgreSQL it runs under a lock, so that two replicas don't publish the same rows;
    /// SQLite has one process anyway.
    async fn batch(
        &self,
        db: &DatabaseConnection,
        after: i64,
        stopped: &mut HashSet<Order>,
    ) -> Result<Batch, DbErr> {
        if db.get_database_backend() != DatabaseBackend::Postgres {
            return self.publish(db, after, stopped).await;
        }
        let transaction = db.begin().await?;
        let lock = Statement::from_sql_and_values(
            DatabaseBackend::Postgres,
            "SELECT pg_try_advisory_xact_lock($1) AS free",
            [RELAY_LOCK.into()],
        );
        let free = match transaction.query_one_raw(lock).await? {
            Some(row) => row.try_get("", "free")?,
            None => false,
        };
        let batch = if free {
            self.publish(&transaction, after, stopped).await?
        } else {
            Batch { last: None }
        };
        transaction.commit().await?;
        Ok(batch)
    }

    async fn publish(
        &self,
        db: &impl ConnectionTrait,
        after: i64,
        stopped: &mut HashSet<Order>,
    ) -> Result<Batch, DbErr> {
        let rows = Entity::find()
            .filter(Column::PublishedAt.is_null())
            .filter(Column::RefusedAt.is_null())
            .filter(Column::Id.gt(after))
            .order_by_asc(Column::Id)
            .limit(BATCH)
            .all(db)
            .await?;
        let now = Utc::now().timestamp_micros();
        let age = rows.first().map_or(0, |row| (now - row.created_at).max(0));
        metrics::gauge!("geobot_outbox_age_seconds").set(age as f64 / 1e6);
        let last = rows
            .last()
            .filter(|_| rows.len() as u64 == BATCH)
            .map(|row| row.id);

        let rows: Vec<Row> = rows
            .into_iter()
            .map(Row::from)
            .filter(|row| !stopped.contains(&row.order()))
            .collect();
        let records: Vec<Outgoing> = rows.iter().map(|row| row.record.clone()).collect();
        let mut published = Vec::with_capacity(rows.len());
        for (row, result) in rows.iter().zip(self.send(&records).await) {
            match result {
                // A row behind one that failed stays too, so that its key keeps its order; a repeat is harmless.
                Ok(()) if stopped.contains(&row.order()) => {}
                Ok(()) => published.push(row),
                Err(PublishError::Rejected { reason, .. }) => self.refuse(db, row, &reason).await?,
                Err(error) => {
                    warn!(topic = row.record.topic, id = row.id, %error, "outbox_row_failed");
                    stopped.insert(row.order());
                }
            }
        }
        let now = Utc::now().timestamp_micros();
        for chunk in published.chunks(CHUNK) {
            Entity::update_many()
                .col_expr(Column::PublishedAt, Expr::value(now))
                .filter(Column::Id.is_in(chunk.iter().map(|row| row.id)))
                .exec(db)
                .await?;
        }
        metrics::counter!("geobot_outbox_published_total").increment(published.len() as u64);
        let seconds = metrics::histogram!("geobot_relay_seconds");
        for row in published {
            seconds.record((now - row.created_at).max(0) as f64 / 1e6);
        }
        Ok(Batch { last })
    }

    /// Waits for Kafka for as long as it takes.
    async fn send(&self, records: &[Outgoing]) -> Vec<Result<(), PublishError>> {
        let sending = self.producer.send_all(records);
        tokio::pin!(sending);
        let began = Instant::now();
        loop {
            tokio::select! {
                results = &mut sending => return results,
                () = tokio::time::sleep(SILENT) => {
                    let waited_s = began.elapsed().as_secs();
                    warn!(rows = records.len(), waited_s, "outbox_waits_for_kafka");
                }
            }
        }
    }

    /// Sets a row aside that Kafka never takes, and calls a person. The rows behind it go on: nobody could make this
    /// one pass.
    async fn refuse(
        &self,
        db: &impl ConnectionTrait,
        row: &Row,
        reason: &str,
    ) -> Result<(), DbErr> {
        let topic = row.record.topic.as_str();
        error!(topic, id = row.id, reason, "outbox_row_refused");
        Entity::update_many()
            .col_expr(
                Column::RefusedAt,
                Expr::value(Utc::now().timestamp_micros()),
            )
            .col_expr(Column::Refusal, Expr::value(reason))
            .filter(Column::Id.eq(row.id))
            .exec(db)
            .await?;
        metrics::counter!("geobot_outbox_refused_total").increment(1);
        let event = InfoIn::new(
            "outbox_row_refused",
            format!("Kafka refuses a record for {topic}: {reason}"),
            serde_json::json!({ "topic": topic, "outbox_id": row.id, "reason": reason }),
        )
        .at(Level::Error);
        let story = Cause::new_story();
        let telling = self.producer.publish::<InfoIn>(event, &story);
        if !matches!(tokio::time::timeout(LAST_LOOK, telling).await, Ok(Ok(()))) {
            warn!(topic, id = row.id, "alert_failed");
        }
        Ok(())
    }
}

/// A waiting row, ready to be sent.
struct Row {
    id: i64,
    created_at: i64,
    record: Outgoing,
}

impl Row {
    fn order(&self) -> Order {
        (self.record.topic.clone(), self.record.key.clone())
    }
}

impl From<Model> for Row {
    fn from(row: Model) -> Row {
        Row {
            id: row.id,
            created_at: row.created_at,
            record: Outgoing {
                topic: row.topic,
                key: row.key,
                value: row.value.into_bytes(),
                // Only we write them.
                headers: serde_json::from_str(&row.headers).unwrap_or_default(),
            },
        }
    }
}

/// Deletes what is no longer needed, a part at a time, so that nobody waits for it long.
async fn clean(db: &DatabaseConnection, now: DateTime<Utc>) -> Result<(), DbErr> {
    let before = (now - KEEP).timestamp_micros();
    loop {
        let old = Query::select()
            .column(Column::Id)
            .from(Entity)
            .cond_where(Column::PublishedAt.lt(before))
            .limit(BATCH)
            .to_owned();
        let gone = Entity::delete_many()
            .filter(Column::Id.in_subquery(old))
            .exec(db)
            .await?;
        if gone.rows_affected < BATCH {
            break;
        }
    }
    dedupe::forget(db, now - KEEP_HANDLED).await?;
    Ok(())
}
