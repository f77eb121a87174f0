//! Refunds that the gateway has taken on are asked about until they have an end. A question changes nothing, so it may
//! be repeated for ever.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::sql;
use geobot_shared::topics::states::RefundStage;
use sea_orm::{DatabaseTransaction, DbErr};
use tracing::{debug, warn};

use super::ending;
use crate::app::App;
use crate::payment::gateway::{RefundProgress, RefundReport};
use crate::store::invoices;
use crate::store::refunds::{self, Refund};

/// The pause before the first question; doubles each time …
pub const FIRST_POLL: TimeDelta = TimeDelta::seconds(5);
/// … up to this: a bank may take days.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// After so many questions, about half a day, a person is told that it takes long.
const MANY: i64 = 20;

const REQUESTED: [RefundStage; 1] = [RefundStage::Requested];

/// Asks about at most `limit` refunds and returns how many it looked at.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, now: DateTime<Utc>, limit: u64) -> Result<u64, OutboxError> {
    let due = refunds::due(&app.db, RefundStage::Requested, now, limit).await?;
    for refund in &due {
        if !refunds::claim(&app.db, refund, now + pause(refund.tries + 1)).await? {
            continue;
        }
        if refund.tries == MANY {
            let txn = sql::begin(&app.db).await?;
            let message = "The gateway has not finished a refund for half a day";
            ending::alert(app, &txn, refund, "refund_slow", message, now).await?;
            app.commit(txn).await?;
        }
        one(app, refund, now).await?;
    }
    Ok(due.len() as u64)
}

fn pause(tries: i64) -> TimeDelta {
    let doublings = u32::try_from(tries).unwrap_or(u32::MAX).min(16);
    (FIRST_POLL * (1 << doublings)).min(LONGEST_PAUSE)
}

async fn one(app: &App, refund: &Refund, now: DateTime<Utc>) -> Result<(), OutboxError> {
    let Some(request_id) = refund.request_id.clone() else {
        return Err(DbErr::Custom(format!("refund {} has no request id", refund.id)).into());
    };
    let report = match app.gateway.ask_refund(request_id).await {
        Ok(report) => report,
        Err(unanswered) => {
            warn!(refund_id = %refund.id, %unanswered, "refund_state_not_told");
            return Ok(());
        }
    };
    match report.progress {
        RefundProgress::Processing => {
            debug!(refund_id = %refund.id, "refund_processing");
            return Ok(());
        }
        RefundProgress::Finished | RefundProgress::Cancelled => {}
    }
    let txn = sql::begin(&app.db).await?;
    if report.progress == RefundProgress::Cancelled {
        let why = "the gateway has cancelled it";
        ending::refused(app, &txn, refund, &REQUESTED, why, now).await?;
    } else if fits(&txn, refund, &report).await? {
        ending::done(app, &txn, refund, &REQUESTED, now).await?;
    } else {
        let why = format!(
            "the gateway has given back {} instead of {}",
            report.amount.unwrap_or_default().to_out_sum(),
            refund.amount.to_out_sum()
        );
        ending::unknown(app, &txn, refund, &REQUESTED, &why, now).await?;
    }
    Ok(app.commit(txn).await?)
}

/// Whether what went back is what was asked for. All of an operation may be more: the buyer's commission.
async fn fits(
    txn: &DatabaseTransaction,
    refund: &Refund,
    report: &RefundReport,
) -> Result<bool, DbErr> {
    let Some(amount) = report.amount else {
        return Ok(true);
    };
    if amount == refund.amount {
        return Ok(true);
    }
    let invoice = invoices::find(txn, refund.invoice).await?;
    let all = invoice.is_some_and(|invoice| invoice.funds.received == Some(refund.amount));
    Ok(all && amount > refund.amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_an_hour() {
        assert_eq!(pause(0), FIRST_POLL);
        assert_eq!(pause(3), TimeDelta::seconds(40));
        assert_eq!(pause(i64::MAX), LONGEST_PAUSE);
    }
}
