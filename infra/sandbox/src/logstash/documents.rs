//! The documents received, the last of them.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, value::to_raw_value};

const KEPT: usize = 50_000;
const KEPT_BYTES: usize = 128 * 1024 * 1024;

/// One document.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) received_at: String,
    pub(crate) document: Box<RawValue>,
}

/// What is looked for.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) executer: Option<String>,
    pub(crate) action: Option<String>,
    /// Text anywhere in the document's JSON.
    pub(crate) contains: Option<String>,
    pub(crate) after: u64,
}

/// The last documents, in order.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    entries: VecDeque<Entry>,
    last_seq: u64,
    bytes: usize,
}

impl Documents {
    /// Keeps a document; the oldest go when there are too many.
    pub(crate) fn push(&mut self, received_at: &str, document: &Value) -> Option<Entry> {
        let document = to_raw_value(document).ok()?;
        self.last_seq += 1;
        let entry = Entry {
            seq: self.last_seq,
            received_at: received_at.to_owned(),
            document,
        };
        self.bytes += entry.document.get().len();
        self.entries.push_back(entry.clone());
        while self.entries.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.document.get().len();
        }
        Some(entry)
    }

    pub(crate) fn find(&self, query: &Query) -> Vec<Entry> {
        let start = self
            .entries
            .partition_point(|entry| entry.seq <= query.after);
        self.entries
            .range(start..)
            .filter(|entry| fits(entry, query))
            .cloned()
            .collect()
    }

    pub(crate) fn forget(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

fn fits(entry: &Entry, query: &Query) -> bool {
    let text = entry.document.get();
    if !query
        .contains
        .as_ref()
        .is_none_or(|wanted| text.contains(wanted.as_str()))
    {
        return false;
    }
    if query.executer.is_none() && query.action.is_none() {
        return true;
    }
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return false;
    };
    let field_is = |name: &str, wanted: &Option<String>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| document.get(name).and_then(Value::as_str) == Some(wanted))
    };
    field_is("executer", &query.executer) && field_is("action", &query.action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_fifty_thousand_are_kept() {
        let mut documents = Documents::default();
        for number in 0..KEPT + 10 {
            documents.push("now", &json!({"number": number}));
        }
        let all = documents.find(&Query::default());
        assert_eq!((all.len(), all[0].seq), (KEPT, 11));
    }

    #[test]
    fn documents_are_found_by_field_text_and_place() {
        let mut documents = Documents::default();
        documents.push(
            "now",
            &json!({"executer": "LK", "action": "info", "message": "one"}),
        );
        documents.push(
            "now",
            &json!({"executer": "ARM", "action": "info", "message": "two"}),
        );
        let find = |query| {
            documents
                .find(&query)
                .iter()
                .map(|entry| entry.seq)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            find(Query {
                executer: Some("ARM".into()),
                ..Query::default()
            }),
            [2]
        );
        assert_eq!(
            find(Query {
                action: Some("info".into()),
                after: 1,
                ..Query::default()
            }),
            [2]
        );
        assert_eq!(
            find(Query {
                contains: Some("one".into()),
                ..Query::default()
            }),
            [1]
        );
        assert!(
            find(Query {
                action: Some("none".into()),
                ..Query::default()
            })
            .is_empty()
        );
    }
}
