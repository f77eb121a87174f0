//! The catalogue: ARM's products are copied, and the bot is told what is new.

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::topics::TgNotify;
use geobot_shared::topics::lk_sync_orm::ProductArchived;
use geobot_shared::topics::states::{CatalogItem, ProductState};
use geobot_shared::topics::tg_notify::CatalogChanged;
use sea_orm::ConnectionTrait;

use crate::app::App;
use crate::store::products;

/// So many products travel in one record, which must stay below Kafka's limit of 1 MB.
const PER_RECORD: usize = 100;

/// ARM changed a product.
///
/// # Errors
/// The database's; [`HandleError::BadData`] for a negative price.
pub async fn product_upserted(
    app: &App,
    product: ProductState,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    if product.price.kopecks() < 0 {
        return Err(HandleError::BadData("the price is negative".to_owned()));
    }
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    if let Some(taken) = products::take_over(&txn, &product, now).await? {
        tell(app, &txn, vec![taken.item], 0, cause, now).await?;
    }
    Ok(app.commit(txn).await?)
}

/// ARM took a product out of the menu. One that is not known is not in any menu.
///
/// # Errors
/// The database's.
pub async fn product_archived(
    app: &App,
    product: ProductArchived,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    if let Some(gone) = products::archive(&txn, product.product_id, product.version, now).await? {
        tell(app, &txn, vec![gone.item], 0, cause, now).await?;
    }
    Ok(app.commit(txn).await?)
}

/// The bot has no catalogue: it gets all products, archived ones too, so that none stays in its menu by mistake.
///
/// # Errors
/// The database's.
pub async fn requested(app: &App, cause: &Cause, now: DateTime<Utc>) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let items: Vec<CatalogItem> = products::all(&txn)
        .await?
        .into_iter()
        .map(|product| product.item)
        .collect();
    if items.is_empty() {
        tell(app, &txn, Vec::new(), 0, cause, now).await?;
    }
    for (index, part) in (0_u32..).zip(items.chunks(PER_RECORD)) {
        tell(app, &txn, part.to_vec(), index, cause, now).await?;
    }
    Ok(app.commit(txn).await?)
}

/// Tells the bot what is new about products, within the caller's transaction.
///
/// # Errors
/// [`OutboxError`].
pub async fn tell(
    app: &App,
    db: &impl ConnectionTrait,
    products: Vec<CatalogItem>,
    index: u32,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    app.outbox
        .put::<TgNotify>(db, CatalogChanged { products }, cause, index, now)
        .await
}
