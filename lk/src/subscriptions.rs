//! What a payment gives a right to, and for how long. Bought again before its end, a right begins where the one
//! before it ends.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_shared::ids::ChatId;
use geobot_shared::topics::states::{Delivery, EntitlementState};
use sea_orm::{DatabaseTransaction, DbErr};
use tracing::warn;

use crate::app::App;
use crate::store::accounts;
use crate::store::entitlements;
use crate::store::invoices::Invoice;

/// Enters the right that a paid invoice gives, and returns it.
///
/// # Errors
/// The database's; the transaction must then not be committed.
pub async fn begin(
    app: &App,
    txn: &DatabaseTransaction,
    paid: &Invoice,
    now: DateTime<Utc>,
) -> Result<EntitlementState, DbErr> {
    let (chat, days) = reach(paid);
    let mut starts_at = now;
    if days.is_some() {
        // Two renewals that are paid at the same moment follow one another.
        accounts::hold(txn, paid.user).await?;
        let until = entitlements::runs_until(txn, paid.user, paid.product, chat, now).await?;
        starts_at = until.unwrap_or(now);
    }
    let ends_at = days.and_then(|days| starts_at.checked_add_signed(TimeDelta::days(days.into())));
    let right = EntitlementState {
        invoice_id: paid.id,
        version: 1,
        user_id: paid.user,
        product_id: paid.product,
        title: paid.title.clone(),
        starts_at,
        ends_at,
        revoked: false,
    };
    let remind_at = ends_at.and_then(|end| reminder(starts_at, end, app.settings.remind_before));
    entitlements::insert(txn, &right, chat, remind_at).await?;
    Ok(right)
}

/// The chat that an invoice leads into, and for how many days it is bought.
fn reach(invoice: &Invoice) -> (Option<ChatId>, Option<u32>) {
    match serde_json::from_str(&invoice.delivery) {
        Ok(Delivery::InviteLink { chat_id, days }) => (Some(chat_id), days.or(invoice.days)),
        Ok(_) => (None, invoice.days),
        Err(error) => {
            // Written by us from a type, so it can only be another version's. The payment counts all the same.
            warn!(invoice_id = %invoice.id, %error, "delivery_unreadable");
            (None, invoice.days)
        }
    }
}

/// When the person is reminded: so long before the end, but never in the first half of the time bought.
fn reminder(
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    before: TimeDelta,
) -> Option<DateTime<Utc>> {
    if before.is_zero() {
        return None;
    }
    let half = (ends_at - starts_at) / 2;
    ends_at.checked_sub_signed(before.min(half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_reminded_of_what_they_have_just_bought() {
        let start = Utc::now();
        let days = TimeDelta::days;
        let at = |length: i64, before: i64| {
            reminder(start, start + days(length), days(before)).map(|at| at - start)
        };
        assert_eq!(at(30, 3), Some(days(27)));
        assert_eq!(at(2, 3), Some(days(1)));
        assert_eq!(at(30, 0), None);
    }
}
