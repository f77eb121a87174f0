//! Keys for a product's stock. They go to LK through the outbox and are kept nowhere else.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::bus::{Cause, dedupe};
use geobot_shared::ids::ProductId;
use geobot_shared::sql;
use geobot_shared::topics::lk_sync_orm::{KeysUploaded, MOST_KEYS};
use geobot_shared::topics::states::{Delivery, LONGEST_KEY};
use geobot_shared::topics::{InfoIn, LkSyncOrm};
use sea_orm::DbErr;
use serde_json::json;
use tracing::info;
use uuid::Uuid;

use crate::app::App;
use crate::store::audit::{self, Deed};
use crate::store::products;

/// The most keys of one upload.
pub const MOST_IN_UPLOAD: usize = 10_000;
/// The most bytes of keys in one record, far below Kafka's limit of 1 MB.
const MOST_BYTES: usize = 256 * 1_024;

/// What went to LK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Different keys.
    pub keys: usize,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// The product is not sold from a stock.
    #[error("the product is not sold from a stock of keys")]
    NoStock,
    /// No key at all.
    #[error("there is no key")]
    Empty,
    /// Too many keys.
    #[error("an upload has at most {MOST_IN_UPLOAD} keys")]
    TooMany,
    /// A key that can't be, by its number.
    #[error("key {0} is longer than {LONGEST_KEY} characters or has a control character")]
    Bad(usize),
    /// The database's.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<DbErr> for UploadError {
    fn from(error: DbErr) -> UploadError {
        UploadError::Outbox(error.into())
    }
}

/// Sends keys to LK, each once; empty lines are left out. The upload's number makes a second press of the button
/// harmless.
///
/// # Errors
/// [`UploadError`]; it names no key.
pub async fn upload_keys<'a>(
    app: &App,
    staff: &str,
    product: ProductId,
    upload: Uuid,
    lines: impl IntoIterator<Item = &'a str>,
    now: DateTime<Utc>,
) -> Result<Uploaded, UploadError> {
    let keys = read(lines)?;
    let transaction = sql::begin(&app.db).await?;
    let row = products::get(&transaction, product)
        .await?
        .ok_or(UploadError::NotFound)?;
    if !matches!(row.state()?.delivery, Delivery::Key { .. }) {
        return Err(UploadError::NoStock);
    }
    let uploaded = Uploaded { keys: keys.len() };
    let cause = Cause {
        message_id: upload.to_string(),
        ..Cause::new_story()
    };
    if !dedupe::first_time(&transaction, &cause.message_id, now).await? {
        transaction.rollback().await?;
        return Ok(uploaded);
    }
    for (index, keys) in (0..).zip(records(keys)) {
        let record = KeysUploaded {
            product_id: product,
            upload_id: upload,
            keys,
        };
        app.outbox
            .put::<LkSyncOrm>(&transaction, record, &cause, index, now)
            .await?;
    }
    let line = InfoIn::new(
        "keys_sent",
        format!("{staff}: keys for {}", row.title),
        json!({ "staff": staff, "product_id": product, "upload_id": upload, "keys": uploaded.keys }),
    )
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(&transaction, line, &cause, 0, now)
        .await?;
    let deed = Deed {
        staff,
        action: "keys_uploaded",
        object: ("product", &row.product_id),
        detail: &format!("{} keys, upload {upload}", uploaded.keys),
    };
    audit::enter(&transaction, deed, now).await?;
    app.commit(transaction).await?;
    info!(staff, product_id = %product, upload_id = %upload, keys = uploaded.keys, "keys_sent");
    Ok(uploaded)
}

fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, UploadError> {
    let mut keys = Vec::new();
    let mut seen = HashSet::new();
    for (number, line) in (1..).zip(lines) {
        let key = line.trim();
        if key.is_empty() {
            continue;
        }
        if key.chars().count() > LONGEST_KEY || key.chars().any(char::is_control) {
            return Err(UploadError::Bad(number));
        }
        if seen.insert(key) {
            keys.push(key.to_owned());
        }
        if keys.len() > MOST_IN_UPLOAD {
            return Err(UploadError::TooMany);
        }
    }
    if keys.is_empty() {
        return Err(UploadError::Empty);
    }
    Ok(keys)
}

/// The keys in parts that fit into records.
fn records(keys: Vec<String>) -> Vec<Vec<String>> {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for key in keys {
        bytes += key.len();
        match parts.last_mut() {
            Some(part) if part.len() < MOST_KEYS && bytes <= MOST_BYTES => part.push(key),
            _ => {
                bytes = key.len();
                parts.push(vec![key]);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_keys_each_once() {
        let text = " A-1 \r\n\r\nB-2\nA-1\n";
        assert_eq!(read(text.lines()).unwrap(), ["A-1", "B-2"]);
    }

    #[test]
    fn bad_lines_are_named_by_number() {
        assert!(matches!(read(["", " "]), Err(UploadError::Empty)));
        let long = "x".repeat(LONGEST_KEY + 1);
        assert!(matches!(read(["a", &long]), Err(UploadError::Bad(2))));
        assert!(matches!(read(["a\tb"]), Err(UploadError::Bad(1))));
        let many: Vec<String> = (0..=MOST_IN_UPLOAD).map(|n| n.to_string()).collect();
        let many = many.iter().map(String::as_str);
        assert!(matches!(read(many), Err(UploadError::TooMany)));
    }

    #[test]
    fn no_record_has_too_many_keys_or_bytes() {
        let short: Vec<String> = (0..1_201).map(|n| n.to_string()).collect();
        let parts = records(short.clone());
        assert_eq!(
            parts.iter().map(Vec::len).collect::<Vec<_>>(),
            [500, 500, 201]
        );
        assert_eq!(parts.concat(), short);
        let long: Vec<String> = (0..600).map(|n| format!("{n:🔑>500}")).collect();
        for part in records(long) {
            assert!(part.iter().map(String::len).sum::<usize>() <= MOST_BYTES);
        }
    }
}
