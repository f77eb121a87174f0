//! Redis lost and empty is filled again: the bot asks LK for all people and the catalogue until both are there.

use std::time::Duration;

use geobot_shared::bus::{Cause, Producer, PublishError};
use geobot_shared::topics::LkSyncTg;
use geobot_shared::topics::lk_sync_tg::{CatalogRequested, PeopleRequested};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::store::{Store, StoreError};

/// How often it looks whether Redis is filled.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long it waits for an answer before it asks again.
const ASK_AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
enum FillError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Runs until `stop`.
pub async fn run(store: &Store, producer: &Producer, stop: CancellationToken) {
    let mut asked = None;
    loop {
        match look(store, producer, &mut asked).await {
            Ok(()) => {}
            Err(error) => warn!(%error, "fill_failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn look(
    store: &Store,
    producer: &Producer,
    asked: &mut Option<(Uuid, Instant)>,
) -> Result<(), FillError> {
    if store.is_filled().await? {
        *asked = None;
        return Ok(());
    }
    // Asked again, it stays the same request: the first answer to it that is whole is enough.
    let request_id = store.begin_filling(Uuid::now_v7()).await?;
    if asked.is_some_and(|(id, at)| id == request_id && at.elapsed() < ASK_AGAIN) {
        return Ok(());
    }
    let cause = Cause::new_story();
    info!(%request_id, "people_requested");
    producer
        .publish::<LkSyncTg>(PeopleRequested { request_id }, &cause)
        .await?;
    producer
        .publish::<LkSyncTg>(CatalogRequested {}, &cause)
        .await?;
    *asked = Some((request_id, Instant::now()));
    Ok(())
}
