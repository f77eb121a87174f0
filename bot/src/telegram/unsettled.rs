//! What this process knows of its own sendings and Redis may not know yet: Redis can go away between Telegram's answer
//! and our mark, and while the process lives that costs neither a duplicate nor a wait for the end of a lease.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The sendings that are begun and not settled. Bounded by the records in flight.
#[derive(Default)]
pub(super) struct Unsettled(Mutex<HashMap<String, Known>>);

/// How far a sending is known to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Somebody in this process is at it.
    Running,
    /// Telegram took it under this number; Redis was not told.
    Accepted(i32),
    /// Telegram's answer was lost; Redis was not told.
    Ambiguous,
}

/// One try. Dropped in the middle of a call, it leaves the sending ambiguous.
pub(super) struct Try<'a> {
    of: &'a Unsettled,
    request: &'a str,
    /// What an earlier try left.
    pub(super) before: Option<Known>,
    leaves: Option<Known>,
}

impl Unsettled {
    /// Begins a try; nothing when another one runs.
    pub(super) fn begin<'a>(&'a self, request: &'a str) -> Option<Try<'a>> {
        let before = self.locked().insert(request.to_owned(), Known::Running);
        (before != Some(Known::Running)).then_some(Try {
            of: self,
            request,
            before,
            leaves: before,
        })
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// This much is known from here on, whatever happens to Redis.
    pub(super) fn knows(&mut self, known: Known) {
        self.leaves = Some(known);
    }

    /// Redis knows everything, or there is nothing to know.
    pub(super) fn settled(&mut self) {
        self.leaves = None;
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let mut known = self.of.locked();
        match self.leaves {
            Some(leaves) => known.insert(self.request.to_owned(), leaves),
            None => known.remove(self.request),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_try_at_a_time_and_the_next_knows_what_the_last_one_left() {
        let unsettled = Unsettled::default();
        let mut first = unsettled.begin("a").unwrap();
        assert_eq!(first.before, None);
        assert!(unsettled.begin("a").is_none());
        assert!(unsettled.begin("b").is_some());
        first.knows(Known::Accepted(7));
        drop(first);
        let mut second = unsettled.begin("a").unwrap();
        assert_eq!(second.before, Some(Known::Accepted(7)));
        second.settled();
        drop(second);
        assert!(unsettled.locked().is_empty());
    }
}
