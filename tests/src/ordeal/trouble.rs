//! What breaks, one thing after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::bots::Bots;
use crate::own_redis::OwnRedis;
use crate::sandbox::Sandbox;

/// One thing that breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Storm,
    KillBot,
    ServerErrors,
    LostAnswers,
    Resets,
    KillRedis,
    /// Telegram answers nobody.
    Outage,
}

/// The order in which things break, again and again.
const ORDER: [Kind; 10] = [
    Kind::LostAnswers,
    Kind::KillBot,
    Kind::Storm,
    Kind::KillRedis,
    Kind::ServerErrors,
    Kind::KillBot,
    Kind::Resets,
    Kind::Outage,
    Kind::LostAnswers,
    Kind::KillBot,
];
/// How long Telegram is gone.
const OUTAGE: Duration = Duration::from_millis(1_500);
/// Calls that one fault strikes.
const STRIKES: u64 = 25;

pub(super) struct Trouble<'a> {
    sandbox: &'a Sandbox,
    begun: usize,
    killed: usize,
    counts: BTreeMap<&'static str, usize>,
    /// 429s that were ordered.
    too_many: u64,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Storm => "storms_of_429",
            Kind::KillBot => "bots_killed",
            Kind::ServerErrors => "series_of_5xx",
            Kind::LostAnswers => "series_of_lost_answers",
            Kind::Resets => "series_of_resets",
            Kind::KillRedis => "redis_killed",
            Kind::Outage => "outages",
        }
    }
}

impl<'a> Trouble<'a> {
    pub(super) fn new(sandbox: &'a Sandbox) -> Trouble<'a> {
        Trouble {
            sandbox,
            begun: 0,
            killed: 0,
            counts: BTreeMap::new(),
            too_many: 0,
        }
    }

    /// Whether it has been all round so many times: then what is left comes to its end in peace.
    pub(super) fn is_over(&self, rounds: usize) -> bool {
        self.begun >= ORDER.len() * rounds
    }

    /// The next thing breaks.
    pub(super) async fn next(&mut self, bots: &mut Bots, redis: &mut OwnRedis) -> Result<()> {
        let kind = ORDER[self.begun % ORDER.len()];
        self.begun += 1;
        *self.counts.entry(kind.word()).or_default() += 1;
        match kind {
            Kind::Storm => {
                self.too_many += STRIKES;
                let storm = json!({"kind": "too_many_requests", "retry_after": 1});
                self.strike(storm, STRIKES).await;
            }
            Kind::ServerErrors => self.strike(json!({"kind": "server_error"}), STRIKES).await,
            Kind::Resets => self.strike(json!({"kind": "reset"}), STRIKES).await,
            Kind::LostAnswers => {
                let lost = json!({"kind": "timeout_after_accept", "delay_ms": 700});
                self.strike(lost, STRIKES).await;
            }
            Kind::Outage => {
                let gone = json!({"target": "telegram", "kind": "server_error"});
                self.peace().await;
                self.sandbox.break_something(gone).await;
                tokio::time::sleep(OUTAGE).await;
                self.peace().await;
            }
            Kind::KillBot => {
                let bot = self.killed % bots.count();
                self.killed += 1;
                bots.kill_and_start(bot).await?;
            }
            Kind::KillRedis => redis.kill_and_run().await?,
        }
        Ok(())
    }

    async fn strike(&self, mut fault: Value, times: u64) {
        fault["target"] = json!("telegram");
        fault["method"] = json!("sendMessage");
        fault["times"] = json!(times);
        self.sandbox.break_something(fault).await;
    }

    /// Telegram works again. What is left of storms is not counted as given.
    async fn peace(&mut self) {
        let left: u64 = self.sandbox.faults().await.iter().map(left_of_storm).sum();
        self.sandbox.clear_faults().await;
        self.too_many = self.too_many.saturating_sub(left);
    }

    /// Peace. How many 429s were ordered and given.
    pub(super) async fn end(&mut self) -> u64 {
        self.peace().await;
        self.too_many
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
        self.counts.clone()
    }
}

fn left_of_storm(fault: &Value) -> u64 {
    match fault["kind"].as_str() {
        Some("too_many_requests") => fault["times"].as_u64().unwrap_or(0),
        _ => 0,
    }
}
