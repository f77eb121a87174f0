//! Which records of a partition are finished, and so how far its offset may be committed.

use std::collections::VecDeque;

/// The records of one partition that were begun, in offset order.
///
/// The *frontier* is the offset after the last record of the unbroken run of finished ones. Offsets may have gaps
/// (compaction, transactions), so records are told apart by a ticket and not by their distance.
#[derive(Debug, Default)]
pub struct Ledger {
    first_ticket: u64,
    begun: VecDeque<Begun>,
    frontier: Option<i64>,
    committed: Option<i64>,
    unconfirmed: Option<i64>,
}

#[derive(Debug)]
struct Begun {
    offset: i64,
    finished: bool,
}

/// A begun record's place in its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl Ledger {
    /// Enters a record. Offsets must come in rising order, as Kafka delivers them.
    pub fn begin(&mut self, offset: i64) -> Ticket {
        debug_assert!(self.begun.back().is_none_or(|last| last.offset < offset));
        self.begun.push_back(Begun {
            offset,
            finished: false,
        });
        Ticket(self.first_ticket + self.begun.len() as u64 - 1)
    }

    /// Marks a record as finished and moves the frontier as far as it goes.
    pub fn finish(&mut self, ticket: Ticket) {
        let Some(index) = ticket.0.checked_sub(self.first_ticket) else {
            return;
        };
        let Some(begun) = self.begun.get_mut(index as usize) else {
            return;
        };
        begun.finished = true;
        while let Some(begun) = self.begun.front().filter(|b| b.finished) {
            self.frontier = Some(begun.offset + 1);
            self.begun.pop_front();
            self.first_ticket += 1;
        }
    }

    /// The next offset to read after a restart, if it may be committed and has not been.
    pub fn to_commit(&self) -> Option<i64> {
        self.frontier.filter(|f| self.committed != Some(*f))
    }

    /// Notes that this offset was committed.
    pub fn committed(&mut self, next: i64) {
        self.committed = Some(next);
    }

    /// Notes that a commit was not taken, or may not have been: the frontier is to be committed again.
    pub fn commit_failed(&mut self) {
        self.committed = None;
    }

    /// Compares with what the broker is known to have, now and then. A commit that has not arrived from one comparison
    /// to the next has failed: nobody says so otherwise.
    pub fn compare(&mut self, on_broker: i64) {
        let missing = self.committed.filter(|committed| on_broker < *committed);
        if missing.is_some() && missing == self.unconfirmed {
            self.commit_failed();
        }
        self.unconfirmed = missing;
    }

    /// The frontier, if it has moved at all.
    pub fn frontier(&self) -> Option<i64> {
        self.frontier
    }

    /// How many records are begun and still held back, finished or not.
    pub fn open(&self) -> usize {
        self.begun.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_committed_offset_is_the_next_one_to_read() {
        let mut ledger = Ledger::default();
        let ticket = ledger.begin(41);
        assert_eq!(ledger.to_commit(), None);
        ledger.finish(ticket);
        assert_eq!(ledger.to_commit(), Some(42));
        ledger.committed(42);
        assert_eq!(ledger.to_commit(), None);
        ledger.commit_failed();
        assert_eq!(ledger.to_commit(), Some(42));
    }

    #[test]
    fn a_commit_that_does_not_arrive_is_made_again() {
        let mut ledger = Ledger::default();
        let ticket = ledger.begin(41);
        ledger.finish(ticket);
        ledger.committed(42);
        ledger.compare(-1001);
        assert_eq!(ledger.to_commit(), None);
        ledger.compare(-1001);
        assert_eq!(ledger.to_commit(), Some(42));
        ledger.committed(42);
        ledger.compare(42);
        ledger.compare(42);
        assert_eq!(ledger.to_commit(), None);
    }

    #[test]
    fn a_finished_record_waits_for_those_before_it() {
        let mut ledger = Ledger::default();
        let (a, b, c) = (ledger.begin(5), ledger.begin(9), ledger.begin(10));
        ledger.finish(c);
        ledger.finish(b);
        assert_eq!(ledger.frontier(), None);
        ledger.finish(a);
        assert_eq!(ledger.frontier(), Some(11));
        assert_eq!(ledger.open(), 0);
    }

    proptest! {
        /// Whatever the order of completion, the frontier equals that of the simplest model: the first offset that
        /// is not finished (or one past the last).
        #[test]
        fn the_frontier_never_passes_an_unfinished_record(
            gaps in prop::collection::vec(1i64..4, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
        ) {
            let mut ledger = Ledger::default();
            let mut offset = 0;
            let mut offsets = Vec::new();
            let mut tickets = Vec::new();
            for gap in gaps {
                offset += gap;
                offsets.push(offset);
                tickets.push(ledger.begin(offset));
            }
            let mut finished = vec![false; offsets.len()];
            for index in order {
                let i = index.index(offsets.len());
                finished[i] = true;
                ledger.finish(tickets[i]);
                let run = finished.iter().take_while(|f| **f).count();
                let model = run.checked_sub(1).map(|last| offsets[last] + 1);
                prop_assert_eq!(ledger.frontier(), model);
                prop_assert_eq!(ledger.open(), offsets.len() - run);
            }
        }
    }
}
