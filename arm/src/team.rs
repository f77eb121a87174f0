//! Staff accounts: who is in, who is out, and passwords that are good for one thing only.

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::sql;
use geobot_shared::topics::InfoIn;
use sea_orm::{DatabaseTransaction, DbErr, SqlErr};
use serde_json::json;
use tracing::info;

use crate::access::Role;
use crate::app::App;
use crate::passwords::PasswordError;
use crate::store::audit::{self, Deed};
use crate::store::{sessions, staff};

/// Letters and digits that nobody takes for one another; 32 of them, so that each is 5 bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// Not a login.
    #[error("a login has 2 to 64 letters, digits and . _ - @")]
    Login,
    /// Somebody has this login.
    #[error("there is such an account already")]
    Exists,
    /// Nobody shuts themselves out.
    #[error("this is your own account")]
    Own,
    /// A password can't be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for TeamError {
    fn from(error: DbErr) -> TeamError {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => TeamError::Exists,
            _ => TeamError::Outbox(error.into()),
        }
    }
}

/// A password that is shown once; nothing works with it but choosing another.
fn one_time_password() -> String {
    let random: [u8; 16] = rand::random();
    let mut password = String::with_capacity(19);
    for (n, byte) in random.into_iter().enumerate() {
        if n > 0 && n % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    }
    password
}

/// Adds an account and returns its one-time password.
///
/// # Errors
/// [`TeamError`].
pub async fn add(
    app: &App,
    by: &str,
    login: &str,
    role: Role,
    now: DateTime<Utc>,
) -> Result<String, TeamError> {
    if !staff::is_login(login) {
        return Err(TeamError::Login);
    }
    let login = staff::normal(login);
    let password = one_time_password();
    let hash = app.passwords.hash(&password).await?;
    let transaction = sql::begin(&app.db).await?;
    staff::create(&transaction, &login, &hash, role, now).await?;
    let account = staff::by_login(&transaction, &login)
        .await?
        .ok_or(TeamError::NotFound)?;
    staff::set_one_time_password(&transaction, account.id, &hash).await?;
    finish(app, transaction, by, "staff_created", &account, now).await?;
    Ok(password)
}

/// Gives an account a new one-time password, which is returned; all its sessions end.
///
/// # Errors
/// [`TeamError`].
pub async fn reset_password(
    app: &App,
    by: &str,
    id: i64,
    now: DateTime<Utc>,
) -> Result<(staff::Model, String), TeamError> {
    let password = one_time_password();
    let hash = app.passwords.hash(&password).await?;
    let transaction = sql::begin(&app.db).await?;
    let account = other(&transaction, by, id).await?;
    staff::set_one_time_password(&transaction, id, &hash).await?;
    sessions::close_all(&transaction, id).await?;
    finish(app, transaction, by, "staff_password_reset", &account, now).await?;
    Ok((account, password))
}

/// Lets an account in no longer, or again; its sessions end.
///
/// # Errors
/// [`TeamError`].
pub async fn set_disabled(
    app: &App,
    by: &str,
    id: i64,
    disabled: bool,
    now: DateTime<Utc>,
) -> Result<(), TeamError> {
    let transaction = sql::begin(&app.db).await?;
    let account = other(&transaction, by, id).await?;
    staff::set_disabled(&transaction, id, disabled).await?;
    sessions::close_all(&transaction, id).await?;
    let action = if disabled {
        "staff_disabled"
    } else {
        "staff_enabled"
    };
    finish(app, transaction, by, action, &account, now).await
}

/// The account, which must not be one's own: so there is always an owner who can sign in.
async fn other(
    transaction: &DatabaseTransaction,
    by: &str,
    id: i64,
) -> Result<staff::Model, TeamError> {
    let account = staff::by_id(transaction, id)
        .await?
        .ok_or(TeamError::NotFound)?;
    if account.login == by {
        return Err(TeamError::Own);
    }
    Ok(account)
}

async fn finish(
    app: &App,
    transaction: DatabaseTransaction,
    by: &str,
    action: &str,
    account: &staff::Model,
    now: DateTime<Utc>,
) -> Result<(), TeamError> {
    let cause = Cause::new_story();
    let line = InfoIn::new(
        action,
        format!("{by}: account {}", account.login),
        json!({ "staff": by, "login": account.login, "role": account.role }),
    )
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &cause, 0, now)
        .await?;
    let deed = Deed {
        staff: by,
        action,
        object: ("staff", &account.login),
        detail: &account.role,
    };
    audit::enter(&transaction, deed, now).await?;
    app.commit(transaction).await?;
    info!(staff = by, action, login = account.login, "staff_changed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SHORTEST_PASSWORD;

    #[test]
    fn one_time_passwords_differ_and_are_long_enough() {
        let (a, b) = (one_time_password(), one_time_password());
        assert_ne!(a, b);
        assert_eq!(a.len(), 19);
        assert!(a.chars().count() >= SHORTEST_PASSWORD);
        assert!(a.chars().all(|c| c == '-' || ALPHABET.contains(&(c as u8))));
    }
}
