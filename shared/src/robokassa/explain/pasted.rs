//! Cuts the parameters out of what people paste: a query, a form body, a whole address, a line of an access log, a
//! command, a dump with one parameter a line, JSON.

use serde_json::Value;

use crate::robokassa::form::{self, Fields};

/// The parameters that tell where a callback stands.
const NAMES: [&str; 4] = ["OutSum", "InvId", "SignatureValue", "MerchantLogin"];

/// What was found, and what had to be done to read it.
pub(super) struct Pasted {
    pub(super) fields: Fields,
    pub(super) note: Option<&'static str>,
}

pub(super) fn read(pasted: &str) -> Pasted {
    let text = pasted.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if let Some(fields) = json(text).or_else(|| listed(text)) {
        let note =
            Some("It was read from JSON or from a list, in which the values were decoded already.");
        return Pasted { fields, note };
    }
    let (query, note) = match cut_out(text, "=") {
        Some(query) => (query.to_owned(), None),
        None => match cut_out(text, "%3D") {
            Some(encoded) => (
                decoded_once(encoded),
                Some(
                    "The text is percent-encoded as a whole, so it was decoded once before it was read.",
                ),
            ),
            None => (text.trim_start_matches('?').to_owned(), None),
        },
    };
    let query = query.replace("&amp;", "&").replace("\\u0026", "&");
    Pasted {
        fields: form::decode(&query),
        note,
    }
}

fn decoded_once(text: &str) -> String {
    form::decode(&format!("v={text}"))
        .pop()
        .map(|(_, value)| value)
        .unwrap_or_default()
}

/// Where the first of the names stands, followed by `sign`; in any letter case, for the sake of a clear answer.
fn first_name(line: &str, sign: &str) -> Option<usize> {
    let line = line.to_ascii_lowercase();
    NAMES
        .iter()
        .filter_map(|name| line.find(&format!("{name}{sign}").to_ascii_lowercase()))
        .min()
}

/// The query or body within the line that has one.
fn cut_out<'a>(text: &'a str, sign: &str) -> Option<&'a str> {
    let (line, at) = text
        .lines()
        .find_map(|line| Some((line.trim(), first_name(line.trim(), sign)?)))?;
    let border = |c: char| c.is_whitespace() || matches!(c, '?' | '"' | '\'');
    let (before, rest) = line.split_at(at);
    let begin = before.rfind(border).map_or(0, |place| place + 1);
    // Other parameters may stand before the first that is known; anything else is a word of the log.
    let begin = if before[begin..].contains('&') {
        begin
    } else {
        at
    };
    let opened_by = line[..begin].chars().next_back();
    let length = match opened_by {
        Some(quote @ ('"' | '\'')) => rest.find(quote),
        // What stands alone may have been decoded, with spaces in its values.
        None | Some('?') if line[..begin].trim_start_matches('?').is_empty() => rest.find(" HTTP/"),
        _ => rest.find(|c: char| border(c) && c != '?' || c == '#'),
    };
    Some(&line[begin..at + length.unwrap_or(rest.len())])
}

/// One parameter a line: `OutSum=1.00`, `OutSum: 1.00`, `[OutSum] => 1.00`.
fn listed(text: &str) -> Option<Fields> {
    let unquoted = |part: &str| {
        part.trim_matches(|c: char| c.is_whitespace() || "[]'\",".contains(c))
            .to_owned()
    };
    let fields: Fields = text
        .lines()
        .filter_map(|line| {
            let (name, value) = ["=>", "=", ":"]
                .iter()
                .find_map(|sign| line.split_once(sign))?;
            Some((unquoted(name), unquoted(value)))
        })
        .filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace))
        .collect();
    is_callback(&fields).then_some(fields)
}

fn is_callback(fields: &[(String, String)]) -> bool {
    NAMES[..3]
        .iter()
        .filter(|name| form::value(fields, name).is_some())
        .count()
        > 1
}

/// The first object or list of pairs in JSON that looks like a callback.
fn json(text: &str) -> Option<Fields> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    find_in(&serde_json::from_str(text).ok()?)
}

fn find_in(value: &Value) -> Option<Fields> {
    let as_text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (fields, inner): (Fields, Vec<&Value>) = match value {
        Value::Object(members) => (
            members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), as_text(value)?)))
                .collect(),
            members.values().collect(),
        ),
        Value::Array(items) => (
            items
                .iter()
                .filter_map(|item| match item.as_array()?.as_slice() {
                    [name, value] => Some((as_text(name)?, as_text(value)?)),
                    _ => None,
                })
                .collect(),
            items.iter().collect(),
        ),
        _ => return None,
    };
    if is_callback(&fields) {
        return Some(fields);
    }
    inner.into_iter().find_map(find_in)
}
