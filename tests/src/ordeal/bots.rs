//! The bots as processes that are killed and started again, and what they say of themselves.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::text;
use crate::process::{self, Process, Signal};
use crate::watchdog::Watchdog;

/// What the bot calls a sending of which nobody knows whether it went out.
const AMBIGUOUS: &str = "send_ambiguous";
/// The same as a metric.
const METRIC: &str = "geobot_sends_ambiguous_total";

/// Several bots that share the work.
pub struct Bots {
    /// What each of them is told.
    settings: Vec<(String, String)>,
    folder: PathBuf,
    watchdog: Arc<Watchdog>,
    http: reqwest::Client,
    addresses: Vec<String>,
    running: Vec<Option<Process>>,
    /// What their metrics counted until each was killed.
    counted: u64,
}

const NAMES: [&str; 3] = ["ordeal-bot-0", "ordeal-bot-1", "ordeal-bot-2"];

impl Bots {
    /// Bots with these settings, one for each address; at most three. Their logs are kept in the folder.
    #[must_use]
    pub fn new(
        settings: Vec<(String, String)>,
        addresses: Vec<String>,
        folder: PathBuf,
        watchdog: &Arc<Watchdog>,
    ) -> Bots {
        Bots {
            settings,
            folder,
            watchdog: Arc::clone(watchdog),
            http: reqwest::Client::new(),
            running: addresses.iter().take(NAMES.len()).map(|_| None).collect(),
            addresses,
            counted: 0,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    /// Starts all of them.
    ///
    /// # Errors
    /// When one does not become ready.
    pub async fn start_all(&mut self) -> Result<()> {
        for bot in 0..self.count() {
            self.start(bot).await?;
        }
        Ok(())
    }

    async fn start(&mut self, bot: usize) -> Result<()> {
        let mut settings = self.settings.clone();
        let mut set = |name: &str, value: &str| {
            settings.retain(|(known, _)| known != name);
            settings.push((name.to_owned(), value.to_owned()));
        };
        set("BOT_LISTEN", &self.addresses[bot]);
        set("LOG_FORMAT", "json");
        set("RUST_LOG", "warn");
        let command = process::command("geobot-bot", &self.folder, &settings)?;
        let mut process = Process::start(
            NAMES[bot],
            command,
            &self.addresses[bot],
            &self.folder,
            &self.watchdog,
        )?;
        process.ready(&self.http).await?;
        self.running[bot] = Some(process);
        Ok(())
    }

    /// SIGKILL, and a new start.
    pub(super) async fn kill_and_start(&mut self, bot: usize) -> Result<()> {
        self.counted += self.metric(bot).await.unwrap_or(0);
        drop(self.running[bot].take());
        self.start(bot).await
    }

    /// SIGTERM to all; how long the slowest took.
    pub(super) async fn stop_all(&mut self) -> Result<Duration> {
        let mut slowest = Duration::ZERO;
        for bot in 0..self.count() {
            self.counted += self.metric(bot).await.unwrap_or(0);
            let Some(mut process) = self.running[bot].take() else {
                continue;
            };
            process.signal(Signal::Term)?;
            let (status, took) = process.wait().await?;
            ensure!(
                status.success(),
                "a bot ended with {}",
                process::how(status)
            );
            slowest = slowest.max(took);
        }
        Ok(slowest)
    }

    async fn metric(&self, bot: usize) -> Result<u64> {
        let url = format!("http://{}/metrics", self.addresses[bot]);
        let metrics = self.http.get(url).send().await?.text().await?;
        let counts = metrics.lines().filter(|line| line.starts_with(METRIC));
        let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        Ok(counts.sum())
    }

    /// How many ambiguous sendings the metrics counted, as far as they could be read before each kill.
    pub(super) fn counted(&self) -> u64 {
        self.counted
    }

    fn logs(&self) -> impl Iterator<Item = PathBuf> {
        let names = NAMES.iter().take(self.count());
        names.map(|name| self.folder.join(format!("{name}.log")))
    }

    /// How often each request was ambiguous, by the logs.
    pub(super) fn ambiguous(&self) -> Result<HashMap<String, usize>> {
        let mut times = HashMap::new();
        for log in self.logs() {
            let lines = std::fs::read_to_string(log)?;
            for line in lines.lines().filter(|line| line.contains(AMBIGUOUS)) {
                let event: Value = serde_json::from_str(line)
                    .with_context(|| format!("a line that is no JSON: {line}"))?;
                *times.entry(text(&event, "request")?).or_default() += 1;
            }
        }
        Ok(times)
    }

    /// The ends of their logs.
    pub(super) fn tail(&self) -> String {
        let logs = self
            .logs()
            .filter_map(|log| std::fs::read_to_string(log).ok());
        let ends = logs.map(|log| {
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(15)..].join("\n")
        });
        ends.collect::<Vec<_>>().join("\n")
    }
}
