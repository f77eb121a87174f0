//! Which messages are sent.

use std::collections::HashMap;

use futures_util::future::join_all;
use geobot_shared::topics::tg_send::Priority;
use serde_json::json;

use crate::kafka::Kafka;

/// All messages of one ordeal.
pub(super) struct Plan {
    run: String,
    messages: Vec<Message>,
    by_text: HashMap<String, usize>,
}

/// One message.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) person: i64,
    pub(super) priority: Priority,
    pub(super) text: String,
}

impl Plan {
    pub(super) fn new(people: &[i64], each: usize) -> Plan {
        let run = format!("ordeal-{:08x}", rand::random::<u32>());
        let messages: Vec<Message> = (0..each)
            .flat_map(|number| people.iter().map(move |person| (number, *person)))
            .map(|(number, person)| {
                // Half of them bulk; an order that is another one for each person.
                let priority = match (number + person.unsigned_abs() as usize) % 10 {
                    0 | 1 => Priority::Interactive,
                    2..=4 => Priority::Notify,
                    _ => Priority::Bulk,
                };
                Message {
                    id: format!("{run}-{person}-{number}"),
                    person,
                    priority,
                    text: format!("{run} {person} {number:04}"),
                }
            })
            .collect();
        let texts = messages.iter().enumerate();
        Plan {
            by_text: texts.map(|(at, it)| (it.text.clone(), at)).collect(),
            run,
            messages,
        }
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Which message has this text. They ascend in the order of a person's messages.
    pub(super) fn find(&self, text: &str) -> Option<usize> {
        self.by_text.get(text).copied()
    }

    /// Puts all of them on tg_send, each person's in order.
    pub(super) async fn publish(&self, kafka: &Kafka) {
        let people = self.messages.iter().map(|message| message.person);
        let first = people.clone().next().unwrap_or_default();
        let round = people.skip(1).take_while(|person| *person != first).count() + 1;
        for round in self.messages.chunks(round) {
            join_all(round.iter().map(async |message| {
                let record = json!({"service": "ARM", "action": "send_message", "payload": {"data": {
                    "chat_id": message.person,
                    "text": message.text,
                    "priority": message.priority,
                    "broadcast_id": (message.priority == Priority::Bulk).then_some(&self.run),
                }}});
                let (key, value) = (message.person.to_string(), record.to_string());
                let headers = [("message-id", message.id.as_str())];
                kafka
                    .write("tg_send", Some(&key), value.as_bytes(), &headers)
                    .await;
            }))
            .await;
        }
    }
}
