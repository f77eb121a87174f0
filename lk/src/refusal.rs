//! A decision of staff that can't be carried out: they are told by the log of the graph, and the record is done.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::envelope::Level;
use geobot_shared::topics::InfoIn;
use sea_orm::DatabaseTransaction;
use serde_json::Value;
use tracing::warn;

use crate::app::App;
use crate::invoices::announce;

/// Longer texts of staff are cut where they are stored.
const LONGEST_TEXT_CHARS: usize = 500;

/// Commits the transaction (the record was handled) with an event that says why, and refuses the record.
///
/// # Errors
/// The database's; else always [`HandleError::Refused`].
pub async fn refuse(
    app: &App,
    txn: DatabaseTransaction,
    event: &'static str,
    why: &str,
    fields: Value,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let told = InfoIn::new(event, why, fields).at(Level::Error);
    announce::log(&app.outbox, &txn, told, cause, now).await?;
    app.commit(txn).await?;
    warn!(event, why, "decision_refused");
    Err(HandleError::Refused(why.to_owned()))
}

/// A text of staff, not longer than is kept.
#[must_use]
pub fn short(text: &str) -> String {
    text.chars().take(LONGEST_TEXT_CHARS).collect()
}

/// Who decided and why, as one line.
#[must_use]
pub fn decision(staff: &str, reason: &str) -> String {
    short(&format!("{staff}: {reason}"))
}
