//! Changes of products: the row, the record for LK, the audit and the log line in one transaction.

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::files::FileError;
use geobot_shared::ids::ProductId;
use geobot_shared::sql;
use geobot_shared::topics::lk_sync_orm::ProductArchived;
use geobot_shared::topics::states::{ProductState, StoredFile};
use geobot_shared::topics::{InfoIn, LkSyncOrm};
use sea_orm::{DatabaseTransaction, DbErr, SqlErr};
use serde_json::json;
use tracing::{info, warn};

use super::Draft;
use crate::app::App;
use crate::store::audit::{self, Deed};
use crate::store::products::{self, Model};

/// The deed that LK is told by an action of its own.
const ARCHIVED: &str = "product_archived";

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// A new product.
    Created(Model),
    /// A new version.
    Changed(Model),
    /// It was so already: no new version.
    Unchanged(Model),
}

impl Saved {
    /// The product as it is now.
    pub fn product(self) -> Model {
        match self {
            Saved::Created(product) | Saved::Changed(product) | Saved::Unchanged(product) => {
                product
            }
        }
    }
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// The file that it would deliver is not in the file store, or is another.
    #[error("the file is not in the file store: upload it first")]
    NoFile,
    /// Somebody else changed it since it was read.
    #[error("the product has been changed meanwhile")]
    Stale,
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for ChangeError {
    fn from(error: DbErr) -> ChangeError {
        ChangeError::Outbox(error.into())
    }
}

impl ChangeError {
    /// Another transaction entered the same new product first.
    fn lost_the_race(&self) -> bool {
        matches!(self, ChangeError::Outbox(OutboxError::Database(error))
            if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))))
    }
}

/// Makes a product, or makes the product of this id be so: asking twice makes one. An archived one stays archived.
///
/// # Errors
/// The database's.
pub async fn create(
    app: &App,
    staff: &str,
    id: Option<ProductId>,
    draft: Draft,
    now: DateTime<Utc>,
) -> Result<Saved, ChangeError> {
    let id = id.unwrap_or_else(|| ProductId::generate(now, rand::random()));
    match put(app, staff, id, draft.clone(), None, true, now).await {
        Err(error) if error.lost_the_race() => put(app, staff, id, draft, None, true, now).await,
        result => result,
    }
}

/// Changes a product; only version `expected` of it, when that is given.
///
/// # Errors
/// [`ChangeError`].
pub async fn update(
    app: &App,
    staff: &str,
    id: ProductId,
    draft: Draft,
    expected: Option<i64>,
    now: DateTime<Utc>,
) -> Result<Saved, ChangeError> {
    put(app, staff, id, draft, expected, false, now).await
}

async fn put(
    app: &App,
    staff: &str,
    id: ProductId,
    draft: Draft,
    expected: Option<i64>,
    may_be_new: bool,
    now: DateTime<Utc>,
) -> Result<Saved, ChangeError> {
    if let Some(file) = draft.stored_file()
        && !is_kept(app, file).await
    {
        return Err(ChangeError::NoFile);
    }
    let transaction = sql::begin(&app.db).await?;
    let Some(row) = products::get_for_change(&transaction, id).await? else {
        if !may_be_new {
            return Err(ChangeError::NotFound);
        }
        let row = Model::new(&draft.state(id, 1, true), crate::store::micros(now), now)?;
        products::insert(&transaction, row.clone()).await?;
        finish(app, transaction, staff, "product_created", &row, now).await?;
        return Ok(Saved::Created(row));
    };
    let state = row.state()?;
    if expected.is_some_and(|expected| expected != state.version) {
        return Err(ChangeError::Stale);
    }
    if draft.is(&state) {
        return Ok(Saved::Unchanged(row));
    }
    let state = draft.state(id, state.version + 1, state.active);
    let row = Model::new(&state, row.created_at, now)?;
    products::replace(&transaction, row.clone()).await?;
    finish(app, transaction, staff, "product_changed", &row, now).await?;
    Ok(Saved::Changed(row))
}

/// Whether the store has the file; nobody shall pay for one that it lacks.
async fn is_kept(app: &App, file: &StoredFile) -> bool {
    let found = async {
        let path = app.files.path(&file.sha256).await?;
        Ok::<_, FileError>(tokio::fs::metadata(path).await?.len())
    };
    match found.await {
        Ok(size) => size == file.size,
        Err(error) => {
            warn!(%error, "file_not_found");
            false
        }
    }
}

/// Takes a product off sale, or puts it back.
///
/// # Errors
/// [`ChangeError`].
pub async fn set_active(
    app: &App,
    staff: &str,
    id: ProductId,
    active: bool,
    now: DateTime<Utc>,
) -> Result<Saved, ChangeError> {
    let transaction = sql::begin(&app.db).await?;
    let row = products::get_for_change(&transaction, id)
        .await?
        .ok_or(ChangeError::NotFound)?;
    if row.active == active {
        return Ok(Saved::Unchanged(row));
    }
    let state = ProductState {
        version: row.version + 1,
        active,
        ..row.state()?
    };
    let row = Model::new(&state, row.created_at, now)?;
    products::replace(&transaction, row.clone()).await?;
    let action = if active { "product_restored" } else { ARCHIVED };
    finish(app, transaction, staff, action, &row, now).await?;
    Ok(Saved::Changed(row))
}

async fn finish(
    app: &App,
    transaction: DatabaseTransaction,
    staff: &str,
    action: &str,
    row: &Model,
    now: DateTime<Utc>,
) -> Result<(), ChangeError> {
    let cause = Cause::new_story();
    let state = row.state()?;
    let record = if action == ARCHIVED {
        LkSyncOrm::ProductArchived(ProductArchived {
            product_id: state.product_id,
            version: state.version,
        })
    } else {
        LkSyncOrm::ProductUpserted(state)
    };
    app.outbox
        .put::<LkSyncOrm>(&transaction, record, &cause, 0, now)
        .await?;
    let line = InfoIn::new(
        action,
        format!("{staff}: {}", row.title),
        json!({ "staff": staff, "product_id": row.product_id, "version": row.version, "price": row.price }),
    )
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &cause, 0, now)
        .await?;
    let deed = Deed {
        staff,
        action,
        object: ("product", &row.product_id),
        detail: &format!("{}, version {}", row.title, row.version),
    };
    audit::enter(&transaction, deed, now).await?;
    app.commit(transaction).await?;
    info!(
        staff,
        action,
        product_id = row.product_id,
        version = row.version,
        "product_saved"
    );
    Ok(())
}
