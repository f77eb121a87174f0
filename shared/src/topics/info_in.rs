//! `info_in`, all → LOGGER: every event worth a log line, under any action.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::Topic;
use super::contract::{ActionInfo, Party, Reread};
use crate::envelope::Level;

/// One event for the log. Its action is the event's own name; `info` is the older system's only one.
#[derive(Clone, Debug, PartialEq)]
pub struct InfoIn {
    /// The event's name, in the past tense, or `info`.
    pub action: String,
    /// How much it matters.
    pub level: Level,
    /// The line for people. No token, no password, no full text of a person's message.
    pub message: String,
    /// The event's fields.
    pub data: Value,
    /// What keeps its order, usually the correlation id.
    pub key: Option<String>,
}

impl InfoIn {
    /// An event of level `info` with fields.
    pub fn new(action: impl Into<String>, message: impl Into<String>, data: Value) -> InfoIn {
        InfoIn {
            action: action.into(),
            level: Level::Info,
            message: message.into(),
            data,
            key: None,
        }
    }

    /// The same event at another level.
    pub fn at(mut self, level: Level) -> InfoIn {
        self.level = level;
        self
    }

    /// The same event, ordered by this key.
    pub fn keyed(mut self, key: impl Into<String>) -> InfoIn {
        self.key = Some(key.into());
        self
    }
}

impl Topic for InfoIn {
    const NAME: &'static str = "info_in";
    const ACTIONS: &'static [&'static str] = &[];
    const DOC: &'static str = "All → LOGGER: every event worth a log line, under any action.";
    const WRITERS: &'static [Party] = Party::ALL;
    const READERS: &'static [Party] = &[Party::Logger];
    const CONTRACT: &'static [ActionInfo] = &[ActionInfo {
        name: "info",
        doc: "An event. `action` is its own name in the past tense; `info` is the older senders' only one.",
        key: Some("usually the correlation-id"),
        reread: |data| {
            Ok(Reread {
                key: None,
                data: data.to_owned(),
            })
        },
        #[cfg(feature = "schema")]
        schema: schemars::SchemaGenerator::subschema_for::<Value>,
        #[cfg(feature = "schema")]
        example: include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/contract/info_in/info.json"
        )),
    }];

    fn action(&self) -> &str {
        &self.action
    }

    fn key(&self) -> Option<String> {
        self.key.clone()
    }

    fn message(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.message)
    }

    fn level(&self) -> Level {
        self.level
    }

    fn encode(&self) -> Result<Box<RawValue>, serde_json::Error> {
        serde_json::value::to_raw_value(&self.data)
    }
}
