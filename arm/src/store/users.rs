//! People: LK's accounts (by version), and beside them what the bot saw in Telegram.

use chrono::{DateTime, Utc};
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::arm_sync_tg::UserUnreachable;
use geobot_shared::topics::lk_sync_tg::UserStarted;
use geobot_shared::topics::states::{NotifySettings, UserState};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LikeExpr, OnConflict};
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect};

use super::version::{insert_or, newer_wins};
use super::{micros, storable, storable_option, time};

/// The version of a row that LK has said nothing about yet.
const UNKNOWN_TO_LK: i64 = -1;

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Telegram's number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    /// LK's version; -1 while only Telegram's facts are known.
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
    /// When the account was made.
    pub created_at: i64,
    /// Names in lower case: what the search looks into.
    #[sea_orm(column_type = "Text")]
    pub search: String,
    /// The private chat with the bot.
    pub chat_id: Option<i64>,
    /// When the person last pressed Start.
    pub started_at: Option<i64>,
    /// What stood behind /start.
    #[sea_orm(column_type = "Text", nullable)]
    pub start_payload: Option<String>,
    /// Since when the person can't be written to.
    pub unreachable_at: Option<i64>,
    /// What Telegram said.
    #[sea_orm(column_type = "Text", nullable)]
    pub unreachable_reason: Option<String>,
    /// The city of the place that the person sent last, as GeoNames writes it.
    pub city: Option<String>,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Columns that Telegram's facts own.
const TELEGRAM: &[Column] = &[
    Column::ChatId,
    Column::StartedAt,
    Column::StartPayload,
    Column::UnreachableAt,
    Column::UnreachableReason,
];

/// Columns that LK's word leaves as they are.
const NOT_LKS: &[Column] = &[
    Column::ChatId,
    Column::StartedAt,
    Column::StartPayload,
    Column::UnreachableAt,
    Column::UnreachableReason,
    Column::City,
    Column::Country,
];

impl Model {
    fn bare(user_id: TelegramUserId, created_at: DateTime<Utc>) -> Model {
        Model {
            user_id: user_id.get(),
            version: UNKNOWN_TO_LK,
            first_name: String::new(),
            last_name: None,
            username: None,
            language: String::new(),
            blocked: false,
            created_at: micros(created_at),
            search: String::new(),
            chat_id: None,
            started_at: None,
            start_payload: None,
            unreachable_at: None,
            unreachable_reason: None,
            city: None,
            country: None,
        }
    }

    fn named(mut self, first: &str, last: Option<&String>, username: Option<&String>) -> Model {
        self.first_name = storable(first);
        self.last_name = storable_option(last);
        self.username = storable_option(username);
        self.search = format!(
            "{} @{}",
            self.name(),
            self.username.as_deref().unwrap_or("")
        )
        .to_lowercase();
        self
    }

    /// First and last name.
    pub fn name(&self) -> String {
        match &self.last_name {
            Some(last) => format!("{} {last}", self.first_name).trim().to_owned(),
            None => self.first_name.clone(),
        }
    }

    /// What to call the person: the name, else the username, else the number.
    pub fn called(&self) -> String {
        let name = self.name();
        match (&self.username, name.is_empty()) {
            (_, false) => name,
            (Some(username), true) if !username.is_empty() => format!("@{username}"),
            _ => self.user_id.to_string(),
        }
    }

    /// The state on the wire.
    pub fn state(&self) -> UserState {
        UserState {
            user_id: TelegramUserId(self.user_id),
            version: self.version,
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            username: self.username.clone(),
            language: self.language.clone(),
            blocked: self.blocked,
            // ARM keeps no copy: LK's snapshot is the source of settings.
            settings: NotifySettings::default(),
            created_at: time(self.created_at),
        }
    }
}

/// Takes LK's state of a person. False: a version as new or newer is stored.
///
/// # Errors
/// The database's.
pub async fn take(db: &impl ConnectionTrait, state: &UserState) -> Result<bool, DbErr> {
    let row = Model {
        version: state.version,
        language: storable(&state.language),
        blocked: state.blocked,
        ..Model::bare(state.user_id, state.created_at).named(
            &state.first_name,
            state.last_name.as_ref(),
            state.username.as_ref(),
        )
    };
    newer_wins::<Entity, ActiveModel>(db, row, Column::UserId, Column::Version, NOT_LKS).await
}

/// Makes the row of a person, or overwrites these columns of the one that is there.
async fn put(db: &impl ConnectionTrait, row: Model, columns: &[Column]) -> Result<(), DbErr> {
    let conflict = OnConflict::column(Column::UserId)
        .update_columns(columns.iter().copied())
        .to_owned();
    insert_or(db, row, conflict).await?;
    Ok(())
}

/// Takes the fact that a person pressed Start. The name counts only until LK has said its own.
///
/// # Errors
/// The database's.
pub async fn take_start(db: &impl ConnectionTrait, fact: &UserStarted) -> Result<(), DbErr> {
    let row = Model {
        language: storable(&fact.language),
        chat_id: Some(fact.chat_id.get()),
        started_at: Some(micros(fact.at)),
        start_payload: storable_option(fact.payload.as_ref()),
        ..Model::bare(fact.user_id, fact.at).named(
            &fact.first_name,
            fact.last_name.as_ref(),
            fact.username.as_ref(),
        )
    };
    let names = row.clone();
    put(db, row, TELEGRAM).await?;
    Entity::update_many()
        .col_expr(Column::FirstName, Expr::value(names.first_name))
        .col_expr(Column::LastName, Expr::value(names.last_name))
        .col_expr(Column::Username, Expr::value(names.username))
        .col_expr(Column::Language, Expr::value(names.language))
        .col_expr(Column::Search, Expr::value(names.search))
        .filter(Column::UserId.eq(names.user_id))
        .filter(Column::Version.eq(UNKNOWN_TO_LK))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes the fact that a person can't be written to.
///
/// # Errors
/// The database's.
pub async fn take_unreachable(
    db: &impl ConnectionTrait,
    fact: &UserUnreachable,
) -> Result<(), DbErr> {
    let row = Model {
        unreachable_at: Some(micros(fact.at)),
        unreachable_reason: Some(storable(&fact.reason)),
        ..Model::bare(fact.user_id, fact.at)
    };
    put(db, row, &[Column::UnreachableAt, Column::UnreachableReason]).await
}

/// Takes the city of the place that a person sent.
///
/// # Errors
/// The database's.
pub async fn take_city(
    db: &impl ConnectionTrait,
    user: TelegramUserId,
    city: &str,
    country: Option<&String>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = Model {
        city: Some(storable(city)),
        country: storable_option(country),
        ..Model::bare(user, now)
    };
    put(db, row, &[Column::City, Column::Country]).await
}

/// One person.
///
/// # Errors
/// The database's.
pub async fn get(db: &impl ConnectionTrait, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// The people of these numbers.
///
/// # Errors
/// The database's.
pub async fn of(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<std::collections::HashMap<i64, Model>, DbErr> {
    let rows = Entity::find()
        .filter(Column::UserId.is_in(ids))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row)).collect())
}

/// People whose number is `query`, or whose names contain it; all for an empty one. The newest first.
///
/// # Errors
/// The database's.
pub async fn search(
    db: &impl ConnectionTrait,
    query: &str,
    offset: u64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let query = storable(query.trim()).to_lowercase();
    let mut select = Entity::find();
    if let Ok(id) = query.parse::<i64>() {
        select = select.filter(Column::UserId.eq(id));
    } else if !query.is_empty() {
        select = select.filter(Column::Search.like(contains(&query)));
    }
    select
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::UserId)
        .offset(offset)
        .limit(limit)
        .all(db)
        .await
}

fn contains(text: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

/// How many accounts were made since.
///
/// # Errors
/// The database's.
pub async fn made_since(db: &impl ConnectionTrait, since: DateTime<Utc>) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::CreatedAt.gte(micros(since)))
        .count(db)
        .await
}
