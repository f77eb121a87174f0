//! Long polling. The offset, which acknowledges updates to Telegram, is raised only after Kafka has them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use geobot_shared::bus::Producer;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use url::Url;

use super::alert;
use super::intake::{ALLOWED_UPDATES, publish, read_update};
use crate::store::Store;
use crate::store::lease::RENEW;

/// How long Telegram may keep a call open.
const LONG_POLL: Duration = Duration::from_secs(30);

/// When Telegram answered last, for the readiness of the bot. Cheap to clone.
#[derive(Clone, Default)]
pub struct LastAnswer(Arc<AtomicI64>);

impl LastAnswer {
    fn note(&self, now: DateTime<Utc>) {
        self.0.store(now.timestamp(), Ordering::Release);
    }

    /// Whether Telegram answered within two long polls.
    ///
    /// # Errors
    /// Since when it has not.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), String> {
        let silent = now.timestamp() - self.0.load(Ordering::Acquire);
        if silent <= 2 * LONG_POLL.as_secs() as i64 {
            return Ok(());
        }
        Err(format!("no updates could be asked for since {silent} s"))
    }
}

/// Asks Telegram for updates until it is told to stop.
pub struct Poller {
    /// When Telegram answered last.
    pub last_answer: LastAnswer,
    /// Where the lease is.
    pub store: Store,
    /// HTTP without a time-out of its own.
    pub http: reqwest::Client,
    /// Bot API address.
    pub api: Url,
    /// Bot token.
    pub token: SecretString,
    /// The bot's own id.
    pub bot_id: u64,
    /// Where updates go.
    pub producer: Producer,
    /// Told when a webhook is in the way: who looks at webhooks tells staff of it.
    pub webhook_met: Arc<Notify>,
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    result: Vec<Box<RawValue>>,
    error_code: Option<i64>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

impl Poller {
    /// Runs until `stop`. Only the replica that holds the lease polls; the others wait to take it over.
    pub async fn run(self, stop: CancellationToken) {
        self.last_answer.note(Utc::now());
        while !stop.is_cancelled() {
            if self.holds_lease().await {
                tokio::select! {
                    () = self.poll() => {}
                    () = self.keep_lease() => warn!("poll_lease_lost"),
                    () = stop.cancelled() => {}
                }
            } else {
                // Somebody else asks; that is as good as an answer.
                self.last_answer.note(Utc::now());
                tokio::select! {
                    () = tokio::time::sleep(RENEW) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        if let Err(error) = self.store.give_poll_lease_back().await {
            warn!(%error, "poll_lease_not_given_back");
        }
    }

    async fn holds_lease(&self) -> bool {
        match self.store.take_poll_lease().await {
            Ok(held) => held,
            Err(error) => {
                warn!(%error, "poll_lease_not_taken");
                false
            }
        }
    }

    /// Renews the lease as long as it is ours.
    async fn keep_lease(&self) {
        loop {
            tokio::time::sleep(RENEW).await;
            if !self.holds_lease().await {
                return;
            }
        }
    }

    /// Polls for ever.
    async fn poll(&self) {
        let mut offset: Option<i64> = None;
        let mut failures = 0u32;
        let mut conflict = false;
        loop {
            let pause = match self.ask(offset).await {
                Ok(answer) if answer.ok => {
                    conflict = false;
                    self.last_answer.note(Utc::now());
                    self.take(answer.result, &mut offset).await
                }
                Ok(answer) => {
                    let description = answer.description.unwrap_or_default();
                    warn!(code = answer.error_code, description, "updates_refused");
                    if answer.error_code == Some(409) && !std::mem::replace(&mut conflict, true) {
                        self.met(&description).await;
                    }
                    let ordered = answer.parameters.and_then(|p| p.retry_after);
                    Some(Duration::from_secs(ordered.unwrap_or(1)))
                }
                Err(error) => {
                    // The address holds the token, so it stays out of the log.
                    warn!(error = %error.without_url(), "updates_not_received");
                    Some(Duration::from_millis(200))
                }
            };
            let Some(pause) = pause else {
                failures = 0;
                continue;
            };
            let pause = (pause * 2u32.pow(failures.min(5))).min(Duration::from_secs(30));
            failures += 1;
            tokio::time::sleep(pause).await;
        }
    }

    /// Bot API: 409 means that a webhook is set or somebody else polls with this token; only the words tell which.
    async fn met(&self, description: &str) {
        match description.contains("webhook") {
            true => self.webhook_met.notify_one(),
            false => alert::another_reader(&self.producer, description).await,
        }
    }

    async fn ask(&self, offset: Option<i64>) -> Result<Answer, reqwest::Error> {
        let url = format!("{}bot{}/getUpdates", self.api, self.token.expose_secret());
        let body = serde_json::json!({
            "offset": offset,
            "timeout": LONG_POLL.as_secs(),
            "allowed_updates": ALLOWED_UPDATES,
        });
        let limit = LONG_POLL + Duration::from_secs(10);
        self.http
            .post(url)
            .timeout(limit)
            .json(&body)
            .send()
            .await?
            .json()
            .await
    }

    /// Publishes a batch and raises the offset as far as Kafka has it. Returns a pause when something failed.
    async fn take(&self, batch: Vec<Box<RawValue>>, offset: &mut Option<i64>) -> Option<Duration> {
        let mut updates = Vec::with_capacity(batch.len());
        for raw in batch {
            match read_update(raw) {
                Ok(update) => updates.push(update),
                Err(error) => error!(%error, "update_without_number_dropped"),
            }
        }
        let numbers: Vec<i64> = updates.iter().map(|update| update.update_id).collect();
        let (safe, failure) = publish(&self.producer, self.bot_id, updates).await;
        if let Some(last) = safe.checked_sub(1).and_then(|last| numbers.get(last)) {
            *offset = Some(last + 1);
        }
        metrics::counter!("geobot_updates_total").increment(safe as u64);
        failure.map(|error| {
            error!(%error, "updates_not_published");
            Duration::from_millis(200)
        })
    }
}
