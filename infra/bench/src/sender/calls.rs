//! What the emulator has seen of the bot: its sendMessage calls, read as they come.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// Follows the emulator's list of calls.
pub(super) struct Calls {
    http: reqwest::Client,
    url: String,
    after: u64,
    /// When each text was taken.
    taken: HashMap<String, DateTime<Utc>>,
    /// When messages were taken, in order.
    pub(super) times: Vec<DateTime<Utc>>,
    /// Refusals for going too fast.
    pub(super) too_many: usize,
    /// Other refusals.
    pub(super) refused: usize,
}

#[derive(Deserialize)]
struct Page {
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    seq: u64,
    at: DateTime<Utc>,
    ok: bool,
    error_code: Option<u16>,
    params: Parameters,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    text: String,
}

impl Calls {
    pub(super) fn of(http: &reqwest::Client, sandbox: &str) -> Calls {
        Calls {
            http: http.clone(),
            url: format!("http://{sandbox}/control/calls?method=sendMessage&after="),
            after: 0,
            taken: HashMap::new(),
            times: Vec::new(),
            too_many: 0,
            refused: 0,
        }
    }

    /// Reads what came since the last time.
    pub(super) async fn read(&mut self) -> anyhow::Result<()> {
        let page: Page = self
            .http
            .get(format!("{}{}", self.url, self.after))
            .send()
            .await?
            .json()
            .await?;
        for call in page.calls {
            self.after = self.after.max(call.seq);
            match (call.ok, call.error_code) {
                (true, _) => {
                    self.times.push(call.at);
                    self.taken.insert(call.params.text, call.at);
                }
                (false, Some(429)) => self.too_many += 1,
                (false, _) => self.refused += 1,
            }
        }
        Ok(())
    }

    /// When a text was taken, if it was.
    pub(super) fn taken(&self, text: &str) -> Option<DateTime<Utc>> {
        self.taken.get(text).copied()
    }

    /// How many messages were taken from one moment until another.
    pub(super) fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> usize {
        self.times
            .iter()
            .filter(|at| **at >= from && **at < to)
            .count()
    }
}
