//! (a) At Telegram's limits, with a long queue and answers beside it.

use std::time::Duration;

use anyhow::ensure;
use chrono::Utc;
use geobot_shared::topics::tg_send::Priority;
use geobot_tests::kafka::Kafka;
use serde::Serialize;

use super::calls::Calls;
use super::graph::Graph;

/// Messages a second to all chats, as the bot and the emulator have it by default.
const ALLOWANCE: f64 = 30.0;
/// People who get answers and nothing else.
const ASKING: usize = 30;
/// Where bulk waits.
const QUEUE: &str = "tg_send_bulk";
/// How long moving it there may take.
const MOVE: Duration = Duration::from_secs(900);
/// How long the start may take.
const START: Duration = Duration::from_secs(30);

#[derive(Serialize)]
pub(super) struct Figures {
    /// Share of the allowance that was used.
    pub(super) share: f64,
    /// Messages a second.
    per_second: f64,
    /// Refusals for going too fast.
    too_many_requests: usize,
    /// Answers: median and longest wait, in milliseconds from Kafka's acknowledgement to the emulator.
    answer_p50_ms: f64,
    answer_longest_ms: f64,
    answers: usize,
    /// The bot's resident memory after the start and at the end.
    memory_first_mb: f64,
    memory_last_mb: f64,
    /// How fast bulk goes from tg_send to the queue, the bot's start included.
    moved_per_second: f64,
    queue: usize,
    seconds: u64,
}

pub(super) async fn measure(
    graph: &mut Graph,
    queue: usize,
    seconds: u64,
) -> anyhow::Result<Figures> {
    let (asking, others) = graph.people().split_at(ASKING);
    let (asking, others) = (asking.to_vec(), others.to_vec());
    println!("putting {queue} messages into the queue …");
    let bulk = (0..queue).map(|n| {
        (
            others[n % others.len()],
            format!("bulk {n}"),
            Priority::Bulk,
        )
    });
    // What a run that was broken off has left behind is for people who are not there any more.
    graph.forget_queue().await?;
    let kafka = Kafka::new(graph.brokers())?;
    let before = kafka.records_in(QUEUE).await?;
    graph.publish(bulk).await?;
    let began = tokio::time::Instant::now();
    graph.run_bot(&[]).await?;
    println!("waiting until the bot has moved them out of the way of answers …");
    while kafka.records_in(QUEUE).await? < before + queue as i64 {
        ensure!(began.elapsed() < MOVE, "the messages are not moved");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let moved_per_second = queue as f64 / began.elapsed().as_secs_f64();
    let mut calls = Calls::of(graph.http(), graph.sandbox_address());
    let began = tokio::time::Instant::now();
    while calls.times.len() < 100 {
        ensure!(began.elapsed() < START, "the bot sends nothing");
        tokio::time::sleep(Duration::from_millis(100)).await;
        calls.read().await?;
    }
    let memory_first_mb = graph.bot_memory_mb();
    let from = Utc::now();
    let to = from + Duration::from_secs(seconds);
    let mut asked = Vec::new();
    while Utc::now() < to {
        let text = format!("answer {}", asked.len());
        let chat = asking[asked.len() % asking.len()];
        graph
            .publish(std::iter::once((chat, text.clone(), Priority::Interactive)))
            .await?;
        asked.push((text, Utc::now()));
        tokio::time::sleep(Duration::from_millis(700)).await;
        calls.read().await?;
    }
    let memory_last_mb = graph.bot_memory_mb();
    let began = tokio::time::Instant::now();
    while asked.iter().any(|(text, _)| calls.taken(text).is_none()) {
        ensure!(began.elapsed() < START, "an answer was not sent");
        tokio::time::sleep(Duration::from_millis(100)).await;
        calls.read().await?;
    }
    let mut waits: Vec<f64> = asked
        .iter()
        .filter_map(|(text, at)| {
            Some((calls.taken(text)? - *at).num_microseconds()? as f64 / 1000.0)
        })
        .map(|wait| wait.max(0.0))
        .collect();
    waits.sort_by(f64::total_cmp);
    let per_second = calls.between(from, to) as f64 / seconds as f64;
    Ok(Figures {
        share: per_second / ALLOWANCE,
        per_second,
        too_many_requests: calls.too_many,
        answer_p50_ms: waits[waits.len() / 2],
        answer_longest_ms: waits[waits.len() - 1],
        answers: waits.len(),
        memory_first_mb,
        memory_last_mb,
        moved_per_second,
        queue,
        seconds,
    })
}
