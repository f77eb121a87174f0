//! Who gets into the cabinet: a one-time link, given in the chat with the bot, opens a session in a browser.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, Handled};
use geobot_shared::ids::TelegramUserId;
use geobot_shared::sql;
use geobot_shared::topics::states::UserState;
use geobot_shared::topics::tg_notify::{Notify, NotifyEvent};
use geobot_shared::topics::{InfoIn, TgNotify};
use sea_orm::DbErr;
use serde_json::json;
use tracing::info;

mod token;

pub use self::token::Token;

use crate::app::App;
use crate::invoices::announce;
use crate::store::{accounts as people, sessions, sign_in_links};

/// How long a link signs in.
pub const LINK_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// How long a browser stays signed in.
pub const SESSION_LIFETIME: TimeDelta = TimeDelta::days(30);

/// A person wants to sign in: tg_notify `cabinet_link`, whose token is the new one. Links given before end with it. A
/// person whom staff blocked gets none; the bot has told them why.
///
/// # Errors
/// The database's.
pub async fn requested(
    app: &App,
    user: TelegramUserId,
    token: &Token,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let account = crate::accounts::ensure(app, &txn, user, cause, now).await?;
    if account.blocked {
        info!(user_id = %user, "cabinet_link_refused");
        return Ok(app.commit(txn).await?);
    }
    let expires_at = now + LINK_LIFETIME;
    sign_in_links::replace(&txn, user, &token.hash(), expires_at).await?;
    let public_url = app.settings.public_url.as_str().trim_end_matches('/');
    let event = NotifyEvent::CabinetLink {
        url: format!("{public_url}/cabinet/sign-in?token={}", token.text()),
        expires_at,
    };
    let tell = Notify {
        user_id: user,
        event,
    };
    app.outbox
        .put::<TgNotify>(&txn, tell, cause, 0, now)
        .await?;
    info!(user_id = %user, "cabinet_link_made");
    Ok(app.commit(txn).await?)
}

/// What a link comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Signs this person in.
    Good(UserState),
    /// Staff blocked its person.
    Blocked(UserState),
    /// Used, ended, replaced by a newer one, or never given.
    Gone,
}

/// What a link would come to; it is not used up.
///
/// # Errors
/// The database's.
pub async fn look(app: &App, link: &Token, now: DateTime<Utc>) -> Result<Link, DbErr> {
    let user = sign_in_links::find(&app.db, &link.hash(), now).await?;
    let account = match user {
        Some(user) => people::find(&app.db, user).await?,
        None => None,
    };
    Ok(judge(account))
}

fn judge(account: Option<UserState>) -> Link {
    match account {
        Some(account) if account.blocked => Link::Blocked(account),
        Some(account) => Link::Good(account),
        None => Link::Gone,
    }
}

/// Uses a link up and opens `session` in its place: of those who come with the same link at the same moment, one gets
/// in. `before` is the session that this browser had.
///
/// # Errors
/// The database's; then the link is as good as before.
pub async fn sign_in(
    app: &App,
    link: &Token,
    session: &Token,
    before: Option<&Token>,
    now: DateTime<Utc>,
) -> Result<Link, OutboxError> {
    let txn = sql::begin(&app.db).await?;
    let user = sign_in_links::find(&txn, &link.hash(), now).await?;
    let account = match user {
        Some(user) if sign_in_links::take(&txn, &link.hash(), now).await? => {
            people::find(&txn, user).await?
        }
        _ => None,
    };
    let judged = judge(account);
    let Link::Good(account) = &judged else {
        txn.rollback().await?;
        return Ok(judged);
    };
    if let Some(before) = before {
        sessions::close(&txn, &before.hash()).await?;
    }
    let until = now + SESSION_LIFETIME;
    sessions::open(&txn, account.user_id, &session.hash(), now, until).await?;
    let event = InfoIn::new(
        "cabinet_signed_in",
        "A person signed in to the cabinet",
        json!({"user_id": account.user_id}),
    );
    announce::log(&app.outbox, &txn, event, &Cause::new_story(), now).await?;
    app.commit(txn).await?;
    info!(user_id = %account.user_id, "cabinet_signed_in");
    Ok(judged)
}

/// Whose session this is, blocked or not; `None` when there is none or it has ended.
///
/// # Errors
/// The database's.
pub async fn signed_in(
    app: &App,
    session: &Token,
    now: DateTime<Utc>,
) -> Result<Option<UserState>, DbErr> {
    match sessions::find(&app.db, &session.hash(), now).await? {
        Some(user) => people::find(&app.db, user).await,
        None => Ok(None),
    }
}

/// Ends the session.
///
/// # Errors
/// The database's.
pub async fn sign_out(app: &App, session: &Token) -> Result<(), DbErr> {
    sessions::close(&app.db, &session.hash()).await?;
    info!("cabinet_signed_out");
    Ok(())
}

/// Ends all sessions of the session's person, and the link that they may still have.
///
/// # Errors
/// The database's.
pub async fn sign_out_everywhere(
    app: &App,
    session: &Token,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let txn = sql::begin(&app.db).await?;
    let Some(user) = sessions::find(&txn, &session.hash(), now).await? else {
        return txn.rollback().await;
    };
    let ended = sessions::close_all(&txn, user).await?;
    sign_in_links::forget_of(&txn, user).await?;
    txn.commit().await?;
    info!(user_id = %user, ended, "cabinet_signed_out_everywhere");
    Ok(())
}
