//! What the poller, the lanes and librdkafka's callbacks share: the partitions that are ours and what is in flight.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::ConsumerOptions;
use super::breaker::Breaker;
use super::ledger::Ledger;
use super::meters::ConsumerMeters;

/// The state of one consumer.
pub(super) struct Shared {
    pub(super) topic: &'static str,
    pub(super) options: ConsumerOptions,
    pub(super) began: Instant,
    pub(super) stop: AtomicBool,
    pub(super) joined: AtomicBool,
    /// The group's coordinator has been there for a while.
    pub(super) connected: AtomicBool,
    pub(super) stalled: AtomicBool,
    pub(super) paused: AtomicBool,
    partitions: RwLock<Vec<Arc<Partition>>>,
    /// Counts changes of the partitions, so that the poller may keep a copy.
    pub(super) changes: AtomicU64,
    pub(super) in_flight: Arc<InFlight>,
    /// A partition has more finished records behind an unfinished one than the options allow.
    pub(super) too_far_ahead: AtomicBool,
    /// Records that wait for a dependency; the topic is paused while there is one.
    waiting: AtomicUsize,
    back: Notify,
    pub(super) breaker: Breaker,
    pub(super) problem: Mutex<Option<(Instant, String)>>,
    pub(super) meters: ConsumerMeters,
}

impl Shared {
    pub(super) fn new(topic: &'static str, options: ConsumerOptions) -> Shared {
        let topic = options.meter.unwrap_or(topic);
        Shared {
            topic,
            began: Instant::now(),
            stop: AtomicBool::new(false),
            joined: AtomicBool::new(false),
            connected: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            partitions: RwLock::default(),
            changes: AtomicU64::new(0),
            in_flight: Arc::default(),
            too_far_ahead: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            back: Notify::new(),
            breaker: Breaker::new(options.breaker_after),
            problem: Mutex::default(),
            meters: ConsumerMeters::new(topic),
            options,
        }
    }

    pub(super) fn partitions(&self) -> RwLockReadGuard<'_, Vec<Arc<Partition>>> {
        self.partitions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> RwLockWriteGuard<'_, Vec<Arc<Partition>>> {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.partitions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a partition over, with an empty ledger.
    pub(super) fn assign(&self, topic: &str, number: i32) {
        let new = Arc::new(Partition::new(
            topic,
            number,
            self.millis(),
            Arc::clone(&self.in_flight),
        ));
        let mut partitions = self.changing();
        if let Some(old) = partitions.iter_mut().find(|p| p.is(topic, number)) {
            old.revoke();
            *old = new;
        } else {
            partitions.push(new);
        }
    }

    /// Gives a partition up: its queued records are left to whoever owns it next, waits end.
    pub(super) fn revoke(&self, topic: &str, number: i32) -> Option<Arc<Partition>> {
        let mut partitions = self.changing();
        let index = partitions.iter().position(|p| p.is(topic, number))?;
        let partition = partitions.swap_remove(index);
        partition.revoke();
        Some(partition)
    }

    /// Milliseconds since the consumer began.
    pub(super) fn millis(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    pub(super) fn is_full(&self) -> bool {
        let (records, bytes) = self.in_flight.get();
        records >= self.options.records_in_flight
            || bytes >= self.options.bytes_in_flight
            || self.too_far_ahead.load(Ordering::Acquire)
    }

    pub(super) fn has_room_again(&self) -> bool {
        let (records, bytes) = self.in_flight.get();
        records <= self.options.records_in_flight / 2
            && bytes <= self.options.bytes_in_flight / 2
            && !self.too_far_ahead.load(Ordering::Acquire)
    }

    /// Whether a record waits for a dependency.
    pub(super) fn is_down(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Resolves when no record waits for a dependency any more.
    pub(super) async fn back(&self) {
        loop {
            let back = self.back.notified();
            if !self.is_down() {
                return;
            }
            back.await;
        }
    }

    /// Notes an error that is not of one record, and logs it when it is new.
    pub(super) fn note(&self, problem: String) {
        let mut last = locked(&self.problem);
        let repeated = last
            .as_ref()
            .is_some_and(|(at, text)| *text == problem && at.elapsed() < Duration::from_secs(60));
        if !repeated {
            warn!(topic = self.topic, problem, "consumer_disturbed");
            *last = Some((Instant::now(), problem));
        }
    }
}

pub(super) fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records begun and not finished, and their bytes, in one number: it changes with every record.
#[derive(Default)]
pub(super) struct InFlight(AtomicU64);

const BYTES: u32 = 40;

impl InFlight {
    fn packed(records: usize, bytes: usize) -> u64 {
        ((records as u64) << BYTES) + bytes as u64
    }

    pub(super) fn add(&self, records: usize, bytes: usize) {
        self.0
            .fetch_add(InFlight::packed(records, bytes), Ordering::AcqRel);
    }

    pub(super) fn remove(&self, records: usize, bytes: usize) {
        self.0
            .fetch_sub(InFlight::packed(records, bytes), Ordering::AcqRel);
    }

    /// Records and bytes.
    pub(super) fn get(&self) -> (usize, usize) {
        let both = self.0.load(Ordering::Acquire);
        (
            (both >> BYTES) as usize,
            (both & ((1 << BYTES) - 1)) as usize,
        )
    }
}

/// One assigned partition.
pub(super) struct Partition {
    pub(super) topic: Arc<str>,
    pub(super) number: i32,
    pub(super) ledger: Mutex<Ledger>,
    gone: AtomicBool,
    revoked: CancellationToken,
    /// Records whose handler has begun and not ended.
    pub(super) running: AtomicUsize,
    /// Records among them that wait because somebody said when to come back.
    pub(super) told_to_wait: AtomicUsize,
    /// When the frontier moved last, in milliseconds since the consumer began.
    pub(super) moved_at: AtomicU64,
    pub(super) last_frontier: AtomicI64,
    pub(super) in_flight: Arc<InFlight>,
}

impl Partition {
    fn new(topic: &str, number: i32, now: u64, in_flight: Arc<InFlight>) -> Partition {
        Partition {
            topic: topic.into(),
            number,
            ledger: Mutex::default(),
            gone: AtomicBool::new(false),
            revoked: CancellationToken::new(),
            running: AtomicUsize::new(0),
            told_to_wait: AtomicUsize::new(0),
            moved_at: AtomicU64::new(now),
            last_frontier: AtomicI64::new(-1),
            in_flight,
        }
    }

    pub(super) fn is(&self, topic: &str, number: i32) -> bool {
        self.number == number && &*self.topic == topic
    }

    /// From now on no record of it is begun, and waits of those that are end.
    pub(super) fn revoke(&self) {
        self.gone.store(true, Ordering::SeqCst);
        self.revoked.cancel();
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    pub(super) async fn revoked(&self) {
        self.revoked.cancelled().await;
    }
}

/// Counts a record among those that wait for a dependency, for as long as it does.
pub(super) struct WaitMark<'a> {
    shared: &'a Shared,
    on: bool,
}

impl<'a> WaitMark<'a> {
    pub(super) fn new(shared: &'a Shared) -> WaitMark<'a> {
        WaitMark { shared, on: false }
    }

    pub(super) fn is_set(&self) -> bool {
        self.on
    }

    /// The dependency is down as far as this record knows.
    pub(super) fn set(&mut self, dependency: &str, reason: &dyn std::fmt::Display) {
        if self.on {
            return;
        }
        self.on = true;
        if self.shared.waiting.fetch_add(1, Ordering::AcqRel) == 0 {
            warn!(topic = self.shared.topic, dependency, error = %reason, "dependency_lost");
        }
    }

    pub(super) fn clear(&mut self) {
        if !self.on {
            return;
        }
        self.on = false;
        if self.shared.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            info!(topic = self.shared.topic, "dependency_back");
            self.shared.back.notify_waiters();
        }
    }
}

impl Drop for WaitMark<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}
