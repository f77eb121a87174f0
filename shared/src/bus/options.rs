//! How a consumer treats its topic.

use std::time::Duration;

/// How a consumer treats its topic. The defaults suit every service; see docs/delivery.md for what each one guards.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// The service's part of the group's name, in lower case; the producer's service name when absent. Replicas that
    /// sign their records with names of their own (WORKER_0, WORKER_1) set it to share one group.
    pub group: Option<&'static str>,
    /// How metrics and logs name it; the topic's name when absent. A process that reads one topic twice needs two names.
    pub meter: Option<&'static str>,
    /// Lanes; keys are spread over them. Each is one task: more lanes use more processors, fewer cost less.
    pub lanes: usize,
    /// Handlers that run at the same time, at most. Records that pause between tries don't count.
    pub handlers_at_once: usize,
    /// Records begun and not finished, at most; beyond that the topic is paused.
    pub records_in_flight: usize,
    /// Bytes of those records, at most.
    pub bytes_in_flight: usize,
    /// Records that may be finished behind an unfinished one, per partition, before the topic is paused: after a crash
    /// so many are done again.
    pub records_ahead: usize,
    /// Tries of a record that fails for now, before it is dead-lettered.
    pub attempts: u32,
    /// The first pause between tries; it doubles each time, with jitter.
    pub first_pause: Duration,
    /// The longest pause between tries.
    pub longest_pause: Duration,
    /// How often the frontier is committed.
    pub commit_every: Duration,
    /// How long running records may take to end in a rebalance.
    pub rebalance_drain: Duration,
    /// How long running records may take to end at shutdown.
    pub shutdown_drain: Duration,
    /// A frontier that does not move for this long, while nothing is known to be down, is a stall.
    pub stall_after: Duration,
    /// So many records failing for good in a row are taken for a fault of ours: the topic waits instead of
    /// dead-lettering on.
    pub breaker_after: u32,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        ConsumerOptions {
            group: None,
            meter: None,
            lanes: 2,
            handlers_at_once: 1_024,
            records_in_flight: 4_000,
            bytes_in_flight: 32 * 1024 * 1024,
            records_ahead: 200_000,
            attempts: 8,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
            commit_every: Duration::from_secs(1),
            rebalance_drain: Duration::from_secs(5),
            shutdown_drain: Duration::from_secs(5),
            stall_after: Duration::from_secs(120),
            breaker_after: 20,
        }
    }
}
