//! (b) Without limits: through tg_send, beside a minimal teloxide loop that only sends.

use std::time::Duration;

use anyhow::ensure;
use chrono::Utc;
use geobot_shared::config::SANDBOX_TOKEN;
use geobot_shared::topics::tg_send::Priority;
use serde::Serialize;
use teloxide::Bot;
use teloxide::prelude::Requester;
use teloxide::types::ChatId;

use super::calls::Calls;
use super::graph::Graph;

/// How long one measurement may take.
const LIMIT: Duration = Duration::from_secs(300);

#[derive(Serialize)]
pub(super) struct Figures {
    /// Through Kafka, with state in Redis and reports to ARM.
    pub(super) ours_per_second: f64,
    /// One awaited send after the other, nothing kept.
    pub(super) minimal_per_second: f64,
    messages: usize,
}

pub(super) async fn measure(graph: &mut Graph, messages: usize) -> anyhow::Result<Figures> {
    graph.set_limits(false).await?;
    let people = graph.people().to_vec();

    let minimal = messages.min(5_000);
    let url = format!("http://{}/", graph.sandbox_address()).parse()?;
    let bot = Bot::new(SANDBOX_TOKEN).set_api_url(url);
    let began = tokio::time::Instant::now();
    for n in 0..minimal {
        bot.send_message(ChatId(people[n % people.len()]), format!("minimal {n}"))
            .await?;
    }
    let minimal_per_second = minimal as f64 / began.elapsed().as_secs_f64();

    // The bulk queue of the measurement before would take its share of everything.
    graph.forget_queue().await?;
    graph
        .run_bot(&[("BOT_LIMIT_ALL", "100000"), ("BOT_LIMIT_PRIVATE", "100000")])
        .await?;
    let mut calls = Calls::of(graph.http(), graph.sandbox_address());
    calls.read().await?;
    let notices = (0..messages).map(|n| {
        (
            people[n % people.len()],
            format!("notice {n}"),
            Priority::Notify,
        )
    });
    let from = Utc::now();
    graph.publish(notices).await?;
    let began = tokio::time::Instant::now();
    let last = loop {
        ensure!(
            began.elapsed() < LIMIT,
            "only some of the messages were sent"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
        calls.read().await?;
        let done = (0..messages)
            .rev()
            .map(|n| calls.taken(&format!("notice {n}")));
        if let Some(times) = done.collect::<Option<Vec<_>>>() {
            break times.into_iter().max().unwrap_or(from);
        }
    };
    let seconds = (last - from).num_milliseconds().max(1) as f64 / 1000.0;
    Ok(Figures {
        ours_per_second: messages as f64 / seconds,
        minimal_per_second,
        messages,
    })
}
