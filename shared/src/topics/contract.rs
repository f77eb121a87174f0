//! What a topic promises, as data: for docs/asyncapi.yaml, and for the tests that keep older records readable.

use serde_json::value::RawValue;

use super::{Action, Topic};

/// A service that writes or reads records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Talks to people in Telegram.
    Bot,
    /// The personal cabinet.
    Lk,
    /// The staff's workplace.
    Arm,
    /// The heavy jobs.
    Worker,
    /// Carries events to Logstash.
    Logger,
}

impl Party {
    /// Every service.
    pub const ALL: &'static [Party] = &[
        Party::Bot,
        Party::Lk,
        Party::Arm,
        Party::Worker,
        Party::Logger,
    ];

    /// The name of its crate.
    pub const fn name(self) -> &'static str {
        match self {
            Party::Bot => "bot",
            Party::Lk => "lk",
            Party::Arm => "arm",
            Party::Worker => "worker",
            Party::Logger => "logger",
        }
    }

    /// What it writes as `service`; the workers number theirs.
    pub const fn service(self) -> &'static str {
        match self {
            Party::Bot => "TG",
            Party::Lk => "LK",
            Party::Arm => "ARM",
            Party::Worker => "WORKER_0",
            Party::Logger => "LOGGING",
        }
    }

    /// The consumer group in which it reads a topic.
    pub fn group(self, topic: &str) -> String {
        let first = match self {
            Party::Bot => "tg",
            Party::Lk => "lk",
            Party::Arm => "arm",
            Party::Worker => "worker",
            Party::Logger => "logging",
        };
        format!("{first}.{topic}")
    }
}

/// One action of a topic, as data.
#[derive(Clone, Copy, Debug)]
pub struct ActionInfo {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What its key is, in words; `None` when it has no key.
    pub key: Option<&'static str>,
    /// Reads the fields as this version does and writes them again.
    pub reread: fn(&RawValue) -> Result<Reread, serde_json::Error>,
    /// The schema of the fields; puts what it refers to into the generator.
    #[cfg(feature = "schema")]
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
    /// A recorded record, as JSON.
    #[cfg(feature = "schema")]
    pub example: &'static str,
}

/// What this version makes of a record that was written some time ago.
#[derive(Clone, Debug)]
pub struct Reread {
    /// The key it would give it.
    pub key: Option<String>,
    /// The fields as it would write them.
    pub data: Box<RawValue>,
}

/// Reads the fields of `A` and writes them again.
pub(super) fn reread<T: Topic, A: Action<T>>(data: &RawValue) -> Result<Reread, serde_json::Error> {
    let event = A::decode(data)?.into_topic();
    Ok(Reread {
        key: event.key(),
        data: event.encode()?,
    })
}
