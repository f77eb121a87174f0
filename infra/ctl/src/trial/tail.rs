//! Listens to every topic from its end on and picks the records of one person's story.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::DateTime;
use geobot_shared::bus::{KafkaSettings, header};
use geobot_shared::envelope::Envelope;
use geobot_shared::topics::dead_letter_topic;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::hops::Hops;
use crate::failure::Failure;
use crate::kafka::{ASK, all_names, reading};

/// What tells the records of a story from others.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Numbers that name it: the person, the invoice.
    numbers: Vec<String>,
    correlations: HashSet<String>,
}

impl Story {
    /// Whether a record belongs to it: by a number in it, or by the correlation with one that does.
    fn takes(&mut self, value: &[u8], correlation: Option<String>) -> bool {
        let by_number = self.numbers.iter().any(|n| contains_number(value, n));
        let by_correlation = correlation
            .as_ref()
            .is_some_and(|id| self.correlations.contains(id));
        if by_number && let Some(id) = correlation {
            self.correlations.insert(id);
        }
        by_number || by_correlation
    }
}

/// Whether the number is in the text as a whole.
fn contains_number(text: &[u8], number: &str) -> bool {
    let wanted = number.as_bytes();
    let is_digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_digit);
    text.windows(wanted.len()).enumerate().any(|(at, window)| {
        window == wanted
            && !is_digit(at.checked_sub(1).and_then(|before| text.get(before)))
            && !is_digit(text.get(at + wanted.len()))
    })
}

/// The listening thread.
pub(crate) struct Tail {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    hops: Mutex<Hops>,
    story: Mutex<Story>,
    stop: AtomicBool,
}

impl Tail {
    /// Begins to listen. Every record written after this returns is heard; the clock of the hops starts here.
    pub(crate) fn start(kafka: &KafkaSettings) -> Result<Tail, Failure> {
        let reader: BaseConsumer = reading::config(kafka, "geobot-ctl.tail")
            .set("enable.partition.eof", "true")
            .create()?;
        let topics: Vec<String> = all_names()
            .flat_map(|name| [name.to_owned(), dead_letter_topic(name)])
            .collect();
        let spans = reading::spans(&reader, &topics)?;
        if let Some(missing) = topics
            .iter()
            .find(|t| !spans.iter().any(|s| s.topic == **t))
        {
            return Err(Failure::failed(format!(
                "the topic {missing} is missing: geobot-ctl topics ensure"
            )));
        }
        let mut list = TopicPartitionList::new();
        for span in &spans {
            list.add_partition_offset(&span.topic, span.partition, Offset::Offset(span.high))?;
        }
        reader.assign(&list)?;
        warm_up(&reader, spans.len())?;
        let shared = Arc::new(Shared {
            hops: Mutex::new(Hops::start()),
            story: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let thread = std::thread::Builder::new()
            .name("tail".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || listen(&reader, &shared)
            })
            .map_err(|e| Failure::failed(e.to_string()))?;
        Ok(Tail { shared, thread })
    }

    /// The story has this number too. Say it before the first record with it can be written.
    pub(crate) fn follow(&self, number: impl ToString) {
        locked(&self.shared.story).numbers.push(number.to_string());
    }

    pub(crate) fn step(&self, place: &str, who: &str, what: impl Into<String>) {
        locked(&self.shared.hops).step(place, who, what);
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Hops) -> T) -> T {
        look(&mut locked(&self.shared.hops))
    }

    /// Ends the thread and prints what was held back; the answer is how many lines were printed in all.
    pub(crate) fn finish(self) -> usize {
        self.shared.stop.store(true, Ordering::Release);
        // The thread prints, so it can't panic but for a closed terminal, and then nobody reads this.
        let _ = self.thread.join();
        print(&self.shared, true);
        locked(&self.shared.hops).count()
    }
}

/// Fetching begins a little after the assignment. Each partition says once that nothing is after its end: then it is
/// listened to, and hops are heard when they happen.
fn warm_up(reader: &BaseConsumer, partitions: usize) -> Result<(), Failure> {
    let end = Instant::now() + ASK;
    let mut ready = 0;
    while ready < partitions {
        if Instant::now() >= end {
            return Err(Failure::failed("Kafka lets nobody listen to its topics"));
        }
        if let Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) =
            reader.poll(Duration::from_millis(100))
        {
            ready += 1;
        }
    }
    Ok(())
}

fn listen(reader: &BaseConsumer, shared: &Shared) {
    while !shared.stop.load(Ordering::Acquire) {
        // Errors of the connection repeat; what they keep from us is missed by name in the end.
        if let Some(Ok(message)) = reader.poll(Duration::from_millis(20)) {
            hear(shared, &message);
        }
        print(shared, false);
    }
}

fn hear(shared: &Shared, message: &BorrowedMessage<'_>) {
    let value = message.payload().unwrap_or_default();
    let correlation = message.headers().and_then(|all| {
        let found = all.iter().find(|h| h.key == header::CORRELATION_ID)?;
        Some(String::from_utf8_lossy(found.value?).into_owned())
    });
    if !locked(&shared.story).takes(value, correlation) {
        return;
    }
    let (service, action) = match Envelope::parse(value) {
        Ok(envelope) => (envelope.service, envelope.action),
        Err(error) => ("?".to_owned(), error.to_string()),
    };
    let at = message.timestamp().to_millis();
    locked(&shared.hops).record(
        message.topic(),
        &service,
        &action,
        at.and_then(DateTime::from_timestamp_millis),
    );
}

fn print(shared: &Shared, all: bool) {
    let lines = locked(&shared.hops).lines(all);
    for line in lines {
        println!("{line}");
    }
}

fn locked<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_as_a_whole_only() {
        assert!(contains_number(b"{\"user_id\":123456789}", "123456789"));
        assert!(contains_number(b"123456789", "123456789"));
        assert!(!contains_number(b"{\"user_id\":1234567890}", "123456789"));
        assert!(!contains_number(b"{\"user_id\":9123456789}", "123456789"));
        assert!(!contains_number(b"", "123456789"));
    }

    #[test]
    fn what_is_correlated_with_a_story_belongs_to_it() {
        let mut story = Story::default();
        story.numbers.push("77".into());
        assert!(!story.takes(b"{}", Some("c".into())));
        assert!(story.takes(b"{\"id\":77}", Some("c".into())));
        assert!(story.takes(b"{}", Some("c".into())));
        assert!(!story.takes(b"{}", None));
    }
}
