//! Records of earlier versions stay readable: `tests/contract/<topic>/<action>.json` are records as they were written,
//! `<action>.<variant>.json` further ones, or lists of them. What was written once is never changed and never removed; a new field or
//! variant gets a file of its own, or a new action its first.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use geobot_shared::envelope::{Envelope, format_timestamp};
use geobot_shared::topics::{ALL, ActionInfo, TopicInfo};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract")
}

/// The records of a file.
fn records(text: &str) -> Vec<String> {
    match serde_json::from_str(text).expect("a recorded file is JSON") {
        Value::Array(list) => list.iter().map(Value::to_string).collect(),
        _ => vec![text.to_owned()],
    }
}

/// Every recorded file of a folder: its name without `.json`, and its text.
fn recorded(folder: &Path) -> Vec<(String, String)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let stem = name.strip_suffix(".json").expect("only .json is here");
            (stem.to_owned(), std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// What of `before` is not in `after`, as a path. Fields may be added, never lost or changed.
fn lost(before: &Value, after: &Value, path: &str) -> Option<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match after.get(name) {
                Some(now) => lost(value, now, &path),
                None => Some(format!("{path} is gone")),
            }
        }),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => before
            .iter()
            .zip(after)
            .enumerate()
            .find_map(|(n, (before, after))| lost(before, after, &format!("{path}[{n}]"))),
        _ if before == after => None,
        _ => Some(format!("{path} was {before} and is now {after}")),
    }
}

/// Why a recorded record can no longer be read, or what is lost by reading it.
fn broken(action: &ActionInfo, any: bool, text: &str) -> Option<String> {
    let envelope = match Envelope::parse(text.as_bytes()) {
        Ok(envelope) => envelope,
        Err(error) => return Some(error.to_string()),
    };
    if !any && envelope.action != action.name {
        return Some(format!("its action is {}", envelope.action));
    }
    let reread = match (action.reread)(&envelope.data) {
        Ok(reread) => reread,
        Err(error) => return Some(error.to_string()),
    };
    let before: Value = serde_json::from_str(envelope.data.get()).unwrap();
    let after: Value = serde_json::from_str(reread.data.get()).unwrap();
    lost(&before, &after, "data")
}

fn action<'a>(topic: &'a TopicInfo, stem: &str) -> Option<&'a ActionInfo> {
    let name = stem.split('.').next().unwrap_or_default();
    topic.contract.iter().find(|action| action.name == name)
}

#[test]
fn records_of_earlier_versions_are_read_and_lose_nothing() {
    let mut problems = Vec::new();
    for topic in ALL {
        for (stem, text) in recorded(&folder().join(topic.name)) {
            let place = format!("{} {stem}", topic.name);
            match action(topic, &stem) {
                None => problems.push(format!("{place}: the action is gone")),
                Some(action) => problems.extend(
                    records(&text)
                        .iter()
                        .filter_map(|record| broken(action, topic.actions.is_empty(), record))
                        .map(|why| format!("{place}: {why}")),
                ),
            }
        }
    }
    assert!(
        problems.is_empty(),
        "records that were written can no longer be read:\n{}",
        problems.join("\n")
    );
}

#[test]
fn every_action_has_a_recorded_example() {
    let missing: Vec<String> = ALL
        .iter()
        .flat_map(|topic| topic.contract.iter().map(move |action| (topic, action)))
        .map(|(topic, action)| format!("tests/contract/{}/{}.json", topic.name, action.name))
        .filter(|file| !Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file())
        .collect();
    assert!(missing.is_empty(), "record these: {missing:#?}");
}

#[test]
fn every_recorded_folder_is_a_topic() {
    let topics: BTreeSet<&str> = ALL.iter().map(|topic| topic.name).collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "older" || topics.contains(name.as_str()),
            "{name}: the topic is gone"
        );
    }
}

#[test]
fn the_actions_of_a_topic_are_those_of_its_contract() {
    for topic in ALL.iter().filter(|topic| !topic.actions.is_empty()) {
        let names: Vec<&str> = topic.contract.iter().map(|action| action.name).collect();
        assert_eq!(names, topic.actions, "{}", topic.name);
    }
}

#[test]
fn the_older_forms_are_read_as_they_were_meant() {
    let files = recorded(&folder().join("older"));
    assert!(files.len() >= 8, "{files:?}");
    for (name, text) in files {
        let file: Value = serde_json::from_str(&text).unwrap();
        let envelope = Envelope::parse(file["record"].as_str().unwrap().as_bytes())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let data: Value = serde_json::from_str(envelope.data.get()).unwrap();
        let read = json!({
            "service": envelope.service,
            "action": envelope.action,
            "message": envelope.message,
            "timestamp": envelope.timestamp.map(format_timestamp),
            "level": envelope.level.as_str(),
            "data": data,
        });
        assert_eq!(read, file["read"], "{name}");
        let topic = ALL.iter().find(|t| t.name == file["topic"]).unwrap();
        if !topic.actions.is_empty() {
            let action = action(topic, &envelope.action).unwrap();
            let reread = (action.reread)(&envelope.data);
            assert!(reread.is_ok(), "{name}: {reread:?}");
        }
    }
}

#[test]
fn what_is_lost_or_changed_is_named() {
    let before = json!({"a": 1, "b": {"c": [1, {"d": "x"}]}});
    assert_eq!(lost(&before, &before, "data"), None);
    let more = json!({"a": 1, "b": {"c": [1, {"d": "x", "e": 1}]}, "f": 2});
    assert_eq!(lost(&before, &more, "data"), None);
    let renamed = json!({"a": 1, "b": {"c": [1, {"e": "x"}]}});
    assert_eq!(
        lost(&before, &renamed, "data").unwrap(),
        "data.b.c[1].d is gone"
    );
    let changed = json!({"a": "1", "b": {"c": [1, {"d": "x"}]}});
    assert_eq!(
        lost(&before, &changed, "data").unwrap(),
        "data.a was 1 and is now \"1\""
    );
}
