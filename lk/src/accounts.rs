//! Accounts: made when a person starts the bot, changed by the person or by staff, announced to ARM and the bot.

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, Handled};
use geobot_shared::i18n::Language;
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::lk_sync_tg::UserStarted;
use geobot_shared::topics::states::{NotifySettings, UserState};
use geobot_shared::topics::tg_notify::UserStateChanged;
use geobot_shared::topics::{ArmSyncLk, InfoIn, TgNotify};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::app::App;
use crate::invoices::announce;
use crate::store::accounts;

/// A person pressed Start: the account is made or its names are brought up to date. The language is the person's own
/// choice after the first time. The bot is told in any case: it may have lost its Redis.
///
/// # Errors
/// The database's.
pub async fn started(app: &App, person: UserStarted, cause: &Cause, now: DateTime<Utc>) -> Handled {
    change(app, person.user_id, cause, now, |account| {
        if account.version == 0 {
            account.language = Language::from_tag(&person.language).code().to_owned();
        }
        // A stub (made for a block or a purchase) has no name yet, nor has its language been chosen.
        if account.version > 0 && account.first_name.is_empty() && !person.language.is_empty() {
            account.language = Language::from_tag(&person.language).code().to_owned();
        }
        account.first_name = person.first_name;
        account.last_name = person.last_name;
        account.username = person.username;
    })
    .await
}

/// What a person (or staff for them) wants otherwise; what is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Another language.
    pub language: Option<String>,
    /// Other things to be told.
    pub settings: Option<NotifySettings>,
}

/// A person or staff changed the profile.
///
/// # Errors
/// The database's.
pub async fn changed_by_person(
    app: &App,
    user: TelegramUserId,
    wishes: Wishes,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    change(app, user, cause, now, |account| {
        if let Some(language) = wishes.language {
            account.language = Language::from_tag(&language).code().to_owned();
        }
        account.settings = wishes.settings.unwrap_or(account.settings);
    })
    .await
}

/// Staff blocked a person or lifted the block.
///
/// # Errors
/// The database's.
pub async fn block(
    app: &App,
    user: TelegramUserId,
    blocked: bool,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    change(app, user, cause, now, |account| account.blocked = blocked).await
}

/// The account of somebody who does something, made and announced if there is none: ARM and the bot may know people
/// that a restored database has forgotten.
///
/// # Errors
/// The database's.
pub async fn ensure(
    app: &App,
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<UserState, OutboxError> {
    if let Some(account) = accounts::find(db, user).await? {
        return Ok(account);
    }
    let stub = accounts::lock_or_create(db, user, now).await?;
    let account = if stub.version == 0 {
        accounts::save(db, stub).await?
    } else {
        stub
    };
    tell_everybody(app, db, &account, cause, now).await?;
    Ok(account)
}

async fn change(
    app: &App,
    user: TelegramUserId,
    cause: &Cause,
    now: DateTime<Utc>,
    apply: impl FnOnce(&mut UserState),
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let before = accounts::lock_or_create(&txn, user, now).await?;
    let mut account = before.clone();
    apply(&mut account);
    if account.version == 0 || account != before {
        account = accounts::save(&txn, account).await?;
    }
    tell_everybody(app, &txn, &account, cause, now).await?;
    if before.version == 0 {
        let event = InfoIn::new(
            "account_created",
            "An account was made",
            json!({"user_id": user}),
        );
        announce::log(&app.outbox, &txn, event, cause, now).await?;
    }
    Ok(app.commit(txn).await?)
}

async fn tell_everybody(
    app: &App,
    db: &impl ConnectionTrait,
    account: &UserState,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    app.outbox
        .put::<ArmSyncLk>(db, account.clone(), cause, 0, now)
        .await?;
    app.outbox
        .put::<TgNotify>(db, UserStateChanged(account.clone()), cause, 0, now)
        .await
}
