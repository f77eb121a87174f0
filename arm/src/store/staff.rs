//! Staff accounts.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectionTrait, QueryOrder};

use super::{micros, unreadable};
use crate::access::Role;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "staff")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// What the person types; in lower case.
    #[sea_orm(unique)]
    pub login: String,
    /// argon2id in PHC form.
    pub password_hash: String,
    /// A [`Role`]'s word.
    pub role: String,
    /// May no longer sign in.
    pub disabled: bool,
    /// When it was made.
    pub created_at: i64,
    /// The password is a one-time one: nothing works before it is changed.
    pub must_change: bool,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The role.
    ///
    /// # Errors
    /// For a word that this version does not know.
    pub fn role(&self) -> Result<Role, DbErr> {
        Role::from_name(&self.role).ok_or_else(|| unreadable("role", &self.role))
    }
}

/// A login as it is stored and compared.
pub fn normal(login: &str) -> String {
    super::storable(login.trim()).to_lowercase()
}

/// Whether a login can be an account's: 2 to 64 letters, digits and `. _ - @`.
pub fn is_login(login: &str) -> bool {
    let login = normal(login);
    (2..=64).contains(&login.chars().count())
        && login
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'))
}

/// How many accounts there are.
///
/// # Errors
/// The database's.
pub async fn count(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find().count(db).await
}

/// Makes an account.
///
/// # Errors
/// The database's, also for a login that exists.
pub async fn create(
    db: &impl ConnectionTrait,
    login: &str,
    password_hash: &str,
    role: Role,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: ActiveValue::NotSet,
        login: ActiveValue::Set(normal(login)),
        password_hash: ActiveValue::Set(password_hash.to_owned()),
        role: ActiveValue::Set(role.as_str().to_owned()),
        disabled: ActiveValue::Set(false),
        created_at: ActiveValue::Set(micros(now)),
        must_change: ActiveValue::Set(false),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Every account, by login.
///
/// # Errors
/// The database's.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_asc(Column::Login).all(db).await
}

/// The account of a login.
///
/// # Errors
/// The database's.
pub async fn by_login(db: &impl ConnectionTrait, login: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Login.eq(normal(login)))
        .one(db)
        .await
}

/// The account of a number.
///
/// # Errors
/// The database's.
pub async fn by_id(db: &impl ConnectionTrait, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// Gives an account the password that its owner chose.
///
/// # Errors
/// The database's.
pub async fn set_password(db: &impl ConnectionTrait, id: i64, hash: &str) -> Result<(), DbErr> {
    set(db, id, Column::PasswordHash, hash.into()).await?;
    set(db, id, Column::MustChange, false.into()).await
}

/// Gives an account a password that is only good for choosing another.
///
/// # Errors
/// The database's.
pub async fn set_one_time_password(
    db: &impl ConnectionTrait,
    id: i64,
    hash: &str,
) -> Result<(), DbErr> {
    set(db, id, Column::PasswordHash, hash.into()).await?;
    set(db, id, Column::MustChange, true.into()).await
}

/// Lets an account sign in no longer, or again.
///
/// # Errors
/// The database's.
pub async fn set_disabled(db: &impl ConnectionTrait, id: i64, disabled: bool) -> Result<(), DbErr> {
    set(db, id, Column::Disabled, disabled.into()).await
}

async fn set(
    db: &impl ConnectionTrait,
    id: i64,
    column: Column,
    value: sea_orm::Value,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(column, Expr::value(value))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_logins_are_refused() {
        assert!(is_login("Owner"));
        assert!(is_login("анна.и@shop"));
        for odd in ["", "a", "a b", "<b>", &"x".repeat(65), "a\0b"] {
            assert!(!is_login(odd), "{odd:?}");
        }
    }
}
