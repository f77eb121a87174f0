//! The contract: every topic as a type, one file per topic.
//!
//! A topic is an enum of its actions ([`Topic`]); each action's fields are a struct that also names its key
//! ([`Keyed`]) and can be turned into the topic's enum ([`Action`]). The wire form is in [`crate::envelope`].

mod contract;
mod define;
pub mod states;

pub mod arm_sync_lk;
pub mod arm_sync_tg;
pub mod create_user_in;
pub mod info_in;
pub mod lk_sync_orm;
pub mod lk_sync_tg;
pub mod task_in;
pub mod tasks;
pub mod tg_notify;
pub mod tg_robokassa;
pub mod tg_send;
pub mod tg_send_bulk;
pub mod tg_updates;
pub mod update_user_in;
pub mod worker_done_orm;
pub mod worker_start_orm;

use std::borrow::Cow;

use serde_json::value::RawValue;

pub use arm_sync_lk::ArmSyncLk;
pub use arm_sync_tg::ArmSyncTg;
pub use contract::{ActionInfo, Party, Reread};
pub use create_user_in::CreateUserIn;
pub use info_in::InfoIn;
pub use lk_sync_orm::LkSyncOrm;
pub use lk_sync_tg::LkSyncTg;
pub use task_in::TaskIn;
pub use tg_notify::TgNotify;
pub use tg_robokassa::TgRobokassa;
pub use tg_send::TgSend;
pub use tg_send_bulk::TgSendBulk;
pub use tg_updates::TgUpdates;
pub use update_user_in::UpdateUserIn;
pub use worker_done_orm::WorkerDoneOrm;
pub use worker_start_orm::WorkerStartOrm;

use crate::envelope::Level;

/// Partitions of every topic: the most replicas of one service that can share a topic's work.
pub const PARTITIONS: i32 = 6;

/// Appended to a topic's name, it is the topic of the records that could not be handled.
pub const DEAD_LETTER_SUFFIX: &str = ".dlq";

/// One topic: an enum of the actions that may be on it.
pub trait Topic: Sized + Send + Sync + 'static {
    /// The name that is written.
    const NAME: &'static str;
    /// Other names under which the same records are read (older senders).
    const ALIASES: &'static [&'static str] = &[];
    /// The actions of this topic; empty means that any action is taken.
    const ACTIONS: &'static [&'static str];
    /// What it is for.
    const DOC: &'static str;
    /// The services that write it.
    const WRITERS: &'static [Party];
    /// The services that read it.
    const READERS: &'static [Party];
    /// Its actions, as data; where any action is taken, one that stands for all.
    const CONTRACT: &'static [ActionInfo];

    /// The action of this record.
    fn action(&self) -> &str;
    /// The key that keeps order, if there is one.
    fn key(&self) -> Option<String>;
    /// The line for people.
    fn message(&self) -> Cow<'_, str>;
    /// How much it matters.
    fn level(&self) -> Level {
        Level::Info
    }
    /// The action's fields as JSON.
    ///
    /// # Errors
    /// Only for a type that can't be JSON, a programming error.
    fn encode(&self) -> Result<Box<RawValue>, serde_json::Error>;
}

/// The fields of one action know the key that keeps their order.
pub trait Keyed {
    /// What the key is, in words; `None` when there is none.
    const KEY: Option<&'static str>;

    /// Telegram user or chat id, task id, invoice id or product id; see docs/architecture.md, "The wire".
    fn key(&self) -> Option<String>;
}

/// The fields of one action of topic `T`.
pub trait Action<T: Topic>: Sized + Send + 'static {
    /// The action's name on the wire.
    const NAME: &'static str;

    /// Reads the fields.
    ///
    /// # Errors
    /// Says which field is wrong; the record can never be read.
    fn decode(data: &RawValue) -> Result<Self, serde_json::Error>;

    /// As the topic's enum.
    fn into_topic(self) -> T;
}

/// A topic as data.
#[derive(Clone, Copy, Debug)]
pub struct TopicInfo {
    /// The name.
    pub name: &'static str,
    /// Other names that are read, each a topic of its own.
    pub aliases: &'static [&'static str],
    /// The actions the topic may carry; empty means any.
    pub actions: &'static [&'static str],
    /// What it is for.
    pub doc: &'static str,
    /// The services that write it.
    pub writers: &'static [Party],
    /// The services that read it.
    pub readers: &'static [Party],
    /// Its actions; where any is taken, one that stands for all.
    pub contract: &'static [ActionInfo],
}

impl TopicInfo {
    const fn of<T: Topic>() -> TopicInfo {
        TopicInfo {
            name: T::NAME,
            aliases: T::ALIASES,
            actions: T::ACTIONS,
            doc: T::DOC,
            writers: T::WRITERS,
            readers: T::READERS,
            contract: T::CONTRACT,
        }
    }
}

/// Every topic of the graph, in the order of the picture in the README.
pub const ALL: &[TopicInfo] = &[
    TopicInfo::of::<CreateUserIn>(),
    TopicInfo::of::<UpdateUserIn>(),
    TopicInfo::of::<TaskIn>(),
    TopicInfo::of::<InfoIn>(),
    TopicInfo::of::<ArmSyncLk>(),
    TopicInfo::of::<LkSyncOrm>(),
    TopicInfo::of::<LkSyncTg>(),
    TopicInfo::of::<ArmSyncTg>(),
    TopicInfo::of::<TgSend>(),
    TopicInfo::of::<TgNotify>(),
    TopicInfo::of::<TgRobokassa>(),
    TopicInfo::of::<WorkerStartOrm>(),
    TopicInfo::of::<WorkerDoneOrm>(),
    TopicInfo::of::<TgUpdates>(),
    TopicInfo::of::<TgSendBulk>(),
];

/// The dead-letter topic of a topic.
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}{DEAD_LETTER_SUFFIX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_of_the_graph_is_there_once() {
        let names: std::collections::BTreeSet<_> = ALL
            .iter()
            .flat_map(|t| std::iter::once(t.name).chain(t.aliases.iter().copied()))
            .collect();
        assert_eq!(
            names.len(),
            ALL.iter().map(|t| 1 + t.aliases.len()).sum::<usize>()
        );
        for name in [
            "orm_sync_lk",
            "orm_sync_tg",
            "tg_robokassa",
            "info_in",
            "lk_sync_orm",
        ] {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn every_topic_is_read_by_one_service_and_what_the_bot_reads_begins_with_tg() {
        for topic in ALL {
            let [reader] = topic.readers else {
                panic!("{}: {:?}", topic.name, topic.readers)
            };
            let for_the_bot = topic.name.starts_with("tg_");
            assert_eq!(*reader == Party::Bot, for_the_bot, "{}", topic.name);
            assert!(!topic.writers.is_empty(), "{}", topic.name);
        }
    }
}
