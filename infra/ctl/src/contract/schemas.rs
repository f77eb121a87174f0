//! The schemas of the contract: what topics share, and the fields of each action as schemars sees their types.

use geobot_shared::bus::{dead_letter_header as letter, header};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kafka::dead_letters::fate;

/// Where the schemas stand in the document.
const PLACE: &str = "/components/schemas";

/// AsyncAPI's schemas are those of JSON Schema draft 7.
pub(super) fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft07();
    settings.definitions_path = PLACE.into();
    settings.meta_schema = None;
    SchemaGenerator::new(settings)
}

/// A reference to a schema of the document.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#{PLACE}/{name}")})
}

/// Everything the messages refer to.
pub(super) fn all(mut generator: SchemaGenerator) -> Map<String, Value> {
    let mut schemas: Map<String, Value> = generator.take_definitions(true).into_iter().collect();
    schemas.values_mut().for_each(plain_words);
    for (name, schema) in [
        ("Envelope", envelope()),
        ("OlderEnvelope", older_envelope()),
        ("MessageHeaders", message_headers()),
        ("DeadLetterHeaders", dead_letter_headers()),
        ("FateHeaders", fate_headers()),
    ] {
        schemas.insert(name.to_owned(), schema);
    }
    schemas
}

/// Rust's docs refer to types in brackets; here they are only words.
fn plain_words(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = words(text);
            }
            map.values_mut().for_each(plain_words);
        }
        Value::Array(list) => list.iter_mut().for_each(plain_words),
        _ => {}
    }
}

/// A doc comment as one line.
pub(super) fn words(doc: &str) -> String {
    let line: Vec<&str> = doc.split_whitespace().collect();
    line.join(" ").replace("[`", "`").replace("`]", "`")
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn envelope() -> Value {
    json!({
        "description": "The form of every record's value. Unknown fields are ignored.",
        "type": "object",
        "required": ["service", "action", "payload"],
        "properties": {
            "service": text("Who wrote it: TG, LK, ARM, WORKER_0, WORKER_1, LOGGING; any other name is read too."),
            "action": text("What happened or is asked for. An action that the topic does not have is dead-lettered."),
            "payload": {
                "type": "object",
                "properties": {
                    "message": text("A line for people."),
                    "timestamp": text(
                        "When it happened, ISO 8601: UTC with microseconds and without a zone. A zone that comes in is \
                         honoured; when absent, Kafka's time counts."
                    ),
                    "level": {
                        "type": "string",
                        "description": "How much it matters; info when absent. The names of Python's logging are read too.",
                        "enum": ["debug", "info", "warn", "error"],
                    },
                    "data": {"description": "The action's own fields; {} when absent."},
                },
            },
        },
    })
}

fn older_envelope() -> Value {
    json!({
        "description": "The older form, read on every topic and never written: there is no payload, its fields stand beside the action.",
        "type": "object",
        "required": ["action"],
        "properties": {
            "service": text("Who wrote it."),
            "action": text("What happened or is asked for."),
            "message": text("A line for people."),
            "timestamp": text("As in the present form."),
            "level": text("As in the present form."),
            "data": {"description": "The action's own fields."},
        },
    })
}

fn message_headers() -> Value {
    json!({
        "description": "Kafka's headers, as text. A record without them is read too.",
        "type": "object",
        "properties": {
            header::MESSAGE_ID: text(
                "What a repeat is recognised by: a UUID, version 7 for a new event, version 5 of the source's id, topic, \
                 action and an index for what is made while another record is handled. A record without it is known as \
                 topic-partition-offset-timestamp."
            ),
            header::CORRELATION_ID: text("What belongs to one story; the message-id when absent."),
            header::TRACEPARENT: text("W3C Trace Context."),
            header::ATTEMPT: text("How often the record was tried before it was written here: re-driven dead letters only."),
        },
    })
}

fn dead_letter_headers() -> Value {
    json!({
        "description": "The record's own headers, and why it could not be handled.",
        "allOf": [reference("MessageHeaders"), {
            "type": "object",
            "required": [letter::TOPIC, letter::ERROR_CLASS],
            "properties": {
                letter::TOPIC: text("The topic it came from."),
                letter::PARTITION: text("Its partition there."),
                letter::OFFSET: text("Its offset there."),
                letter::TIMESTAMP: text("Its Kafka time there, ISO 8601."),
                letter::ATTEMPTS: text("How often it was tried."),
                letter::ERROR_CLASS: text("bad_data: it can't be handled as it is; transient: it failed too often."),
                letter::ERROR: text("The error in words."),
                letter::SERVICE: text("Who gave up, and its version."),
                letter::FAILED_AT: text("When, ISO 8601."),
                letter::CUT_FROM: text("Only when the record was too large: the whole value's length in bytes."),
                letter::HEADERS_LEFT_OUT: text("Only when its headers were too large: how many are left out."),
            },
        }],
    })
}

fn fate_headers() -> Value {
    json!({
        "description": "Which dead letter was decided about, and how. Written beside the letter, which stays.",
        "type": "object",
        "required": [fate::header::FATE, fate::header::PARTITION, fate::header::OFFSET],
        "properties": {
            fate::header::FATE: {"type": "string", "enum": ["redriven", "dropped"]},
            fate::header::PARTITION: text("The letter's partition in this topic."),
            fate::header::OFFSET: text("The letter's offset in this topic."),
            fate::header::MESSAGE_ID: text("The letter's message-id."),
            fate::header::AT: text("When, ISO 8601."),
            fate::header::BY: text("Who, as their system calls them."),
            fate::header::REASON: text("Why it was dropped."),
        },
    })
}
