//! Step 2 (P9): a paid invoice is published again until the bot has answered for it: not even a Kafka that lost its
//! last records loses a payment. The copies are the same record with the same message-id.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::sql;
use tracing::info;

use crate::app::App;
use crate::payment::publish;
use crate::store::invoices;

/// The longest pause between two copies.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// Publishes at most `limit` paid invoices again and returns how many it looked at.
///
/// # Errors
/// The database's; then nothing of the batch is published.
pub async fn run(app: &App, now: DateTime<Utc>, limit: u64) -> Result<u64, OutboxError> {
    let due = invoices::due_to_republish(&app.db, now, limit).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let txn = sql::begin(&app.db).await?;
    for invoice in &due {
        let next_at = now + pause(app.settings.republish_after, invoice.republish_count + 1);
        if !invoices::claim_republish(&txn, invoice, next_at).await? {
            continue;
        }
        if publish::payment(app, &txn, invoice, now).await? {
            info!(invoice_id = %invoice.id, copy = invoice.republish_count + 1, "payment_republished");
            metrics::counter!("geobot_payments_republished_total").increment(1);
        }
    }
    app.commit(txn).await?;
    Ok(due.len() as u64)
}

/// The pause before the copy after the `published`-th: doubles each time, up to an hour.
fn pause(first: TimeDelta, published: i64) -> TimeDelta {
    let doublings = u32::try_from(published).unwrap_or(u32::MAX).min(16);
    first
        .checked_mul(1 << doublings)
        .map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_an_hour() {
        let minute = TimeDelta::seconds(60);
        let pauses: Vec<i64> = (0..8).map(|n| pause(minute, n).num_seconds()).collect();
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(pause(minute, i64::MAX), LONGEST_PAUSE);
    }
}
