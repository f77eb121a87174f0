//! Changes of promo codes: the row, the record for LK, the audit and the log line in one transaction.

mod draft;

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::sql;
use geobot_shared::topics::{InfoIn, LkSyncOrm};
use sea_orm::{DbErr, SqlErr};
use serde_json::json;
use tracing::info;

pub use self::draft::{LONGEST_CODE, MOST_USES, PromoDraft, PromoFault, PromoTerms};
use crate::app::App;
use crate::store::audit::{self, Deed};
use crate::store::promos::{self, Model};

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromoSaved {
    /// A new code.
    Created(Model),
    /// A new version.
    Changed(Model),
    /// It was so already.
    Unchanged(Model),
}

impl PromoSaved {
    /// The code as it is now.
    pub fn promo(self) -> Model {
        match self {
            PromoSaved::Created(row) | PromoSaved::Changed(row) | PromoSaved::Unchanged(row) => row,
        }
    }
}

/// Which code is meant to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One that there is not yet.
    New,
    /// This version of one that there is.
    Version(i64),
    /// Whatever there is.
    Any,
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum PromoError {
    /// There is no such code.
    #[error("there is no such promo code")]
    NotFound,
    /// There is one already.
    #[error("there is such a promo code already")]
    Exists,
    /// Somebody else changed it since it was read.
    #[error("the promo code has been changed meanwhile")]
    Stale,
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for PromoError {
    fn from(error: DbErr) -> PromoError {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => PromoError::Exists,
            _ => PromoError::Outbox(error.into()),
        }
    }
}

/// Makes or changes a code.
///
/// # Errors
/// [`PromoError`].
pub async fn save(
    app: &App,
    staff: &str,
    draft: PromoDraft,
    expected: Expected,
    now: DateTime<Utc>,
) -> Result<PromoSaved, PromoError> {
    let transaction = sql::begin(&app.db).await?;
    let known = promos::get_for_change(&transaction, draft.code()).await?;
    match (&known, expected) {
        (Some(_), Expected::New) => return Err(PromoError::Exists),
        (None, Expected::Version(_)) => return Err(PromoError::NotFound),
        (Some(known), Expected::Version(version)) if known.version != version => {
            return Err(PromoError::Stale);
        }
        _ => {}
    }
    let row = draft.row(known.as_ref(), now);
    let action = match &known {
        Some(known) if same(known, &row) => return Ok(PromoSaved::Unchanged(known.clone())),
        Some(_) => {
            promos::replace(&transaction, row.clone()).await?;
            "promo_changed"
        }
        None => {
            promos::insert(&transaction, row.clone()).await?;
            "promo_created"
        }
    };
    let cause = Cause::new_story();
    app.outbox
        .put::<LkSyncOrm>(&transaction, row.state()?, &cause, 0, now)
        .await?;
    let line = InfoIn::new(
        action,
        format!("{staff}: promo code {}", row.code),
        json!({ "staff": staff, "code": row.code, "version": row.version, "active": row.active }),
    )
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &cause, 0, now)
        .await?;
    let deed = Deed {
        staff,
        action,
        object: ("promo", &row.code),
        detail: &format!("version {}", row.version),
    };
    audit::enter(&transaction, deed, now).await?;
    app.commit(transaction).await?;
    info!(staff, action, version = row.version, "promo_saved");
    Ok(match known {
        Some(_) => PromoSaved::Changed(row),
        None => PromoSaved::Created(row),
    })
}

fn same(known: &Model, row: &Model) -> bool {
    let row = Model {
        version: known.version,
        updated_at: known.updated_at,
        ..row.clone()
    };
    *known == row
}
