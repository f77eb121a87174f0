//! The breaker: when record after record fails for good, the fault is ours, and dead-lettering on would empty the
//! topic into the dead letters.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Counts records that failed for good in a row. Bad data is not counted, so junk can't open it.
#[derive(Debug)]
pub(super) struct Breaker {
    limit: u32,
    in_row: AtomicU32,
    open: AtomicBool,
}

impl Breaker {
    pub(super) fn new(limit: u32) -> Breaker {
        Breaker {
            limit,
            in_row: AtomicU32::new(0),
            open: AtomicBool::new(false),
        }
    }

    /// A record was handled. True when that closed the breaker.
    pub(super) fn succeeded(&self) -> bool {
        if self.in_row.load(Ordering::Relaxed) == 0 {
            return false;
        }
        self.in_row.store(0, Ordering::Release);
        self.open.swap(false, Ordering::AcqRel)
    }

    /// A record has used up its attempts.
    pub(super) fn failed(&self) -> Verdict {
        if self.is_open() {
            return Verdict::Wait;
        }
        if self.in_row.fetch_add(1, Ordering::AcqRel) < self.limit {
            return Verdict::DeadLetter;
        }
        if self.open.swap(true, Ordering::AcqRel) {
            Verdict::Wait
        } else {
            Verdict::Opened
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

/// What becomes of a record that has used up its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is one of few: to the dead letters.
    DeadLetter,
    /// It is one too many: this record opened the breaker and waits.
    Opened,
    /// The breaker is open: it waits.
    Wait,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_too_many_failures_in_a_row_and_one_success_closes_it() {
        let breaker = Breaker::new(2);
        assert_eq!(breaker.failed(), Verdict::DeadLetter);
        assert!(!breaker.succeeded());
        assert_eq!(breaker.failed(), Verdict::DeadLetter);
        assert_eq!(breaker.failed(), Verdict::DeadLetter);
        assert_eq!(breaker.failed(), Verdict::Opened);
        assert_eq!(breaker.failed(), Verdict::Wait);
        assert!(breaker.is_open());
        assert!(breaker.succeeded());
        assert!(!breaker.is_open());
        assert_eq!(breaker.failed(), Verdict::DeadLetter);
    }
}
