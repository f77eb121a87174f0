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
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use url::Url;

use super::alert;
use super::api::LONGEST_PAUSE;
use super::intake::{ALLOWED_UPDATES, publish, read_update};
use crate::store::Store;
use crate::store::lease::RENEW;

/// How long Telegram may keep a call open.
const LONG_POLL: Duration = Duration::from_secs(30);
/// So soon after another one, a refusal because of another reader is no accident.
const AGAIN_WITHIN: Duration = Duration::from_secs(60);
/// How often staff hears of another reader.
const TELL_EVERY: Duration = Duration::from_secs(60 * 60);

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
    /// Told when a webhook is in the way or the token is refused: who looks at both tells staff.
    pub look: Arc<Notify>,
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
        let mut troubles = Troubles::default();
        loop {
            let pause = match self.ask(offset).await {
                Ok(answer) if answer.ok => {
                    troubles.refused = false;
                    self.last_answer.note(Utc::now());
                    self.take(answer.result, &mut offset).await
                }
                Ok(answer) => self.refused(answer, &mut troubles).await,
                Err(error) => {
                    // The address holds the token, so it stays out of the log.
                    warn!(error = %error.without_url(), "updates_not_received");
                    Pause::Growing(Duration::from_millis(200))
                }
            };
            failures = match pause {
                Pause::None => 0,
                Pause::Growing(_) | Pause::Told(_) => failures.saturating_add(1),
            };
            tokio::time::sleep(pause.length(failures)).await;
        }
    }

    async fn refused(&self, answer: Answer, troubles: &mut Troubles) -> Pause {
        let description = answer.description.unwrap_or_default();
        warn!(code = answer.error_code, description, "updates_refused");
        let is_first = !std::mem::replace(&mut troubles.refused, true);
        let is_webhook = description.contains("webhook");
        match answer.error_code {
            // Bot API: 409 means that a webhook is set or somebody else polls with this token; only the words tell which.
            Some(409) if is_webhook && is_first => self.look.notify_one(),
            Some(409) if !is_webhook && troubles.rival.meets(Instant::now()) => {
                alert::another_reader(&self.producer, &description).await;
            }
            // Bot API: 401 for a token that was withdrawn, 404 for one that never was.
            Some(401 | 404) if is_first => self.look.notify_one(),
            _ => {}
        }
        let told = answer.parameters.and_then(|p| p.retry_after);
        match told {
            Some(seconds) => Pause::Told(Duration::from_secs(seconds)),
            None => Pause::Growing(Duration::from_secs(1)),
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

    /// Publishes a batch and raises the offset as far as Kafka has it.
    async fn take(&self, batch: Vec<Box<RawValue>>, offset: &mut Option<i64>) -> Pause {
        if batch.is_empty() {
            // Bot API: after a week without updates the next one has any number, even a lower one, which an old offset
            // would acknowledge unseen. What it stood for is acknowledged by this answer.
            *offset = None;
            return Pause::None;
        }
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
        match failure {
            Some(error) => {
                error!(%error, "updates_not_published");
                Pause::Growing(Duration::from_millis(200))
            }
            // Telegram would answer the same again at once.
            None if safe == 0 => Pause::Growing(Duration::from_secs(1)),
            None => Pause::None,
        }
    }
}

/// What comes before the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    None,
    /// Longer each time.
    Growing(Duration),
    /// As long as Telegram says.
    Told(Duration),
}

impl Pause {
    /// `failures`: how many calls in a row have failed.
    fn length(self, failures: u32) -> Duration {
        match self {
            Pause::None => Duration::ZERO,
            Pause::Growing(first) => {
                let times = 2u32.pow(failures.saturating_sub(1).min(5));
                (first * times).min(LONG_POLL)
            }
            Pause::Told(pause) => pause.clamp(Duration::from_secs(1), LONGEST_PAUSE),
        }
    }
}

/// What is told once.
#[derive(Default)]
struct Troubles {
    /// The last call was refused.
    refused: bool,
    rival: Rival,
}

/// Somebody else who reads the bot's updates. The two take turns in being refused, with answers in between.
#[derive(Default)]
struct Rival {
    met: Option<Instant>,
    told: Option<Instant>,
}

impl Rival {
    /// Whether staff should hear of this refusal: not of a single one, which may come from a replica whose lease has
    /// just ended, and not of each.
    fn meets(&mut self, now: Instant) -> bool {
        let before = self.met.replace(now);
        let again = before.is_some_and(|at| now.duration_since(at) < AGAIN_WITHIN);
        let tell = again
            && self
                .told
                .is_none_or(|at| now.duration_since(at) >= TELL_EVERY);
        if tell {
            self.told = Some(now);
        }
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_what_telegram_says_is_obeyed() {
        let first = Duration::from_millis(200);
        let grown = |failures| Pause::Growing(first).length(failures).as_millis();
        assert_eq!([1, 2, 3, 100].map(grown), [200, 400, 800, 6_400]);
        let long = Pause::Growing(Duration::from_secs(5)).length(u32::MAX);
        assert_eq!(long, Duration::from_secs(30));
        let told = |seconds| {
            Pause::Told(Duration::from_secs(seconds))
                .length(9)
                .as_secs()
        };
        assert_eq!([0, 1, 90].map(told), [1, 1, 90]);
        assert_eq!(told(u64::MAX), 24 * 60 * 60);
        assert_eq!(Pause::None.length(0), Duration::ZERO);
    }

    #[test]
    fn a_rival_is_told_of_once_an_hour_and_a_single_refusal_never() {
        let mut rival = Rival::default();
        let begin = Instant::now();
        let mut at = |seconds| rival.meets(begin + Duration::from_secs(seconds));
        assert!(!at(0));
        assert!(!at(120), "two single ones");
        assert!(at(130));
        assert!((140..3_700).step_by(10).all(|seconds| !at(seconds)));
        assert!(at(3_740));
    }
}
