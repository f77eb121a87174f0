//! What staff do with a person's account: blocks and balances. LK carries it out.

use chrono::{DateTime, Utc};
use geobot_shared::bus::dedupe;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::ids::TelegramUserId;
use geobot_shared::money::Money;
use geobot_shared::sql;
use geobot_shared::topics::LkSyncOrm;
use geobot_shared::topics::lk_sync_orm::{BalanceAdjusted, UserBlocked, UserUnblocked};
use sea_orm::DbErr;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::catalog::MOST_EXPENSIVE;
use crate::decisions::{self, DecisionError};
use crate::deeds::{self, Told};
use crate::store::audit::Deed;
use crate::store::users;

/// What is to be done with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The bot answers nothing but the refusal.
    Block,
    /// The bot answers again.
    Unblock,
    /// Kopecks to add to the balance; negative to take.
    AdjustBalance(i64),
}

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// There is no such person.
    #[error("there is no such user")]
    NotFound,
    /// Zero, or beyond a million rubles.
    #[error("the amount must be whole kopecks, not 0, and at most 1000000 rubles either way")]
    Amount,
    /// It needs a reason.
    #[error("a reason has 1 to {} characters", decisions::LONGEST_REASON)]
    Reason,
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for PersonError {
    fn from(error: DbErr) -> PersonError {
        PersonError::Outbox(error.into())
    }
}

/// Reads an amount with its sign, as people write it: `-1 299,50`.
///
/// # Errors
/// [`PersonError::Amount`].
pub fn signed_rubles(text: &str) -> Result<i64, PersonError> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            ',' => '.',
            '−' => '-',
            c => c,
        })
        .collect();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let amount = Money::parse_rubles(digits).map_err(|_| PersonError::Amount)?;
    Ok(sign * amount.kopecks())
}

/// Asks LK for a change of an account. The form's own number makes a second press of the button harmless.
///
/// # Errors
/// [`PersonError`].
pub async fn change(
    app: &App,
    staff: &str,
    user: TelegramUserId,
    change: Change,
    why: &str,
    form: Uuid,
    now: DateTime<Utc>,
) -> Result<(), PersonError> {
    // Nobody has to explain why a block is lifted.
    let why = match decisions::reason(why) {
        Ok(why) => why,
        Err(DecisionError::Reason) if change == Change::Unblock => String::new(),
        Err(_) => return Err(PersonError::Reason),
    };
    if let Change::AdjustBalance(amount) = change
        && (amount == 0 || amount.unsigned_abs() > MOST_EXPENSIVE.kopecks().unsigned_abs())
    {
        return Err(PersonError::Amount);
    }
    let cause = deeds::story_of(form);
    let transaction = sql::begin(&app.db).await?;
    if users::get(&transaction, user.get()).await?.is_none() {
        return Err(PersonError::NotFound);
    }
    if !dedupe::first_time(&transaction, &cause.message_id, now).await? {
        transaction.rollback().await?;
        return Ok(());
    }
    let (action, record, detail): (_, LkSyncOrm, _) = match change {
        Change::Block => {
            let reason = why.clone();
            let record = UserBlocked {
                user_id: user,
                reason,
            };
            ("user_blocked", record.into(), why)
        }
        Change::Unblock => (
            "user_unblocked",
            UserUnblocked { user_id: user }.into(),
            why,
        ),
        Change::AdjustBalance(amount) => {
            let rubles = Money::from_kopecks(amount).to_out_sum();
            let detail = format!("{rubles} RUB: {why}");
            let record = BalanceAdjusted {
                user_id: user,
                amount,
                staff: staff.to_owned(),
                reason: why,
            };
            ("balance_adjusted", record.into(), detail)
        }
    };
    let told = Told {
        deed: Deed {
            staff,
            action,
            object: ("user", &user.to_string()),
            detail: &detail,
        },
        fields: json!({ "user_id": user }),
    };
    Ok(deeds::commit::<LkSyncOrm>(app, transaction, record, told, &cause, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_a_sign() {
        for (text, kopecks) in [
            ("100", 10_000),
            ("+1 299,50", 129_950),
            ("-0.01", -1),
            ("−5", -500),
        ] {
            assert_eq!(signed_rubles(text).unwrap(), kopecks, "{text}");
        }
        for bad in ["", "-", "--1", "+-1", "1.001", "x", "1e3"] {
            assert!(signed_rubles(bad).is_err(), "{bad}");
        }
    }
}
