//! Whether a person may join a private chat: only who has bought access to it that has not ended.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{Cause, Handled};
use geobot_shared::topics::TgNotify;
use geobot_shared::topics::lk_sync_tg::JoinRequested;
use geobot_shared::topics::tg_notify::JoinAnswered;
use tracing::info;

use crate::app::App;
use crate::store::{accounts, entitlements};

/// Answers a wish to join: tg_notify `join_answered`. Whom staff blocked may not.
///
/// # Errors
/// The database's.
pub async fn requested(
    app: &App,
    wish: JoinRequested,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let JoinRequested { user_id, chat_id } = wish;
    let account = accounts::find(&txn, user_id).await?;
    let approved = !account.is_some_and(|account| account.blocked)
        && entitlements::opens_chat(&txn, user_id, chat_id, now).await?;
    let answer = JoinAnswered {
        user_id,
        chat_id,
        approved,
    };
    app.outbox
        .put::<TgNotify>(&txn, answer, cause, 0, now)
        .await?;
    info!(%user_id, %chat_id, approved, "join_answered");
    Ok(app.commit(txn).await?)
}
