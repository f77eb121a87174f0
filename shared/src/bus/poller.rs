//! The thread that polls: it takes records in, pauses and resumes, commits and watches, and waits for nobody.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use tracing::{error, info};

use super::assignment::{Partition, Shared, locked};
use super::gate::{Gate, Load, Step};
use super::group::{GroupContext, commit, commit_last};
use super::lanes::{Lanes, OrderKey};
use super::worker::Job;
use super::{Producer, Record};

/// How long the poller may wait for room before it pauses the topic instead: a pause drops what librdkafka has
/// fetched ahead, so a short wait is cheaper.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(250);
const POLL: Duration = Duration::from_millis(50);
const POLL_WHILE_PAUSED: Duration = Duration::from_millis(10);
const HOUSEKEEPING: Duration = Duration::from_millis(100);
/// How often a member that was given nothing looks whether its topics exist, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const LOOK_LIMIT: Duration = Duration::from_secs(1);
/// Records handed to the lanes in one go.
const BATCH: usize = 512;

pub(super) struct Poller {
    client: BaseConsumer<GroupContext>,
    intake: Intake,
    gate: Gate,
    producer: Producer,
    runtime: tokio::runtime::Handle,
    topics: Vec<String>,
    looked: Option<Instant>,
}

/// Where records go in.
struct Intake {
    lanes: Lanes<Box<Job>>,
    shared: Arc<Shared>,
    /// A copy of the assigned partitions, and of which change it is.
    partitions: Vec<Arc<Partition>>,
    change: u64,
    /// Records and bytes that are not counted yet.
    new: (usize, usize),
}

impl Poller {
    pub(super) fn new(
        client: BaseConsumer<GroupContext>,
        topics: &[&str],
        lanes: Lanes<Box<Job>>,
        shared: Arc<Shared>,
        producer: Producer,
        runtime: tokio::runtime::Handle,
    ) -> Poller {
        Poller {
            client,
            gate: Gate::new(shared.options.longest_pause),
            intake: Intake {
                lanes,
                shared,
                partitions: Vec::new(),
                change: 0,
                new: (0, 0),
            },
            producer,
            runtime,
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            looked: None,
        }
    }

    pub(super) fn run(mut self) -> Result<(), KafkaError> {
        let shared = Arc::clone(&self.intake.shared);
        let mut last_commit = Instant::now();
        let mut last_housekeeping = Instant::now();
        let mut result = Ok(());
        while !shared.stop.load(Ordering::Acquire) {
            if !self.gate.is_shut() && shared.is_full() {
                wait_for_room(&shared);
            }
            self.pause_or_resume();
            if last_housekeeping.elapsed() >= HOUSEKEEPING {
                last_housekeeping = Instant::now();
                watch(&shared);
                self.look_for_topic();
                self.producer.report();
                if last_commit.elapsed() >= shared.options.commit_every {
                    last_commit = Instant::now();
                    let partitions = shared.partitions().clone();
                    commit(&self.client, &shared, &partitions, CommitMode::Async);
                }
            }
            result = self.take();
            if let Err(error) = &result {
                error!(topic = shared.topic, %error, "consumer_failed");
                break;
            }
        }
        self.leave();
        result
    }

    /// Takes what is there, at most a batch, and hands it to the lanes.
    fn take(&mut self) -> Result<(), KafkaError> {
        let most = self.gate.allows().min(BATCH);
        let mut wait = if most == 0 { POLL_WHILE_PAUSED } else { POLL };
        let mut begun = 0;
        let mut result = Ok(());
        // Polled at least once: membership lives on it.
        while begun < most.max(1) {
            match self.client.poll(wait) {
                Some(Ok(message)) => {
                    self.intake.begin(&message);
                    begun += 1;
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    result = Err(error);
                    break;
                }
                Some(Err(error)) => {
                    self.intake.shared.note(error.to_string());
                    break;
                }
                None => break,
            }
            wait = Duration::ZERO;
        }
        self.gate.began(begun);
        if !self.intake.hand_over() {
            return Err(KafkaError::ClientCreation("a lane has died".to_owned()));
        }
        result
    }

    /// A member that has been given nothing is a spare one, or its topic is missing: the broker says neither.
    fn look_for_topic(&mut self) {
        let shared = &*self.intake.shared;
        if shared.joined.load(Ordering::Acquire)
            || !shared.connected.load(Ordering::Acquire)
            || self.looked.is_some_and(|at| at.elapsed() < LOOK_EVERY)
        {
            return;
        }
        self.looked = Some(Instant::now());
        let missing = |topic: &String| {
            let metadata = self.client.fetch_metadata(Some(topic), LOOK_LIMIT);
            metadata.is_ok_and(|found| found.topics().iter().all(|t| t.partitions().is_empty()))
        };
        match self.topics.iter().find(|topic| missing(topic)) {
            Some(topic) => shared.note(format!("unknown topic {topic}")),
            None => shared.joined.store(true, Ordering::Release),
        }
    }

    fn pause_or_resume(&mut self) {
        let shared = &*self.intake.shared;
        let load = Load {
            down: shared.is_down(),
            full: shared.is_full(),
            room: shared.has_room_again(),
            broken: shared.breaker.is_open(),
        };
        let pause = match self.gate.step(load, Instant::now()) {
            Step::Stay => return,
            Step::Pause => true,
            Step::Resume => false,
        };
        // Partitions that are assigned from now on are treated alike, in the callback.
        shared.paused.store(pause, Ordering::Release);
        let changed = self.client.assignment().and_then(|assignment| {
            if pause {
                self.client.pause(&assignment)
            } else {
                self.client.resume(&assignment)
            }
        });
        if let Err(error) = changed {
            shared.note(error.to_string());
        }
        shared.meters.paused.set(f64::from(u8::from(pause)));
        if load.down || load.broken || !pause {
            let name = if pause {
                "topic_paused"
            } else {
                "topic_resumed"
            };
            info!(
                topic = shared.topic,
                down = load.down,
                broken = load.broken,
                "{name}"
            );
        }
    }

    /// Shutdown: fetch no more, leave what is not begun to others, let running records end, commit, leave the group.
    fn leave(self) {
        let Poller {
            client,
            intake,
            runtime,
            ..
        } = self;
        let Intake { lanes, shared, .. } = intake;
        if let Ok(assignment) = client.assignment() {
            let _ = client.pause(&assignment);
        }
        let partitions = shared.partitions().clone();
        for partition in &partitions {
            partition.revoke();
        }
        let began = Instant::now();
        while shared.in_flight.get().0 > 0 && began.elapsed() < shared.options.shutdown_drain {
            // Polling keeps the membership alive; what it may still give is left to others.
            drop(client.poll(Duration::from_millis(2)));
        }
        let drained = shared.in_flight.get().0 == 0;
        // This may take long when Kafka is away; whoever waits for this thread does not wait for ever.
        commit_last(&client, &shared, &partitions, CommitMode::Sync);
        // Nobody waits for the lanes: records that did not end in time are repeated by others.
        runtime.spawn(lanes.close());
        drop(client);
        info!(
            topic = shared.topic,
            drained,
            elapsed_ms = began.elapsed().as_millis() as u64,
            "consumer_left"
        );
    }
}

impl Intake {
    fn begin(&mut self, message: &BorrowedMessage<'_>) {
        let change = self.shared.changes.load(Ordering::Acquire);
        if change != self.change {
            self.change = change;
            self.partitions.clone_from(&self.shared.partitions());
        }
        let (topic, number) = (message.topic(), message.partition());
        let Some(partition) = self.partitions.iter().find(|p| p.is(topic, number)) else {
            // Not ours any more: its owner gets it.
            return;
        };
        let record = Record::from_message(Arc::clone(&partition.topic), message);
        let ticket = locked(&partition.ledger).begin(record.offset);
        let key = OrderKey::of(&record.topic, record.partition, record.key.as_deref());
        let job = Job::new(record, ticket, Arc::clone(partition));
        self.new.0 += 1;
        self.new.1 += job.bytes();
        self.lanes.add(key, Box::new(job));
    }

    /// False when a lane has died.
    fn hand_over(&mut self) -> bool {
        let (records, bytes) = std::mem::take(&mut self.new);
        self.shared.in_flight.add(records, bytes);
        self.lanes.flush()
    }
}

fn wait_for_room(shared: &Shared) {
    let began = Instant::now();
    while shared.is_full()
        && !shared.is_down()
        && began.elapsed() < WAIT_FOR_ROOM
        && !shared.stop.load(Ordering::Acquire)
    {
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Notices a frontier that does not move, and partitions that have run too far ahead of theirs.
fn watch(shared: &Shared) {
    let now = shared.millis();
    let mut oldest = 0;
    let mut stuck = 0;
    let mut far = 0;
    for partition in shared.partitions().iter() {
        let (open, frontier) = {
            let ledger = locked(&partition.ledger);
            (ledger.open(), ledger.frontier().unwrap_or(-1))
        };
        let moved = partition.last_frontier.swap(frontier, Ordering::AcqRel) != frontier;
        if open == 0 || moved {
            partition.moved_at.store(now, Ordering::Release);
        }
        let age = now.saturating_sub(partition.moved_at.load(Ordering::Acquire));
        oldest = oldest.max(age);
        // Whoever waits because somebody said when to come back is not stuck.
        if partition.told_to_wait.load(Ordering::Acquire) == 0 {
            stuck = stuck.max(age);
        }
        far = far.max(open);
    }
    let ahead = shared.options.records_ahead;
    if far >= ahead {
        shared.too_far_ahead.store(true, Ordering::Release);
    } else if far <= ahead / 2 {
        shared.too_far_ahead.store(false, Ordering::Release);
    }
    let stalled = !shared.is_down() && Duration::from_millis(stuck) > shared.options.stall_after;
    if stalled && !shared.stalled.swap(true, Ordering::AcqRel) {
        error!(topic = shared.topic, oldest_ms = stuck, "consumer_stalled");
    } else if !stalled {
        shared.stalled.store(false, Ordering::Release);
    }
    shared.meters.set_clock(shared.began);
    shared.meters.frontier_age.set(oldest as f64 / 1000.0);
    shared.meters.in_flight.set(shared.in_flight.get().0 as f64);
}
