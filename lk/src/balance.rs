//! Corrections of a person's balance by hand: a ledger entry with its reason (P8), and nothing else.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{Cause, Handled};
use geobot_shared::ids::Mode;
use geobot_shared::money::Money;
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::lk_sync_orm::BalanceAdjusted;
use serde_json::json;
use tracing::info;

use crate::app::App;
use crate::invoices::announce;
use crate::refusal::{self, decision};
use crate::store::ledger;

/// Staff corrected a balance.
///
/// # Errors
/// The database's; [`geobot_shared::bus::HandleError::Refused`] for an amount of 0 or without a reason.
pub async fn adjusted(
    app: &App,
    it: BalanceAdjusted,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let fields = json!({"user_id": it.user_id, "amount": it.amount, "staff": it.staff});
    if it.amount == 0 || it.reason.trim().is_empty() {
        let why = "a correction needs an amount and a reason";
        return refusal::refuse(
            app,
            txn,
            "balance_adjustment_refused",
            why,
            fields,
            cause,
            now,
        )
        .await;
    }
    let reason = decision(&it.staff, &it.reason);
    let entry = ledger::Entry {
        invoice: None,
        kind: ledger::adjustment_kind(&cause.message_id),
        user: it.user_id,
        amount: Money::from_kopecks(it.amount),
        mode: Mode::Live,
        reason: &reason,
    };
    ledger::enter(&txn, &entry, now).await?;
    let event = InfoIn::new(
        "balance_adjusted",
        "Staff corrected a balance",
        json!({
            "user_id": it.user_id,
            "amount": it.amount,
            "staff": it.staff,
            "reason": it.reason,
        }),
    );
    announce::log(&app.outbox, &txn, event, cause, now).await?;
    info!(user_id = %it.user_id, amount = it.amount, "balance_adjusted");
    Ok(app.commit(txn).await?)
}
