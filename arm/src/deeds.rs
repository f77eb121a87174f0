//! What staff do: the record that carries it on, the line for the log and the row of the audit are one transaction.

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::topics::{InfoIn, Topic};
use sea_orm::DatabaseTransaction;
use serde_json::Value;
use tracing::info;
use uuid::Uuid;

use crate::app::App;
use crate::store::audit::{self, Deed};

/// A deed and what the log says of it.
#[derive(Clone, Debug)]
pub(crate) struct Told<'a> {
    /// For the audit.
    pub(crate) deed: Deed<'a>,
    /// Fields for the log, beside `staff` and `detail`.
    pub(crate) fields: Value,
}

/// A story that begins with a form. Its number makes a second press of the button harmless.
pub(crate) fn story_of(form: Uuid) -> Cause {
    Cause {
        message_id: form.to_string(),
        ..Cause::new_story()
    }
}

/// Ends the transaction of a deed: its record goes out, the log and the audit have it.
pub(crate) async fn commit<T: Topic>(
    app: &App,
    transaction: DatabaseTransaction,
    record: impl Into<T>,
    told: Told<'_>,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let Told { deed, mut fields } = told;
    app.outbox
        .put::<T>(&transaction, record, cause, 0, now)
        .await?;
    if let Value::Object(fields) = &mut fields {
        fields.insert("staff".to_owned(), deed.staff.into());
        fields.insert("detail".to_owned(), deed.detail.into());
    }
    let (kind, id) = deed.object;
    let line = InfoIn::new(deed.action, format!("{}: {kind} {id}", deed.staff), fields)
        .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, cause, 0, now)
        .await?;
    audit::enter(&transaction, deed, now).await?;
    app.commit(transaction).await?;
    info!(
        staff = deed.staff,
        action = deed.action,
        kind,
        id,
        "deed_done"
    );
    Ok(())
}
