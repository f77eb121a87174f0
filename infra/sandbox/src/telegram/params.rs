//! A method's parameters, whatever form they came in.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::{Answer, ApiError};

/// A file that came with a multipart request.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) file_name: String,
    pub(crate) mime_type: Option<String>,
    pub(crate) bytes: Bytes,
}

/// Parameters as JSON values: forms carry text, so numbers, booleans and objects in text are read by name.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pub(crate) values: Map<String, Value>,
    pub(crate) uploads: HashMap<String, Upload>,
}

/// Parameters that are JSON in a form.
const JSON_FIELDS: [&str; 12] = [
    "reply_markup",
    "entities",
    "caption_entities",
    "allowed_updates",
    "reply_parameters",
    "commands",
    "scope",
    "link_preview_options",
    "media",
    "permissions",
    "menu_button",
    "message_ids",
];

/// Parameters that are numbers; `chat_id` may also be an @name.
const NUMBER_FIELDS: [&str; 14] = [
    "chat_id",
    "message_id",
    "user_id",
    "message_thread_id",
    "reply_to_message_id",
    "offset",
    "limit",
    "timeout",
    "max_connections",
    "expire_date",
    "member_limit",
    "until_date",
    "cache_time",
    "duration",
];

impl Params {
    /// Adds a parameter that came as text (query, form, multipart).
    pub(crate) fn put_text(&mut self, name: String, text: String) {
        let value = if NUMBER_FIELDS.contains(&name.as_str()) {
            text.trim()
                .parse::<i64>()
                .map_or(Value::String(text), Value::from)
        } else if JSON_FIELDS.contains(&name.as_str()) {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        } else {
            Value::String(text)
        };
        self.values.insert(name, value);
    }

    /// A number, absent, or a refusal that names the parameter.
    pub(crate) fn number(&self, name: &str) -> Answer<Option<i64>> {
        let number = match self.values.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let refused =
            || ApiError::bad_request(format_args!("parameter \"{name}\" must be a number"));
        number.map(Some).ok_or_else(refused)
    }

    /// Text; numbers and booleans are read as their text.
    pub(crate) fn text(&self, name: &str) -> Answer<Option<String>> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(_) => Err(ApiError::bad_request(format_args!(
                "parameter \"{name}\" must be a string"
            ))),
        }
    }

    /// A boolean; absent is false.
    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => {
                matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes")
            }
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => false,
        }
    }

    /// A JSON object or array; `what` is how Telegram calls it in its refusal.
    pub(crate) fn json(&self, name: &str, what: &str) -> Answer<Option<&Value>> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(value @ (Value::Object(_) | Value::Array(_))) => Ok(Some(value)),
            Some(_) => Err(ApiError::bad_request(format_args!(
                "can't parse {what} JSON object"
            ))),
        }
    }

    /// The chat a call is about, for fault rules and the call log.
    pub(crate) fn chat_hint(&self) -> Option<i64> {
        self.number("chat_id").ok().flatten()
    }

    /// The parameters as the call log keeps them: files by name and size only.
    pub(crate) fn shown(&self) -> Value {
        let mut values = self.values.clone();
        for (name, upload) in &self.uploads {
            let about =
                serde_json::json!({"file_name": upload.file_name, "bytes": upload.bytes.len()});
            values.insert(name.clone(), about);
        }
        if values.contains_key("secret_token") {
            values.insert("secret_token".to_owned(), Value::from("***"));
        }
        Value::Object(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_form(fields: &[(&str, &str)]) -> Params {
        let mut params = Params::default();
        for (name, text) in fields {
            params.put_text((*name).to_owned(), (*text).to_owned());
        }
        params
    }

    #[test]
    fn form_text_is_read_as_what_the_parameter_is() {
        let params = from_form(&[
            ("chat_id", "-1001"),
            ("text", "12"),
            ("reply_markup", r#"{"inline_keyboard":[]}"#),
            ("disable_notification", "true"),
        ]);
        assert_eq!(params.number("chat_id").unwrap(), Some(-1001));
        assert_eq!(params.text("text").unwrap().unwrap(), "12");
        assert!(
            params
                .json("reply_markup", "reply keyboard markup")
                .unwrap()
                .unwrap()
                .is_object()
        );
        assert!(params.flag("disable_notification"));
    }

    #[test]
    fn wrong_types_are_refused_with_the_parameter_named() {
        let params = from_form(&[("message_id", "abc"), ("reply_markup", "{")]);
        assert!(
            params
                .number("message_id")
                .unwrap_err()
                .description
                .contains("message_id")
        );
        assert_eq!(
            params
                .json("reply_markup", "reply keyboard markup")
                .unwrap_err()
                .code,
            400
        );
    }
}
