//! `accounts`: the people, as LK knows them. LK is the truth about them.

use chrono::{DateTime, Utc};
use geobot_shared::i18n::Language;
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::states::{NotifySettings, UserState};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder, QuerySelect};

use super::time;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    /// Telegram's number of the person.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    /// Grows with every change; 0 only within the transaction that makes the account.
    pub version: i64,
    /// As in Telegram.
    pub first_name: String,
    /// As in Telegram.
    pub last_name: Option<String>,
    /// As in Telegram, without `@`.
    pub username: Option<String>,
    /// `ru` or `en`.
    pub language: String,
    /// Blocked by staff.
    pub blocked: bool,
    /// Wants news of the shop.
    pub wants_news: bool,
    /// Wants reminders.
    pub wants_reminders: bool,
    /// When the account was made.
    pub created_at: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for UserState {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<UserState, DbErr> {
        Ok(UserState {
            user_id: TelegramUserId(row.user_id),
            version: row.version,
            first_name: row.first_name,
            last_name: row.last_name,
            username: row.username,
            language: row.language,
            blocked: row.blocked,
            settings: NotifySettings {
                news: row.wants_news,
                reminders: row.wants_reminders,
            },
            created_at: time(row.created_at)?,
        })
    }
}

/// The account, if there is one.
///
/// # Errors
/// The database's.
pub async fn find(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
) -> Result<Option<UserState>, DbErr> {
    let row = Entity::find_by_id(user.get()).one(db).await?;
    row.map(UserState::try_from).transpose()
}

/// The account for a change within the caller's transaction, locked there; made if there is none, then with
/// version 0 until [`save`].
///
/// # Errors
/// The database's.
pub async fn lock_or_create(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    now: DateTime<Utc>,
) -> Result<UserState, DbErr> {
    let fresh = ActiveModel {
        user_id: ActiveValue::Set(user.get()),
        version: ActiveValue::Set(0),
        first_name: ActiveValue::Set(String::new()),
        last_name: ActiveValue::Set(None),
        username: ActiveValue::Set(None),
        language: ActiveValue::Set(Language::default().code().to_owned()),
        blocked: ActiveValue::Set(false),
        wants_news: ActiveValue::Set(true),
        wants_reminders: ActiveValue::Set(true),
        created_at: ActiveValue::Set(now.timestamp_micros()),
    };
    let made = Entity::insert(fresh)
        .on_conflict(OnConflict::column(Column::UserId).do_nothing().to_owned())
        .exec_without_returning(db)
        .await;
    match made {
        Ok(_) | Err(DbErr::RecordNotInserted) => {}
        Err(error) => return Err(error),
    }
    let row = Entity::find_by_id(user.get())
        .lock_exclusive()
        .one(db)
        .await?;
    row.ok_or_else(|| DbErr::RecordNotFound(format!("account {user}")))?
        .try_into()
}

/// Holds the account until the end of the caller's transaction: what is decided about a person meanwhile is decided
/// one after the other.
///
/// # Errors
/// The database's.
pub async fn hold(db: &impl ConnectionTrait, user: TelegramUserId) -> Result<(), DbErr> {
    Entity::find_by_id(user.get())
        .lock_exclusive()
        .one(db)
        .await?;
    Ok(())
}

/// Writes a changed account with the next version, which it returns.
///
/// # Errors
/// The database's.
pub async fn save(db: &impl ConnectionTrait, account: UserState) -> Result<UserState, DbErr> {
    let next = UserState {
        version: account.version + 1,
        ..account
    };
    Entity::update(ActiveModel {
        user_id: ActiveValue::Unchanged(next.user_id.get()),
        version: ActiveValue::Set(next.version),
        first_name: ActiveValue::Set(next.first_name.clone()),
        last_name: ActiveValue::Set(next.last_name.clone()),
        username: ActiveValue::Set(next.username.clone()),
        language: ActiveValue::Set(next.language.clone()),
        blocked: ActiveValue::Set(next.blocked),
        wants_news: ActiveValue::Set(next.settings.news),
        wants_reminders: ActiveValue::Set(next.settings.reminders),
        created_at: ActiveValue::Unchanged(next.created_at.timestamp_micros()),
    })
    .exec(db)
    .await?;
    Ok(next)
}

/// The accounts after `after`, by number; for snapshots.
///
/// # Errors
/// The database's.
pub async fn page(
    db: &impl ConnectionTrait,
    after: i64,
    limit: u64,
) -> Result<Vec<UserState>, DbErr> {
    Entity::find()
        .filter(Column::UserId.gt(after))
        .order_by_asc(Column::UserId)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(UserState::try_from)
        .collect()
}
