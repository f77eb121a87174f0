//! Every action of every topic as a message with its schema, key and example.

use geobot_shared::envelope::Envelope;
use geobot_shared::topics::{ALL, ActionInfo, TopicInfo};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::document::KAFKA_BINDING;
use super::schemas::{reference, words};
use crate::failure::Failure;

/// A message's name among the document's components.
pub(super) fn name(topic: &str, action: &str) -> String {
    format!("{topic}.{action}")
}

/// The messages of all topics; puts the schemas of their fields into the generator.
pub(super) fn all(generator: &mut SchemaGenerator) -> Result<Map<String, Value>, Failure> {
    let mut messages = Map::new();
    for topic in ALL {
        for action in topic.contract {
            messages.insert(
                name(topic.name, action.name),
                message(topic, action, generator)?,
            );
        }
    }
    messages.insert("dead_letter".to_owned(), dead_letter());
    messages.insert("dead_letter_fate".to_owned(), fate());
    Ok(messages)
}

fn message(
    topic: &TopicInfo,
    action: &ActionInfo,
    generator: &mut SchemaGenerator,
) -> Result<Value, Failure> {
    let any = topic.actions.is_empty();
    let wrong = |what: &str, why: String| {
        Failure::failed(format!(
            "the recorded example of {} {} {what}: {why}",
            topic.name, action.name
        ))
    };
    let example: Value =
        serde_json::from_str(action.example).map_err(|e| wrong("is not JSON", e.to_string()))?;
    let envelope = Envelope::parse(action.example.as_bytes())
        .map_err(|e| wrong("can't be read", e.to_string()))?;
    let reread =
        (action.reread)(&envelope.data).map_err(|e| wrong("can't be read", e.to_string()))?;
    let named = if any {
        json!({"type": "string", "description": "Any event's name."})
    } else {
        json!({"type": "string", "const": action.name})
    };
    let key = match (action.key, &reread.key) {
        (None, _) => "None: the partition keeps the order.".to_owned(),
        (Some(field), None) => format!("{field}."),
        (Some(field), Some(key)) => format!("{field}; {key} in the example."),
    };
    Ok(json!({
        "name": action.name,
        "title": format!("{} on {}", action.name, topic.name),
        "summary": words(action.doc),
        "headers": reference("MessageHeaders"),
        "payload": {"allOf": [reference("Envelope"), {
            "type": "object",
            "properties": {
                "action": named,
                "payload": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"data": (action.schema)(generator).to_value()},
                },
            },
        }]},
        "bindings": {"kafka": {
            "key": {"type": "string", "description": key},
            "bindingVersion": KAFKA_BINDING,
        }},
        "examples": [{"name": "recorded", "payload": example}],
    }))
}

fn dead_letter() -> Value {
    json!({
        "name": "dead_letter",
        "title": "A record that could not be handled",
        "summary": "The record's own key, value and headers, word for word, and the reason in further headers.",
        "contentType": "application/octet-stream",
        "headers": reference("DeadLetterHeaders"),
        "payload": {"description": "Whatever it was: it need not be JSON."},
    })
}

fn fate() -> Value {
    json!({
        "name": "dead_letter_fate",
        "title": "What was decided about a dead letter",
        "summary": "Written by `geobot-ctl dlq redrive` and `drop` into the letter's own partition, so that no letter is put back twice.",
        "headers": reference("FateHeaders"),
        "payload": reference("Envelope"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;
    use crate::contract::schemas;

    /// Every record that was recorded for an action.
    fn recorded(topic: &str, action: &str) -> Vec<Value> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../shared/tests/contract")
            .join(topic);
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.split('.').next() == Some(action)
            })
            .flat_map(|path| {
                match serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() {
                    Value::Array(list) => list,
                    record => vec![record],
                }
            })
            .collect()
    }

    /// What schemas name: the properties of each schema, and all fixed texts.
    #[derive(Default)]
    struct Names {
        properties: BTreeMap<String, BTreeSet<String>>,
        texts: BTreeSet<String>,
    }

    impl Names {
        /// Goes through a schema and those it refers to.
        fn collect(&mut self, name: &str, schema: &Value, schemas: &Map<String, Value>) {
            match schema {
                Value::Object(map) => {
                    if let Some(Value::Object(properties)) = map.get("properties") {
                        let known = self.properties.entry(name.to_owned()).or_default();
                        known.extend(properties.keys().cloned());
                    }
                    if let Some(Value::String(text)) = map.get("const") {
                        self.texts.insert(text.clone());
                    }
                    if let Some(Value::Array(texts)) = map.get("enum") {
                        let texts = texts.iter().filter_map(Value::as_str);
                        self.texts.extend(texts.map(str::to_owned));
                    }
                    if let Some(Value::String(place)) = map.get("$ref") {
                        let name = place.rsplit('/').next().unwrap();
                        if !self.properties.contains_key(name) {
                            self.properties.insert(name.to_owned(), BTreeSet::new());
                            self.collect(name, &schemas[name], schemas);
                        }
                    }
                    for value in map.values() {
                        self.collect(name, value, schemas);
                    }
                }
                Value::Array(list) => list.iter().for_each(|it| self.collect(name, it, schemas)),
                _ => {}
            }
        }
    }

    /// What records name: fields and texts.
    fn collect(value: &Value, fields: &mut BTreeSet<String>, texts: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    fields.insert(name.clone());
                    collect(value, fields, texts);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, fields, texts)),
            Value::String(text) => {
                texts.insert(text.clone());
            }
            _ => {}
        }
    }

    fn message_name(topic: &TopicInfo, action: &ActionInfo) -> String {
        name(topic.name, action.name)
    }

    #[test]
    fn the_recorded_examples_use_every_field_and_every_word_of_their_schemas() {
        let mut generator = schemas::generator();
        let fields: Vec<_> = ALL
            .iter()
            .flat_map(|topic| topic.contract.iter().map(move |action| (topic, action)))
            .map(|(topic, action)| (topic, action, (action.schema)(&mut generator).to_value()))
            .collect();
        let schemas = schemas::all(generator);
        // A schema that several actions carry is recorded well enough when all of them together use it fully.
        let mut wanted = BTreeMap::<String, BTreeSet<String>>::new();
        let mut used = BTreeMap::<String, BTreeSet<String>>::new();
        let (mut words, mut spoken) = (BTreeSet::new(), BTreeSet::new());
        for (topic, action, schema) in fields {
            let mut names = Names::default();
            names.collect(&message_name(topic, action), &schema, &schemas);
            let mut here = BTreeSet::new();
            for record in recorded(topic.name, action.name) {
                collect(&record, &mut here, &mut spoken);
            }
            for (schema, properties) in names.properties {
                used.entry(schema.clone())
                    .or_default()
                    .extend(here.iter().cloned());
                wanted.entry(schema).or_default().extend(properties);
            }
            words.extend(names.texts);
        }
        let mut missing: Vec<String> = words
            .difference(&spoken)
            .map(|w| format!("the word {w}"))
            .collect();
        for (schema, properties) in wanted {
            let missed = properties.difference(&used[&schema]);
            missing.extend(missed.map(|field| format!("{schema}: {field}")));
        }
        assert!(
            missing.is_empty(),
            "record these in shared/tests/contract, so that no later version loses them: {missing:#?}"
        );
    }
}
