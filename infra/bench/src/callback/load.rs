//! Callbacks at a given rate, whatever becomes of those before them (open loop): each has its moment on a timetable,
//! and its latency counts from that moment. A service that stalls is thus charged for everybody who had to wait.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use geobot_shared::ids::InvoiceId;
use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

use super::client::Client;
use super::shop::Sold;

/// A callback ready to be sent.
pub(super) struct Callback {
    pub(super) sold: Sold,
    pub(super) form: String,
}

/// How fast, and over how many connections.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) rate: u32,
    pub(super) connections: usize,
}

/// What came of a run.
#[derive(Serialize)]
pub(super) struct Outcome {
    pub(super) rate: u32,
    callbacks: usize,
    seconds: f64,
    p50_ms: f64,
    p90_ms: f64,
    pub(super) p99_ms: f64,
    p99_9_ms: f64,
    max_ms: f64,
    /// Answers other than `OK{InvId}`, by what was answered.
    pub(super) errors: BTreeMap<String, usize>,
    /// Callbacks that began more than a millisecond after their moment: every connection was waiting, or the machine was
    /// busy with other things.
    late: usize,
    /// The 99th percentile of each second, to see whether it is steady.
    p99_ms_by_second: Vec<f64>,
}

impl Outcome {
    /// Whether the budget is kept.
    pub(super) fn holds(&self, limit_ms: f64) -> bool {
        self.errors.is_empty() && self.p99_ms <= limit_ms
    }
}

#[derive(Default)]
struct Part {
    /// Each with its number on the timetable.
    latencies: Vec<(usize, Duration)>,
    errors: BTreeMap<String, usize>,
    late: usize,
}

/// Sends each callback at its moment. What was answered OK goes to `accepted`. Blocks until the last answer.
pub(super) fn run(
    address: SocketAddr,
    callbacks: &[Callback],
    pace: Pace,
    accepted: &UnboundedSender<Sold>,
) -> anyhow::Result<Outcome> {
    let next = AtomicUsize::new(0);
    // Time for the threads to start.
    let begin = Instant::now() + Duration::from_millis(100);
    let parts: Vec<Part> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..pace.connections)
            .map(|_| {
                std::thread::Builder::new()
                    .stack_size(256 * 1024)
                    .spawn_scoped(scope, || {
                        connection(address, callbacks, pace.rate, begin, &next, accepted)
                    })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let ended = thread.context("a thread")?.join();
                ended.map_err(|_| anyhow::anyhow!("a connection's thread panicked"))
            })
            .collect::<anyhow::Result<_>>()
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let mut all = Part::default();
    for part in parts {
        all.latencies.extend(part.latencies);
        all.late += part.late;
        for (what, count) in part.errors {
            *all.errors.entry(what).or_default() += count;
        }
    }
    all.latencies.sort_unstable();
    let p99_ms_by_second = all
        .latencies
        .chunk_by(|(a, _), (b, _)| a / pace.rate as usize == b / pace.rate as usize)
        .map(|second| percentile_ms(&sorted(second), 0.99))
        .collect();
    let latencies = sorted(&all.latencies);
    let at = |share: f64| percentile_ms(&latencies, share);
    Ok(Outcome {
        rate: pace.rate,
        callbacks: callbacks.len(),
        seconds,
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        p99_9_ms: at(0.999),
        max_ms: at(1.0),
        errors: all.errors,
        late: all.late,
        p99_ms_by_second,
    })
}

/// One connection: takes the next callback of the timetable, waits for its moment, sends it, waits for the answer.
fn connection(
    address: SocketAddr,
    callbacks: &[Callback],
    rate: u32,
    begin: Instant,
    next: &AtomicUsize,
    accepted: &UnboundedSender<Sold>,
) -> Part {
    let mut client = Client::new(address);
    let mut part = Part::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(callback) = callbacks.get(number) else {
            return part;
        };
        let moment = begin + Duration::from_secs_f64(number as f64 / f64::from(rate));
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
        if moment.elapsed() > Duration::from_millis(1) {
            part.late += 1;
        }
        let answer = client.call(&callback.form);
        part.latencies.push((number, moment.elapsed()));
        let error = match answer {
            Ok(answer) if answer.status == 200 && is_ok(&answer.body, callback.sold.invoice) => {
                // Nobody listens any more when the bot is not played.
                let _ = accepted.send(callback.sold);
                continue;
            }
            Ok(answer) => format!("{} {}", answer.status, answer.body),
            Err(error) => format!("{error:#}"),
        };
        *part.errors.entry(error).or_default() += 1;
    }
}

/// Robokassa: exactly this ends its repeats.
fn is_ok(body: &str, invoice: InvoiceId) -> bool {
    body == format!("OK{invoice}")
}

fn sorted(part: &[(usize, Duration)]) -> Vec<Duration> {
    let mut latencies: Vec<Duration> = part.iter().map(|(_, latency)| *latency).collect();
    latencies.sort_unstable();
    latencies
}

/// Of sorted latencies, the one that this share does not exceed.
fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    let latency = sorted.get(place.clamp(1, sorted.len().max(1)) - 1);
    latency.map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_latency_that_the_share_does_not_exceed() {
        let sorted: Vec<Duration> = (1..=1000).map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&sorted, 0.5), 500.0);
        assert_eq!(percentile_ms(&sorted, 0.99), 990.0);
        assert_eq!(percentile_ms(&sorted, 0.999), 999.0);
        assert_eq!(percentile_ms(&sorted, 1.0), 1000.0);
        assert_eq!(percentile_ms(&sorted[..1], 0.5), 1.0);
        assert_eq!(percentile_ms(&[], 0.5), 0.0);
    }

    #[test]
    fn only_the_invoices_own_ok_ends_robokassas_repeats() {
        let invoice = InvoiceId::new(42).unwrap();
        assert!(is_ok("OK42", invoice));
        for other in ["OK", "OK43", "OK42\n", "ok42", "OK420", ""] {
            assert!(!is_ok(other, invoice), "{other:?}");
        }
    }
}
