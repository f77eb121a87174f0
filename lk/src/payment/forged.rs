//! Callbacks with a wrong signature: counted and sampled in memory, so that whoever sends them can fill neither the
//! disk nor the one writer.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;
use tracing::warn;

/// So many are remembered.
const REMEMBERED: usize = 100;
/// At most one is logged in this time.
const LOG_EVERY: TimeDelta = TimeDelta::seconds(1);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forged {
    /// When it came.
    pub at: DateTime<Utc>,
    /// From where.
    pub remote: IpAddr,
    /// The number it named.
    pub number: String,
    /// Which password and algorithm it failed under; no values.
    pub reason: String,
}

/// The last of them.
#[derive(Debug)]
pub struct ForgedSamples {
    inner: Mutex<Inner>,
    /// Bounds the questions to the database that such callbacks cause.
    pub(super) lookups: Semaphore,
}

impl Default for ForgedSamples {
    fn default() -> ForgedSamples {
        ForgedSamples {
            inner: Mutex::default(),
            lookups: Semaphore::new(1),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    last: VecDeque<Forged>,
    logged_at: Option<DateTime<Utc>>,
    unlogged: u64,
}

impl ForgedSamples {
    /// Remembers one, and logs it unless one was logged just now.
    pub fn keep(&self, forged: Forged) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = inner
            .logged_at
            .is_some_and(|at| (forged.at - at).abs() < LOG_EVERY);
        if quiet {
            inner.unlogged += 1;
        } else {
            warn!(
                remote = %forged.remote,
                inv_id = forged.number,
                reason = forged.reason,
                more = inner.unlogged,
                "callback_forged"
            );
            inner.logged_at = Some(forged.at);
            inner.unlogged = 0;
        }
        if inner.last.len() == REMEMBERED {
            inner.last.pop_front();
        }
        inner.last.push_back(forged);
    }

    /// The last hundred, the oldest first.
    #[must_use]
    pub fn last(&self) -> Vec<Forged> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_hundred_are_remembered() {
        let samples = ForgedSamples::default();
        for inv_id in 0..250 {
            samples.keep(Forged {
                at: DateTime::UNIX_EPOCH,
                remote: IpAddr::from([127, 0, 0, 1]),
                number: inv_id.to_string(),
                reason: String::new(),
            });
        }
        let last = samples.last();
        assert_eq!(last.len(), 100);
        assert_eq!(
            (last[0].number.as_str(), last[99].number.as_str()),
            ("150", "249")
        );
    }
}
