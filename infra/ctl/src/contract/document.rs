//! The document: servers, channels, and who sends and receives what.

use geobot_shared::topics::{ALL, DEAD_LETTER_SUFFIX, PARTITIONS, Party, TopicInfo};
use serde_json::{Map, Value, json};

use super::schemas::words;
use super::{messages, schemas};
use crate::failure::Failure;
use crate::kafka::topics::RETENTION_MS;
use crate::kafka::{all_names, names};

/// The version of AsyncAPI's Kafka binding that the document speaks.
pub(super) const KAFKA_BINDING: &str = "0.5.0";
const DEAD_LETTERS: &str = "dead_letters";

/// # Errors
/// When a recorded example does not fit its action.
pub(super) fn document() -> Result<Value, Failure> {
    let mut generator = schemas::generator();
    let messages = messages::all(&mut generator)?;
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "geobot",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What geobot's services say to one another over Kafka: a question is a record, the answer is a \
                record. Values are JSON, headers and keys are text. Order is kept per key.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages,
            "schemas": schemas::all(generator),
            "securitySchemes": {"scram": {
                "type": "scramSha256",
                "description": "KAFKA_USERNAME and KAFKA_PASSWORD",
            }},
        },
    }))
}

fn servers() -> Value {
    json!({
        "services": {
            "host": "localhost:9092",
            "protocol": "kafka",
            "description": "SASL_PLAINTEXT, for our services.",
            "security": [{"$ref": "#/components/securitySchemes/scram"}],
        },
        "internal": {
            "host": "kafka:9093",
            "protocol": "kafka",
            "description": "PLAINTEXT_INTERNAL, for tools and older services; loopback and the compose network only.",
        },
    })
}

fn channels() -> Map<String, Value> {
    let mut channels = Map::new();
    for topic in ALL {
        for name in names(topic) {
            channels.insert(name.to_owned(), channel(topic, name));
        }
    }
    channels.insert(DEAD_LETTERS.to_owned(), dead_letters());
    channels
}

fn channel(topic: &TopicInfo, name: &str) -> Value {
    let messages: Map<String, Value> = topic
        .contract
        .iter()
        .map(|action| {
            let place = messages::name(topic.name, action.name);
            let message = json!({"$ref": format!("#/components/messages/{place}")});
            (action.name.to_owned(), message)
        })
        .collect();
    let doc = words(topic.doc);
    let description = if name == topic.name {
        doc
    } else {
        format!(
            "{doc} An older spelling of {}: it is read, and not written.",
            topic.name
        )
    };
    json!({
        "address": name,
        "description": description,
        "messages": messages,
        "bindings": {"kafka": {
            "topic": name,
            "partitions": PARTITIONS,
            "topicConfiguration": {
                "cleanup.policy": ["delete"],
                "retention.ms": RETENTION_MS,
            },
            "bindingVersion": KAFKA_BINDING,
        }},
    })
}

fn dead_letters() -> Value {
    let topics: Vec<&str> = all_names().collect();
    json!({
        "address": format!("{{topic}}{DEAD_LETTER_SUFFIX}"),
        "description": "What could not be handled, kept for ever, and what was decided about it.",
        "parameters": {"topic": {"description": "The topic the records came from.", "enum": topics}},
        "messages": {
            "dead_letter": {"$ref": "#/components/messages/dead_letter"},
            "dead_letter_fate": {"$ref": "#/components/messages/dead_letter_fate"},
        },
        "bindings": {"kafka": {
            "partitions": PARTITIONS,
            "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": -1},
            "bindingVersion": KAFKA_BINDING,
        }},
    })
}

fn operations() -> Map<String, Value> {
    let mut operations = Map::new();
    for topic in ALL {
        for writer in topic.writers {
            operations.insert(
                format!("{}.send.{}", writer.name(), topic.name),
                json!({
                    "action": "send",
                    "channel": on(topic.name),
                    "summary": format!("{} writes {}", writer.service(), topic.name),
                }),
            );
        }
        for reader in topic.readers {
            for name in names(topic) {
                operations.insert(
                    format!("{}.receive.{name}", reader.name()),
                    receive(*reader, topic, name),
                );
            }
        }
    }
    for (id, action, message, summary) in [
        (
            "any.send.dead_letter",
            "send",
            "dead_letter",
            "A service gives a record up",
        ),
        (
            "ctl.receive.dead_letter",
            "receive",
            "dead_letter",
            "The operator looks: geobot-ctl dlq list, show",
        ),
        (
            "ctl.send.dead_letter_fate",
            "send",
            "dead_letter_fate",
            "The operator decides: geobot-ctl dlq redrive, drop",
        ),
    ] {
        let message = format!("#/channels/{DEAD_LETTERS}/messages/{message}");
        operations.insert(
            id.to_owned(),
            json!({
                "action": action,
                "channel": on(DEAD_LETTERS),
                "messages": [{"$ref": message}],
                "summary": summary,
            }),
        );
    }
    operations
}

fn on(channel: &str) -> Value {
    json!({"$ref": format!("#/channels/{channel}")})
}

fn receive(reader: Party, topic: &TopicInfo, name: &str) -> Value {
    json!({
        "action": "receive",
        "channel": on(name),
        "summary": format!("{} reads {name}", reader.service()),
        "bindings": {"kafka": {
            "groupId": {"type": "string", "const": reader.group(topic.name)},
            "bindingVersion": KAFKA_BINDING,
        }},
    })
}
