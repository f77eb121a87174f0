//! Reading an update. Telegram adds to its objects all the time, and teloxide takes a message with one unknown part for
//! an empty one and a click under it for nothing; so what can't be read as a whole is read without what may be new.

use serde_json::{Map, Value};
use teloxide::types::{MessageKind, Update, UpdateKind};

/// What a message is besides its content.
const FRAME: &[&str] = &["message_id", "date", "chat", "from", "media_group_id"];
/// What is read of its content: first all of this, then only words.
const CONTENT: &[&str] = &[
    "text",
    "caption",
    "photo",
    "video",
    "animation",
    "video_note",
    "voice",
    "audio",
    "document",
    "location",
];
const WORDS: &[&str] = &["text"];
const PERSON: &[&str] = &[
    "id",
    "is_bot",
    "first_name",
    "last_name",
    "username",
    "language_code",
];
const CHAT: &[&str] = &["id", "type", "title", "username", "first_name", "last_name"];

/// Why an update can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no update.
    #[error(transparent)]
    NoUpdate(#[from] serde_json::Error),
    /// It is of a kind that the bot asks for and has something in it that this version does not know.
    #[error("a `{0}` with unknown parts")]
    Unknown(String),
}

/// Reads an update. A kind that the bot does not ask for is [`UpdateKind::Error`].
///
/// # Errors
/// [`Unreadable`].
pub fn read(raw: &str) -> Result<Update, Unreadable> {
    let update: Update = serde_json::from_str(raw)?;
    if is_whole(&update) {
        return Ok(update);
    }
    let fields: Map<String, Value> = serde_json::from_str(raw)?;
    let mut best = update;
    for content in [CONTENT, WORDS] {
        // As text again: teloxide loses a kind whose name it can't borrow.
        let plain = Value::Object(plainer(&fields, content)).to_string();
        let plain = serde_json::from_str(&plain)?;
        if is_whole(&plain) {
            return Ok(plain);
        }
        // An empty message can still be answered.
        if matches!(best.kind, UpdateKind::Error(_)) {
            best = plain;
        }
    }
    let kind = fields.keys().find(|name| is_asked_for(name));
    match (&best.kind, kind) {
        (UpdateKind::Error(_), Some(kind)) => Err(Unreadable::Unknown(kind.clone())),
        _ => Ok(best),
    }
}

fn is_whole(update: &Update) -> bool {
    match &update.kind {
        UpdateKind::Message(message) => !matches!(message.kind, MessageKind::Empty {}),
        UpdateKind::Error(_) => false,
        _ => true,
    }
}

fn is_asked_for(kind: &str) -> bool {
    super::intake::ALLOWED_UPDATES.contains(&kind)
}

/// The same update without what may be new in it.
fn plainer(update: &Map<String, Value>, content: &[&str]) -> Map<String, Value> {
    let mut plain = only(update, &["update_id"]);
    for (kind, value) in update {
        let Value::Object(fields) = value else {
            continue;
        };
        let fields = match kind.as_str() {
            "message" => message(fields, content),
            "callback_query" => click(fields),
            _ => {
                let mut fields = fields.clone();
                people(&mut fields);
                fields
            }
        };
        plain.insert(kind.clone(), Value::Object(fields));
    }
    plain
}

fn message(fields: &Map<String, Value>, content: &[&str]) -> Map<String, Value> {
    let mut plain = only(fields, FRAME);
    plain.extend(only(fields, content));
    // A word under a file that is not read is still a word.
    if !content.contains(&"caption")
        && !plain.contains_key("text")
        && let Some(caption) = fields.get("caption")
    {
        plain.insert("text".to_owned(), caption.clone());
    }
    people(&mut plain);
    plain
}

/// Of the message under which a button was pressed only its number and chat matter. Bot API: date 0 stands for a message
/// that can't be looked at.
fn click(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut plain = only(fields, &["id", "from", "chat_instance", "data", "message"]);
    if let Some(Value::Object(under)) = plain.get("message") {
        let mut under = only(under, &["message_id", "chat"]);
        people(&mut under);
        under.insert("date".to_owned(), 0.into());
        plain.insert("message".to_owned(), Value::Object(under));
    }
    people(&mut plain);
    plain
}

fn people(fields: &mut Map<String, Value>) {
    for (name, known) in [("from", PERSON), ("chat", CHAT)] {
        if let Some(Value::Object(value)) = fields.get(name) {
            let value = Value::Object(only(value, known));
            fields.insert(name.to_owned(), value);
        }
    }
}

fn only(fields: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let kept = names
        .iter()
        .filter_map(|name| fields.get_key_value(*name))
        .map(|(name, value)| (name.clone(), value.clone()));
    kept.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn anna() -> Value {
        json!({"id": 42, "is_bot": false, "first_name": "Anna", "language_code": "ru", "is_premium": "of 2030"})
    }

    fn frame(content: Value) -> Value {
        let mut message = json!({"message_id": 7, "date": 1_795_600_800, "from": anna(),
            "chat": {"id": 42, "type": "private", "first_name": "Anna"}});
        let fields = content.as_object().cloned().unwrap_or_default();
        message.as_object_mut().unwrap().extend(fields);
        message
    }

    fn message(content: Value) -> teloxide::types::Message {
        let update = json!({"update_id": 1, "message": frame(content)});
        match read(&update.to_string()).unwrap().kind {
            UpdateKind::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_text_with_parts_of_next_year_is_a_text() {
        for news in [
            json!({"entities": [{"type": "of_2030", "offset": 0, "length": 5}]}),
            json!({"reply_to_message": {"message_id": "seven"}}),
            json!({"forward_origin": {"type": "of_2030", "date": 1}}),
            json!({"external_reply": {"origin": {"type": "of_2030"}}}),
            json!({"quote": {"text": 5}}),
            json!({"chat": {"id": 42, "type": "private", "first_name": "Anna", "photo": {"of": 2030}}}),
        ] {
            let mut content = json!({"text": "hello"});
            let fields = news.as_object().cloned().unwrap();
            content.as_object_mut().unwrap().extend(fields);
            let message = message(content);
            assert_eq!(message.text(), Some("hello"), "{news}");
            assert_eq!(message.chat.id.0, 42);
        }
    }

    #[test]
    fn a_file_of_a_new_form_still_brings_its_words() {
        let message = message(json!({"caption": "look", "photo": {"of": 2030}}));
        assert_eq!(message.text(), Some("look"));
    }

    #[test]
    fn a_message_of_an_unknown_kind_is_an_empty_one_of_its_person() {
        for content in [
            json!({}),
            json!({"hologram": {"size": 3}}),
            json!({"photo": {"of": 2030}}),
        ] {
            let message = message(content);
            assert!(matches!(message.kind, MessageKind::Empty {}), "{message:?}");
            assert_eq!(message.from.unwrap().id.0, 42);
        }
    }

    #[test]
    fn a_click_under_a_message_with_parts_of_next_year_is_a_click() {
        let under = frame(
            json!({"text": "x", "entities": [{"type": "of_2030", "offset": 0, "length": 1}],
            "reply_markup": {"inline_keyboard": [[{"text": "a", "style": 5, "callback_data": 7}]]}}),
        );
        for under in [
            under,
            json!({"message_id": 7, "date": 0, "chat": {"id": 42, "type": "private", "first_name": "A"}}),
        ] {
            let update = json!({"update_id": 1, "callback_query": {"id": "5", "from": anna(),
                "chat_instance": "9", "data": "menu", "message": under}});
            let UpdateKind::CallbackQuery(click) = read(&update.to_string()).unwrap().kind else {
                panic!("no click");
            };
            assert_eq!(click.data.as_deref(), Some("menu"));
            assert_eq!(click.message.unwrap().id().0, 7);
        }
    }

    #[test]
    fn an_unknown_kind_is_passed_over_and_a_broken_one_of_ours_is_named() {
        let unknown = read(r#"{"update_id":1,"dream":{"of":"2030"}}"#).unwrap();
        assert!(matches!(unknown.kind, UpdateKind::Error(_)));
        let bare = read(r#"{"update_id":1}"#).unwrap();
        assert!(matches!(bare.kind, UpdateKind::Error(_)));
        for kind in ["message", "callback_query", "my_chat_member"] {
            for broken in [json!({}), json!({"from": 5}), json!(7), json!(null)] {
                let update = json!({"update_id": 1, kind: broken}).to_string();
                let why = read(&update).unwrap_err();
                assert!(why.to_string().contains(kind), "{why}");
            }
        }
        for text in ["", "[]", "7", r#"{"message":{}}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
