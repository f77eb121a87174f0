//! Membership: librdkafka's callbacks, and commits. The callbacks run inside `poll`, on the poller thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientContext, Statistics};
use tracing::{debug, info, warn};

use super::assignment::{Partition, Shared, locked};

pub(super) struct GroupContext {
    pub(super) shared: Arc<Shared>,
}

/// A member that has been connected for so long and was given nothing is one too many, not one that is late.
const SPARE_AFTER: Duration = Duration::from_secs(3);

impl ClientContext for GroupContext {
    fn error(&self, error: KafkaError, reason: &str) {
        // Connection errors repeat until the broker is back; librdkafka reconnects by itself.
        debug!(topic = self.shared.topic, %error, reason, "kafka_connection_failed");
    }

    fn stats(&self, statistics: Statistics) {
        let connected = statistics.cgrp.as_ref().is_some_and(|group| {
            group.state == "up"
                && Duration::from_millis(group.stateage.unsigned_abs()) > SPARE_AFTER
        });
        self.shared.connected.store(connected, Ordering::Release);
        let mut lag = 0;
        for partition in self.shared.partitions().iter() {
            let known = statistics
                .topics
                .get(&*partition.topic)
                .and_then(|topic| topic.partitions.get(&partition.number));
            if let Some(known) = known {
                lag += known.consumer_lag.max(0);
                locked(&partition.ledger).compare(known.committed_offset);
            }
        }
        self.shared.meters.lag.set(lag as f64);
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let shared = &*self.shared;
        match rebalance {
            Rebalance::Assign(list) => {
                for element in list.elements() {
                    shared.assign(element.topic(), element.partition());
                }
            }
            Rebalance::Revoke(list) => {
                let revoked: Vec<Arc<Partition>> = list
                    .elements()
                    .iter()
                    .filter_map(|e| shared.revoke(e.topic(), e.partition()))
                    .collect();
                if client.assignment_lost() {
                    // Somebody else may own them already: nothing may be committed, nothing is waited for.
                    warn!(
                        topic = shared.topic,
                        partitions = list.count(),
                        "partitions_lost"
                    );
                    return;
                }
                let began = Instant::now();
                // At shutdown the drain has been before.
                while !shared.stop.load(Ordering::Acquire)
                    && began.elapsed() < shared.options.rebalance_drain
                    && revoked.iter().any(|p| p.running.load(Ordering::SeqCst) > 0)
                {
                    std::thread::sleep(Duration::from_millis(1));
                }
                // Librdkafka gives the partitions up only after the commits that were begun before.
                commit_last(client, shared, &revoked, CommitMode::Async);
                info!(
                    topic = shared.topic,
                    partitions = list.count(),
                    elapsed_ms = began.elapsed().as_millis() as u64,
                    "partitions_revoked"
                );
            }
            Rebalance::Error(error) => shared.note(error.to_string()),
        }
    }

    fn post_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let shared = &*self.shared;
        if let Rebalance::Assign(list) = rebalance {
            if shared.paused.load(Ordering::Acquire)
                && let Err(error) = client.pause(list)
            {
                shared.note(error.to_string());
            }
            info!(
                topic = shared.topic,
                partitions = list.count(),
                "partitions_assigned"
            );
        }
        shared.joined.store(true, Ordering::Release);
    }
}

/// Commits the frontier of partitions that are given up, even where it has been committed before: nobody is told of an
/// earlier commit that the broker refused, as it does while the group changes, and the next owner would begin there.
pub(super) fn commit_last(
    client: &BaseConsumer<GroupContext>,
    shared: &Shared,
    partitions: &[Arc<Partition>],
    mode: CommitMode,
) {
    for partition in partitions {
        locked(&partition.ledger).commit_failed();
    }
    commit(client, shared, partitions, mode);
}

/// Commits the frontier of these partitions where it has moved. [`CommitMode::Async`] only begins it, and whether it
/// arrived shows in the statistics.
pub(super) fn commit(
    client: &BaseConsumer<GroupContext>,
    shared: &Shared,
    partitions: &[Arc<Partition>],
    mode: CommitMode,
) {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        let mut ledger = locked(&partition.ledger);
        if let Some(next) = ledger.to_commit() {
            // `commit` takes the next offset to read, as it is.
            if list
                .add_partition_offset(&partition.topic, partition.number, Offset::Offset(next))
                .is_ok()
            {
                ledger.committed(next);
            }
        }
    }
    if list.count() == 0 {
        return;
    }
    if let Err(error) = client.commit(&list, mode) {
        shared.note(error.to_string());
        for partition in partitions {
            locked(&partition.ledger).commit_failed();
        }
    }
}
