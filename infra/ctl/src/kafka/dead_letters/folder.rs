//! Reading dead letters: first what there is and what was decided, later the chosen ones whole.

use std::collections::{BTreeMap, HashMap};

use rdkafka::consumer::BaseConsumer;

use super::letter::{Entry, Letter};
use crate::failure::Failure;
use crate::kafka::reading::{self, Span};

/// Every letter of these topics with its fate, in the order of topic, partition and offset.
pub(super) fn entries(reader: &BaseConsumer, topics: &[String]) -> Result<Vec<Entry>, Failure> {
    let spans = reading::spans(reader, topics)?;
    let mut entries: BTreeMap<(String, i32, i64), Entry> = BTreeMap::new();
    let mut notes = Vec::new();
    reading::read(reader, &spans, |message| {
        let letter = Letter::of(message);
        match letter.note() {
            Some(note) => notes.push((letter.topic, note)),
            None => {
                let place = (letter.topic.clone(), letter.partition, letter.offset);
                entries.insert(place, letter.entry());
            }
        }
        Ok(())
    })?;
    for (topic, note) in notes {
        let place = (topic, note.partition, note.offset);
        if let Some(entry) = entries.get_mut(&place).filter(|entry| note.is_about(entry)) {
            entry.fate = Some(note.verdict);
        }
    }
    Ok(entries.into_values().collect())
}

/// Reads the chosen letters again, whole, and hands each to `take`, those of a partition in their order.
pub(super) fn fetch(
    reader: &BaseConsumer,
    chosen: &[Entry],
    mut take: impl FnMut(&Entry, Letter) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut spans: Vec<Span> = Vec::new();
    let mut places: HashMap<(&str, i32, i64), &Entry> = HashMap::new();
    for entry in chosen {
        places.insert((&entry.topic, entry.partition, entry.offset), entry);
        let known = spans
            .iter_mut()
            .find(|span| span.topic == entry.topic && span.partition == entry.partition);
        match known {
            Some(span) => {
                span.low = span.low.min(entry.offset);
                span.high = span.high.max(entry.offset + 1);
            }
            None => spans.push(Span {
                topic: entry.topic.clone(),
                partition: entry.partition,
                low: entry.offset,
                high: entry.offset + 1,
            }),
        }
    }
    reading::read(reader, &spans, |message| {
        use rdkafka::Message as _;
        let place = (message.topic(), message.partition(), message.offset());
        match places.get(&place) {
            Some(entry) => take(entry, Letter::of(message)),
            None => Ok(()),
        }
    })
}
