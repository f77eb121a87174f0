//! Lanes: where records run. One key's records run in order and one at a time; different keys run side by side.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

/// What orders a record: the hash of its topic and key, or of its topic and partition when it has no key.
/// Two keys with one hash are merely run one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct OrderKey(u64);

impl OrderKey {
    pub(super) fn of(topic: &str, partition: i32, key: Option<&[u8]>) -> OrderKey {
        let mut hasher = std::hash::DefaultHasher::new();
        topic.hash(&mut hasher);
        match key {
            Some(key) => key.hash(&mut hasher),
            None => partition.hash(&mut hasher),
        }
        OrderKey(hasher.finish())
    }
}

/// An [`OrderKey`] is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type ByKey<V> = HashMap<OrderKey, V, BuildHasherDefault<AsItIs>>;
type Batch<J> = Vec<(OrderKey, J)>;

/// How many of a lane's jobs wait of their own accord; they don't count as running.
#[derive(Clone, Default)]
pub(super) struct Parking(Arc<AtomicUsize>);

impl Parking {
    /// Waits for `wait` without taking one of the lane's places.
    pub(super) async fn park<F: Future>(&self, wait: F) -> F::Output {
        struct Parked<'a>(&'a AtomicUsize);
        impl Drop for Parked<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        let _parked = Parked(&self.0);
        wait.await
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A fixed number of lanes. Their queues have no bound of their own: whoever fills them keeps a budget.
pub(super) struct Lanes<J> {
    senders: Vec<UnboundedSender<Batch<J>>>,
    batches: Vec<Batch<J>>,
    tasks: TaskTracker,
}

impl<J: Send + 'static> Lanes<J> {
    /// Starts `count` lanes, which run `places` jobs at the same time in all; `run` handles one job and never fails.
    pub(super) fn start<F, R>(count: usize, places: usize, run: F) -> Lanes<J>
    where
        F: Fn(J, Parking) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let run = Arc::new(run);
        let tasks = TaskTracker::new();
        let count = count.max(1);
        let senders = (0..count)
            .map(|_| {
                let (sender, receiver) = unbounded_channel();
                tasks.spawn(lane(
                    receiver,
                    places.div_ceil(count).max(1),
                    Arc::clone(&run),
                ));
                sender
            })
            .collect();
        Lanes {
            senders,
            batches: (0..count).map(|_| Batch::new()).collect(),
            tasks,
        }
    }

    /// Adds a job to its lane's next batch.
    pub(super) fn add(&mut self, key: OrderKey, job: J) {
        // The low bits spread keys within the lane's map.
        let lane = (key.0 >> 32) as usize % self.batches.len();
        self.batches[lane].push((key, job));
    }

    /// Hands the batches over. False when a lane has died: its jobs would never run.
    #[must_use]
    pub(super) fn flush(&mut self) -> bool {
        let mut alive = true;
        for (batch, sender) in self.batches.iter_mut().zip(&self.senders) {
            if !batch.is_empty() {
                let next = Batch::with_capacity(batch.len());
                alive &= sender.send(std::mem::replace(batch, next)).is_ok();
            }
        }
        alive
    }

    /// Takes no more jobs; resolves when all that were taken are done.
    pub(super) async fn close(self) {
        drop(self.senders);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// One lane's jobs.
struct Lane<J, F, W> {
    run: Arc<F>,
    places: usize,
    parking: Parking,
    /// A key is in the map while one of its jobs runs or is ready; the queue holds those that wait behind it.
    waiting: ByKey<VecDeque<J>>,
    /// Jobs whose key is free and that wait for a place.
    ready: VecDeque<(OrderKey, J)>,
    running: FuturesUnordered<W>,
}

impl<J, F, W> Lane<J, F, W> {
    fn take(&mut self, batch: Batch<J>) {
        for (key, job) in batch {
            match self.waiting.entry(key) {
                Entry::Occupied(mut queue) => queue.get_mut().push_back(job),
                Entry::Vacant(slot) => {
                    slot.insert(VecDeque::new());
                    self.ready.push_back((key, job));
                }
            }
        }
    }

    fn ended(&mut self, key: OrderKey) {
        match self.waiting.get_mut(&key).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back((key, next)),
            None => {
                self.waiting.remove(&key);
            }
        }
    }

    fn has_place(&self) -> bool {
        self.running.len().saturating_sub(self.parking.count()) < self.places
    }
}

async fn lane<J, F, R>(mut receiver: UnboundedReceiver<Batch<J>>, places: usize, run: Arc<F>)
where
    F: Fn(J, Parking) -> R,
    R: Future<Output = ()>,
{
    let mut lane = Lane {
        run,
        places,
        parking: Parking::default(),
        waiting: ByKey::default(),
        ready: VecDeque::new(),
        running: FuturesUnordered::new(),
    };
    let begin = |run: &F, key: OrderKey, job: J, parking: Parking| {
        let work = run(job, parking);
        async move {
            work.await;
            key
        }
    };
    let mut open = true;
    poll_fn(|context| {
        loop {
            let mut moved = false;
            while let Poll::Ready(Some(key)) = lane.running.poll_next_unpin(context) {
                lane.ended(key);
                moved = true;
            }
            while open && let Poll::Ready(batch) = receiver.poll_recv(context) {
                match batch {
                    Some(batch) => lane.take(batch),
                    None => open = false,
                }
                moved = true;
            }
            while lane.has_place()
                && let Some((key, job)) = lane.ready.pop_front()
            {
                lane.running
                    .push(begin(&lane.run, key, job, lane.parking.clone()));
                moved = true;
            }
            if !open && lane.running.is_empty() && lane.ready.is_empty() {
                return Poll::Ready(());
            }
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn key(n: u64) -> OrderKey {
        OrderKey(n << 32 | n)
    }

    #[tokio::test]
    async fn one_key_runs_in_order_and_one_at_a_time() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let busy = Arc::new(Mutex::new([false; 5]));
        let mut lanes = {
            let (log, busy) = (log.clone(), busy.clone());
            Lanes::start(2, 4, move |(k, n): (usize, u32), _| {
                let (log, busy) = (log.clone(), busy.clone());
                async move {
                    assert!(
                        !std::mem::replace(&mut busy.lock().unwrap()[k], true),
                        "two at a time"
                    );
                    for _ in 0..(n % 7) {
                        tokio::task::yield_now().await;
                    }
                    busy.lock().unwrap()[k] = false;
                    log.lock().unwrap().push((k, n));
                }
            })
        };
        for n in 0..500u32 {
            let k = (n % 5) as usize;
            lanes.add(key(k as u64), (k, n));
            if n % 9 == 0 {
                assert!(lanes.flush());
            }
        }
        assert!(lanes.flush());
        lanes.close().await;
        let log = log.lock().unwrap();
        assert_eq!(log.len(), 500);
        for k in 0..5 {
            let of_key: Vec<u32> = log
                .iter()
                .filter(|(x, _)| *x == k)
                .map(|(_, n)| *n)
                .collect();
            assert!(of_key.is_sorted(), "key {k} out of order");
        }
    }

    #[tokio::test]
    async fn a_waiting_key_holds_back_nobody_else_in_its_lane() {
        let gate = Arc::new(tokio::sync::Notify::new());
        let (done_sender, mut done) = unbounded_channel();
        let mut lanes = {
            let gate = gate.clone();
            Lanes::start(1, 1, move |n: u32, parking: Parking| {
                let (gate, done) = (gate.clone(), done_sender.clone());
                async move {
                    if n == 0 {
                        parking.park(gate.notified()).await;
                    }
                    let _ = done.send(n);
                }
            })
        };
        lanes.add(key(1), 0);
        lanes.add(key(1), 1);
        lanes.add(key(2), 2);
        assert!(lanes.flush());
        assert_eq!(done.recv().await, Some(2));
        gate.notify_one();
        assert_eq!(done.recv().await, Some(0));
        assert_eq!(done.recv().await, Some(1));
        lanes.close().await;
    }

    #[tokio::test]
    async fn no_more_jobs_run_at_once_than_there_are_places() {
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let mut lanes = {
            let (running, most) = (running.clone(), most.clone());
            Lanes::start(1, 3, move |(), _| {
                let (running, most) = (running.clone(), most.clone());
                async move {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                }
            })
        };
        for n in 0..100 {
            lanes.add(key(n), ());
        }
        assert!(lanes.flush());
        lanes.close().await;
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_lane_that_died_is_noticed() {
        let mut lanes = Lanes::start(1, 1, |(), _| async { panic!("a fault of the runtime") });
        lanes.add(key(1), ());
        assert!(lanes.flush());
        lanes.tasks.close();
        lanes.tasks.wait().await;
        lanes.add(key(2), ());
        assert!(!lanes.flush());
    }
}
