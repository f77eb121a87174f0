//! The bot's ordeal: many messages to many people through tg_send while everything around it breaks, and afterwards
//! the count of what became of each of them.
//!
//! Telegram storms with 429, answers 5xx, takes messages and loses its answers, cuts connections and is gone for moments;
//! bots are killed, Redis is killed, some people have blocked the bot. None of it may lose a message, send one twice
//! without the bot having counted that this may happen, or change the order in a chat.

mod bots;
mod outcome;
mod plan;
mod reports;
mod trouble;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

pub use self::bots::Bots;
pub use self::outcome::Outcome;
use self::plan::Plan;
use self::reports::Reports;
use self::trouble::Trouble;
use crate::kafka::Kafka;
use crate::own_redis::OwnRedis;
use crate::sandbox::Sandbox;

/// One in so many people has blocked the bot.
const BLOCKS: usize = 30;
/// Telegram's limits in an ordeal: the bot's messages a second to all chats and to one private chat. Real ones would make
/// it last for hours.
pub const BOT_LIMITS: [(&str, &str); 2] = [("BOT_LIMIT_ALL", "300"), ("BOT_LIMIT_PRIVATE", "10")];
/// The same limits as Telegram's stand-in keeps them. Its bursts are longer: a delay between the bot's turn and the
/// arrival of its call does not shrink with the limits.
const SANDBOX_LIMITS: &str =
    r#"{"enabled": true, "all_per_second": 330, "private_per_second": 11, "private_burst": 10}"#;

/// What it needs.
pub struct Ordeal<'a> {
    /// Telegram's stand-in.
    pub sandbox: &'a Sandbox,
    /// Records past the bus.
    pub kafka: &'a Kafka,
    /// Where Kafka is, for reading.
    pub brokers: &'a str,
    /// The bots; they are not started yet.
    pub bots: Bots,
    /// The bots' Redis.
    pub redis: OwnRedis,
    /// People who have started the bot.
    pub people: Vec<i64>,
    /// Messages for each of them.
    pub each: usize,
    /// Time between two troubles.
    pub every: Duration,
    /// How many times everything breaks, at most.
    pub rounds: usize,
    /// How long the troubles and the rest may take.
    pub limit: Duration,
}

impl Ordeal<'_> {
    /// Runs it and counts.
    ///
    /// # Errors
    /// When something can't be started, or the messages are not all answered for in time.
    pub async fn run(mut self) -> Result<Outcome> {
        let began = Instant::now();
        let mut connection = self.redis.connection().await?;
        // Bulk waits until LK has told the bot about its people; there is no LK here.
        redis::cmd("SET")
            .arg("geobot:filled")
            .arg(1)
            .exec_async(&mut connection)
            .await?;
        let limits = serde_json::from_str(SANDBOX_LIMITS)?;
        let usual = self.sandbox.set_limits(limits).await;
        let plan = Plan::new(&self.people, self.each);
        let blocked: Vec<i64> = self.people.iter().copied().step_by(BLOCKS).collect();
        for person in &blocked {
            self.sandbox.block(*person).await;
        }
        let before = self.sandbox.calls_after("sendMessage", 0).await;
        let seq = before.last().map_or(0, |call| call.seq);
        let letters = [
            self.kafka.records_in("tg_send.dlq").await?,
            self.kafka.records_in("tg_send_bulk.dlq").await?,
        ];
        let reports = Reports::follow(self.brokers, plan.run())?;
        self.bots.start_all().await?;
        plan.publish(self.kafka).await;

        let mut trouble = Trouble::new(self.sandbox);
        let mut next = Instant::now() + self.every;
        let done = loop {
            let waiting = plan.len() - reports.answered();
            if waiting == 0 {
                break true;
            }
            if began.elapsed() > self.limit {
                break false;
            }
            if Instant::now() >= next && !trouble.is_over(self.rounds) {
                trouble.next(&mut self.bots, &mut self.redis).await?;
                println!("  {} s: {waiting} messages wait", began.elapsed().as_secs());
                next = Instant::now() + self.every;
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let injected = trouble.end().await;
        // What is repeated after the last kill is repeated before the end: a bot that stops has committed.
        let stopped = self.bots.stop_all().await?;
        self.sandbox.set_limits(usual).await;
        let outcome = Outcome::count(outcome::Found {
            plan: &plan,
            blocked: &blocked,
            calls: self.sandbox.calls_after("sendMessage", seq).await,
            reports: reports.end(),
            ambiguous: self.bots.ambiguous()?,
            counted: self.bots.counted(),
            troubles: trouble.counts(),
            too_many_injected: injected,
            dead_letters: self.kafka.records_in("tg_send.dlq").await?
                + self.kafka.records_in("tg_send_bulk.dlq").await?
                - letters.iter().sum::<i64>(),
            stopped,
            took: began.elapsed(),
        });
        ensure!(
            done,
            "not every message is answered for after {} s: {outcome}\n{}",
            self.limit.as_secs(),
            self.bots.tail()
        );
        Ok(outcome)
    }
}

/// A field of a JSON object as a text.
fn text(value: &serde_json::Value, field: &str) -> Result<String> {
    let text = value[field].as_str();
    Ok(text.with_context(|| format!("no {field}"))?.to_owned())
}
