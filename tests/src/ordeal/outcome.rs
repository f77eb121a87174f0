//! What became of every message.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use geobot_shared::topics::tg_send::Priority;
use serde::Serialize;

use super::plan::Plan;
use super::reports::ByRequest;
use crate::sandbox::Call;

/// What was found afterwards.
pub(super) struct Found<'a> {
    pub(super) plan: &'a Plan,
    pub(super) blocked: &'a [i64],
    /// Every sendMessage that Telegram's stand-in saw, in order.
    pub(super) calls: Vec<Call>,
    pub(super) reports: ByRequest,
    /// How often each request was ambiguous, by the bots' logs.
    pub(super) ambiguous: HashMap<String, usize>,
    /// The same together, by the bots' metrics.
    pub(super) counted: u64,
    pub(super) troubles: BTreeMap<&'static str, usize>,
    pub(super) too_many_injected: u64,
    pub(super) dead_letters: i64,
    pub(super) stopped: Duration,
    pub(super) took: Duration,
}

/// What became of the messages; the promises are those fields that must be zero.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    messages: usize,
    /// Must be 0: neither delivered, nor reported as unknown after an ambiguity, nor refused by who has blocked the bot.
    lost: usize,
    /// Deliveries beyond the first of a message.
    doubled: usize,
    /// Must be 0: of those, more than the bot has counted ambiguities of that message.
    doubled_uncounted: usize,
    /// Must be 0: messages of a broadcast that came twice, counted or not.
    doubled_of_broadcast: usize,
    /// Messages of the broadcast that were given up as unknown.
    unknown: usize,
    /// Of those, how many had gone out.
    unknown_delivered: usize,
    /// Must be 0: a later message of a chat and priority before an earlier one.
    out_of_order: usize,
    /// Must be 0: 429s that no storm has ordered.
    too_many_requests_earned: i64,
    /// 429s of the storms.
    too_many_requests_ordered: u64,
    /// Must be 0: messages whose reports contradict what Telegram's stand-in saw, or one another.
    reported_wrongly: usize,
    /// The first of them, in words.
    wrong: Vec<String>,
    /// Must be 0.
    dead_letters: i64,
    /// Sendings of which the bot says that nobody knows whether they went out.
    ambiguous: usize,
    /// The same as the metrics had it, read before each kill.
    ambiguous_by_metrics: u64,
    refused_by_blockers: usize,
    troubles: BTreeMap<&'static str, usize>,
    stopped_after_ms: u128,
    seconds: f64,
    per_second: f64,
}

impl Outcome {
    pub(super) fn count(found: Found<'_>) -> Outcome {
        let messages = found.plan.messages();
        let mut delivered = vec![0_usize; messages.len()];
        let mut last: HashMap<(i64, Priority), usize> = HashMap::new();
        let (mut out_of_order, mut too_many) = (0, 0_i64);
        for call in &found.calls {
            too_many += i64::from(call.error_code == Some(429));
            let text = call.params["text"].as_str().unwrap_or_default();
            let Some(at) = found.plan.find(text).filter(|_| call.ok) else {
                continue;
            };
            delivered[at] += 1;
            if delivered[at] == 1 {
                let last = last
                    .entry((messages[at].person, messages[at].priority))
                    .or_default();
                out_of_order += usize::from(*last > at);
                *last = at.max(*last);
            }
        }
        let blocked: HashSet<i64> = found.blocked.iter().copied().collect();
        let seconds = found.took.as_secs_f64();
        let mut outcome = Outcome {
            messages: messages.len(),
            lost: 0,
            doubled: 0,
            doubled_uncounted: 0,
            doubled_of_broadcast: 0,
            unknown: 0,
            unknown_delivered: 0,
            out_of_order,
            too_many_requests_earned: too_many - found.too_many_injected as i64,
            too_many_requests_ordered: found.too_many_injected,
            reported_wrongly: 0,
            wrong: Vec::new(),
            dead_letters: found.dead_letters,
            ambiguous: found.ambiguous.values().sum(),
            ambiguous_by_metrics: found.counted,
            refused_by_blockers: 0,
            troubles: found.troubles,
            stopped_after_ms: found.stopped.as_millis(),
            seconds,
            per_second: messages.len() as f64 / seconds,
        };
        let none = Vec::new();
        for (message, delivered) in messages.iter().zip(&delivered) {
            let ambiguous = found.ambiguous.get(&message.id).copied().unwrap_or(0);
            let reports = found.reports.get(&message.id).unwrap_or(&none);
            let said: HashSet<&str> = reports.iter().map(String::as_str).collect();
            let bulk = message.priority == Priority::Bulk;
            let extra = delivered.saturating_sub(1);
            outcome.doubled += extra;
            outcome.doubled_uncounted += extra.saturating_sub(ambiguous);
            outcome.doubled_of_broadcast += if bulk { extra } else { 0 };
            let blocks = blocked.contains(&message.person);
            let unknown = said.contains("unknown");
            outcome.unknown += usize::from(unknown);
            outcome.unknown_delivered += usize::from(unknown && *delivered > 0);
            let excused = unknown && bulk && ambiguous > 0;
            outcome.lost += usize::from(*delivered == 0 && !blocks && !excused);
            outcome.refused_by_blockers += usize::from(blocks && said.contains("failed"));
            let mut said: Vec<&str> = said.into_iter().collect();
            said.sort_unstable();
            let right = match said[..] {
                ["sent"] => *delivered > 0,
                ["failed"] => blocks && *delivered == 0,
                ["unknown"] => bulk && ambiguous > 0,
                // A refusal that was reported but not committed is tried again, and that answer may be lost.
                ["failed", "unknown"] => blocks && bulk && ambiguous > 0,
                _ => false,
            };
            if !right {
                outcome.reported_wrongly += 1;
                let priority = message.priority;
                let words = format!(
                    "{} ({priority:?}): reports {reports:?}, delivered {delivered} times, ambiguous {ambiguous} times",
                    message.id
                );
                outcome
                    .wrong
                    .extend((outcome.wrong.len() < 10).then_some(words));
            }
        }
        outcome
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.lost == 0
            && self.doubled_uncounted == 0
            && self.doubled_of_broadcast == 0
            && self.out_of_order == 0
            && self.too_many_requests_earned == 0
            && self.reported_wrongly == 0
            && self.dead_letters == 0
            && self.ambiguous_by_metrics <= self.ambiguous as u64
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?;
        let word = if self.is_kept() { "kept" } else { "BROKEN" };
        write!(f, "{word} {figures}")
    }
}
