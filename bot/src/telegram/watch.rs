//! Looks every few minutes whether Telegram still delivers updates to us and to nobody else.

use std::time::Duration;

use geobot_shared::bus::Producer;
use teloxide::Bot;
use teloxide::prelude::Requester;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::Url;

use super::{alert, failure::SendFailure};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(180);

/// Runs until `stop`. `wanted` is our webhook's address, `None` for long polling.
pub async fn run(bot: &Bot, wanted: Option<Url>, producer: &Producer, stop: CancellationToken) {
    let mut alerted = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        match bot.get_webhook_info().await {
            Ok(info) if info.url == wanted => alerted = false,
            Ok(info) => {
                let host = info
                    .url
                    .as_ref()
                    .and_then(Url::host_str)
                    .unwrap_or("nowhere");
                if !std::mem::replace(&mut alerted, true) {
                    alert::foreign_webhook(producer, host).await;
                }
            }
            Err(error) => {
                warn!(error = %SendFailure::from(error), "webhook_not_looked_at");
            }
        }
    }
}
