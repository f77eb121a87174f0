//! Whether Telegram as a whole is down. A 5xx or a lost answer may be about one message: then only that message is in
//! trouble and has so many tries. When Telegram answers nobody, sending stops, costs nothing and goes on afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::api::Api;

/// How often Telegram is asked, at most.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// What is known of Telegram.
#[derive(Default)]
pub(super) struct Outage {
    down: AtomicBool,
    asked: Mutex<Option<Instant>>,
}

impl Outage {
    /// After a call that got no answer: whether others get none either.
    pub(super) async fn suspected(&self, api: &Api) -> bool {
        let mut asked = self.asked.lock().await;
        if asked.is_none_or(|at| at.elapsed() >= ASK_EVERY) {
            let down = !api.answers().await;
            *asked = Some(Instant::now());
            match (self.down.swap(down, Ordering::AcqRel), down) {
                (false, true) => warn!("telegram_lost"),
                (true, false) => info!("telegram_found_again"),
                _ => {}
            }
        }
        self.down.load(Ordering::Acquire)
    }

    /// Before a call: whether Telegram is still down. Costs nothing while it is not known to be.
    pub(super) async fn lasts(&self, api: &Api) -> bool {
        self.down.load(Ordering::Acquire) && self.suspected(api).await
    }
}
