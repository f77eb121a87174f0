//! Step 1: the time to pay is over. A later payment is still taken (P3).

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::sql;
use geobot_shared::topics::TgRobokassa;
use geobot_shared::topics::tg_robokassa::InvoiceExpired;
use tracing::info;

use crate::app::App;
use crate::invoices::announce;
use crate::promo;
use crate::store::invoices;

/// Expires at most `limit` invoices and returns how many it looked at.
///
/// # Errors
/// The database's; then none of the batch has expired.
pub async fn run(app: &App, now: DateTime<Utc>, limit: u64) -> Result<u64, OutboxError> {
    let due = invoices::due_to_expire(&app.db, now, limit).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let txn = sql::begin(&app.db).await?;
    for &id in &due {
        // Paid or expired by somebody else meanwhile: nothing to say.
        let Some(expired) = invoices::expire(&txn, id).await? else {
            continue;
        };
        let cause = announce::once(id, "expired", &expired.story);
        let gone = InvoiceExpired {
            invoice_id: id,
            user_id: expired.user,
        };
        app.outbox
            .put::<TgRobokassa>(&txn, gone, &cause, 0, now)
            .await?;
        promo::let_go(app, &txn, &expired, &cause, now).await?;
        announce::changed(&app.outbox, &txn, &expired, &cause, now).await?;
        info!(invoice_id = %id, "invoice_expired");
    }
    app.commit(txn).await?;
    Ok(due.len() as u64)
}
