//! How often, and for how long, a call is made again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// What is remembered of a call longer than this belongs to another worker by now.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);

/// The pauses of calls that go on. They live in memory: a worker that starts anew starts counting anew.
#[derive(Debug)]
pub(crate) struct Retries {
    first_pause: Duration,
    longest_pause: Duration,
    for_all: Duration,
    running: Mutex<HashMap<Uuid, Running>>,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    calls: u32,
}

impl Retries {
    /// From `first_pause`, doubled each time up to `longest_pause`, for `for_all` in sum.
    pub(crate) fn new(
        first_pause: Duration,
        longest_pause: Duration,
        for_all: Duration,
    ) -> Retries {
        Retries {
            first_pause,
            longest_pause,
            for_all,
            running: Mutex::default(),
        }
    }

    /// How long to wait after a call that failed; `None`: it is over. A wait that the receiver asks for is granted, up
    /// to the longest pause.
    pub(crate) fn next(&self, task: Uuid, asked: Option<Duration>) -> Option<Duration> {
        self.next_at(task, asked, Instant::now())
    }

    fn next_at(&self, task: Uuid, asked: Option<Duration>, now: Instant) -> Option<Duration> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, it| now.duration_since(it.since) < FORGOTTEN_AFTER);
        let this = running.entry(task).or_insert(Running {
            since: now,
            calls: 0,
        });
        this.calls = this.calls.saturating_add(1);
        let factor = 1_u32.checked_shl(this.calls - 1).unwrap_or(u32::MAX);
        let pause = self
            .first_pause
            .saturating_mul(factor)
            .max(asked.unwrap_or_default())
            .min(self.longest_pause);
        if now.duration_since(this.since) + pause > self.for_all {
            running.remove(&task);
            return None;
        }
        Some(pause)
    }

    /// A call has come to its end.
    pub(crate) fn forget(&self, task: Uuid) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_and_end_after_some_minutes() {
        let retries = Retries::new(S, 60 * S, 300 * S);
        let (task, begun) = (Uuid::now_v7(), Instant::now());
        let mut now = begun;
        let mut pauses = Vec::new();
        while let Some(pause) = retries.next_at(task, None, now) {
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        // Handed out again, it begins anew.
        assert_eq!(retries.next_at(task, None, now), Some(S));
    }

    #[test]
    fn the_receivers_wish_is_granted_within_limits() {
        let retries = Retries::new(S, 60 * S, 300 * S);
        let next = |asked| retries.next_at(Uuid::now_v7(), Some(asked), Instant::now());
        assert_eq!(next(Duration::ZERO), Some(S));
        assert_eq!(next(20 * S), Some(20 * S));
        assert_eq!(next(86_400 * S), Some(60 * S));
    }

    #[test]
    fn what_has_ended_or_went_elsewhere_is_forgotten() {
        let retries = Retries::new(S, 60 * S, 300 * S);
        let now = Instant::now();
        let (ended, left) = (Uuid::now_v7(), Uuid::now_v7());
        retries.next_at(ended, None, now);
        retries.next_at(left, None, now);
        retries.forget(ended);
        retries.next_at(Uuid::now_v7(), None, now + 3_600 * S);
        assert_eq!(retries.running.lock().unwrap().len(), 1);
    }
}
