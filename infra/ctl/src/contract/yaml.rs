//! Writes JSON as YAML, the same bytes for the same content: names in a fixed order, texts quoted where YAML could
//! take them for something else.

use serde_json::{Map, Value};

/// Names that come first in a mapping, in this order; all others follow by the alphabet.
const FIRST: &[&str] = &[
    "asyncapi",
    "info",
    "$ref",
    "service",
    "action",
    "name",
    "title",
    "version",
    "summary",
    "description",
    "license",
    "defaultContentType",
    "servers",
    "channels",
    "operations",
    "components",
    "address",
    "channel",
    "host",
    "protocol",
    "protocolVersion",
    "security",
    "parameters",
    "type",
    "format",
    "const",
    "enum",
    "minimum",
    "maximum",
    "allOf",
    "oneOf",
    "anyOf",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "headers",
    "payload",
    "message",
    "timestamp",
    "level",
    "data",
    "messages",
    "bindings",
    "examples",
];
/// A list of plain values that is no longer than this stands on one line.
const ONE_LINE: usize = 90;

/// The document, with its end of line.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(map, 0, &mut text),
        Value::Array(list) if !list.is_empty() => sequence(list, 0, &mut text),
        plain => {
            text.push_str(&scalar(plain));
            text.push('\n');
        }
    }
    text
}

fn mapping(map: &Map<String, Value>, indent: usize, text: &mut String) {
    let rank = |name: &str| FIRST.iter().position(|f| *f == name).unwrap_or(FIRST.len());
    let mut names: Vec<&String> = map.keys().collect();
    names.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    for name in names {
        text.push_str(&" ".repeat(indent));
        text.push_str(&quoted(name));
        text.push(':');
        after(&map[name], indent, text);
    }
}

fn sequence(list: &[Value], indent: usize, text: &mut String) {
    for value in list {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let mut nested = String::new();
                mapping(map, indent + 2, &mut nested);
                text.push_str(&" ".repeat(indent));
                text.push_str("- ");
                text.push_str(nested.trim_start());
            }
            _ => {
                text.push_str(&" ".repeat(indent));
                text.push('-');
                after(value, indent, text);
            }
        }
    }
}

/// What stands after `name:` or `-`.
fn after(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            mapping(map, indent + 2, text);
        }
        Value::Array(list) if !list.is_empty() => match one_line(list) {
            Some(line) => {
                text.push(' ');
                text.push_str(&line);
                text.push('\n');
            }
            None => {
                text.push('\n');
                sequence(list, indent + 2, text);
            }
        },
        plain => {
            text.push(' ');
            text.push_str(&scalar(plain));
            text.push('\n');
        }
    }
}

fn one_line(list: &[Value]) -> Option<String> {
    let plain = |value: &Value| match value {
        Value::Object(map) if !map.is_empty() => None,
        Value::Array(list) if !list.is_empty() => None,
        value => Some(scalar(value)),
    };
    let cells: Vec<String> = list.iter().map(plain).collect::<Option<_>>()?;
    let line = format!("[{}]", cells.join(", "));
    (line.chars().count() <= ONE_LINE).then_some(line)
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// A text as it is where that is safe, in double quotes otherwise (JSON's quoting is YAML's).
fn quoted(text: &str) -> String {
    let begins_well = text.starts_with(char::is_alphabetic);
    let ends_well = !text.ends_with(' ');
    let harmless = |c: char| c.is_alphanumeric() || " _-./()→".contains(c);
    let word = text.to_ascii_lowercase();
    let taken = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ];
    if begins_well && ends_well && text.chars().all(harmless) && !taken.contains(&word.as_str()) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_come_in_a_fixed_order_and_lists_are_nested() {
        let value = json!({
            "zeta": {}, "alpha": [], "info": {"version": "0.1.0", "title": "geobot"}, "asyncapi": "3.0.0",
            "list": [{"b": 1, "a": [true, null]}, ["x", ["up"]], "plain"],
        });
        assert_eq!(
            write(&value),
            "asyncapi: \"3.0.0\"\ninfo:\n  title: geobot\n  version: \"0.1.0\"\nalpha: []\nlist:\n  - a: [true, null]\n    \
             b: 1\n  -\n    - x\n    - [up]\n  - plain\nzeta: {}\n"
        );
    }

    #[test]
    fn a_text_that_yaml_could_mistake_is_quoted() {
        for text in [
            "",
            "on",
            "No",
            "null",
            "7",
            "1e3",
            "2026-11-23",
            "- a",
            "a: b",
            "a #b",
            "`a`",
            "{a}",
            "[a]",
            "a, b",
            "*a",
            "a\nb",
            " a",
            "a ",
            "\"",
            "'",
            "#/a",
            "%",
            "@a",
            "~",
            "0x1F",
            "-1",
            ".5",
            "=",
            "<<",
        ] {
            assert!(quoted(text).starts_with('"'), "{text}");
        }
        for text in ["a", "LK → ARM", "tg_send.dlq", "Гид по городу", "a/b"] {
            assert_eq!(quoted(text), text);
        }
    }
}
