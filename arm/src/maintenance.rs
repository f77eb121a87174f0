//! Closing the shop for maintenance and opening it again. Payments are taken all the same: LK goes on.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::sql;
use geobot_shared::topics::{InfoIn, TgNotify};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::app::App;
use crate::store::audit::{self, Deed};
use crate::store::maintenance::{self, Model};

/// While the shop is closed, how often the bot is told again: it forgets when its Redis is emptied.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Closes or opens the shop: the row, the record for the bot, the audit and the log line in one transaction. Nothing
/// happens when it is so already.
///
/// # Errors
/// The database's.
pub async fn change(
    app: &App,
    staff: &str,
    closed: bool,
    now: DateTime<Utc>,
) -> Result<Model, OutboxError> {
    let cause = Cause::new_story();
    let transaction = sql::begin(&app.db).await?;
    let Some(row) = maintenance::set(&transaction, closed, now).await? else {
        transaction.rollback().await?;
        return Ok(maintenance::get(&app.db).await?);
    };
    let action = if closed { "shop_closed" } else { "shop_opened" };
    let deed = Deed {
        staff,
        action,
        object: ("shop", "maintenance"),
        detail: "",
    };
    audit::enter(&transaction, deed, now).await?;
    let put = &app.outbox;
    put.put::<TgNotify>(&transaction, row.state(), &cause, 0, now)
        .await?;
    let told = InfoIn::new(
        action,
        "Staff changed the maintenance mode",
        json!({ "staff": staff }),
    );
    put.put::<InfoIn>(&transaction, told, &cause, 0, now)
        .await?;
    app.commit(transaction).await?;
    info!(staff, closed, "maintenance_changed");
    Ok(row)
}

/// Tells the bot again and again that the shop is closed, as long as it is.
pub async fn remind(app: Arc<App>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(TOLD_EVERY))
        .await
        .is_some()
    {
        if let Err(error) = tell_again(&app, Utc::now()).await {
            warn!(%error, "maintenance_not_told");
        }
    }
}

/// Tells the bot once more, when the shop is closed. True: it was told.
///
/// # Errors
/// The database's.
pub async fn tell_again(app: &App, now: DateTime<Utc>) -> Result<bool, OutboxError> {
    let row = maintenance::get(&app.db).await?;
    if row.closed {
        let cause = Cause::new_story();
        app.outbox
            .put::<TgNotify>(&app.db, row.state(), &cause, 0, now)
            .await?;
        app.outbox.wake();
    }
    Ok(row.closed)
}
