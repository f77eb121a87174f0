//! `reply_markup`: inline keyboards are checked as Telegram checks them, reply keyboards are kept for the chat page.

use serde_json::Value;

use super::answer::{Answer, ApiError};
use super::params::Params;

const MOST_BUTTONS: usize = 100;

/// What a message carries below it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Markup {
    /// Rows of inline buttons, none of them empty.
    Inline(Vec<Vec<Value>>),
    /// A reply keyboard, its removal, or a forced reply: belongs to the chat, not to the message.
    Reply(Value),
}

/// Reads and checks the parameter.
///
/// # Errors
/// 400 with Telegram's words for a button that it would refuse.
pub(crate) fn of_params(params: &Params) -> Answer<Option<Markup>> {
    let Some(markup) = params.json("reply_markup", "reply keyboard markup")? else {
        return Ok(None);
    };
    let Some(rows) = markup.get("inline_keyboard") else {
        let known = ["keyboard", "remove_keyboard", "force_reply"];
        return match markup.as_object() {
            Some(object) if object.is_empty() => Ok(None),
            Some(object) if known.iter().any(|name| object.contains_key(*name)) => {
                Ok(Some(Markup::Reply(markup.clone())))
            }
            _ => Err(ApiError::bad_request("object expected as reply markup")),
        };
    };
    let rows = rows
        .as_array()
        .ok_or_else(|| unreadable("Field \"inline_keyboard\" must be of type Array"))?;
    let mut kept = Vec::new();
    for row in rows {
        let row = row
            .as_array()
            .ok_or_else(|| unreadable("Field \"inline_keyboard\" must be an Array of Arrays"))?;
        for button in row {
            check(button)?;
        }
        if !row.is_empty() {
            kept.push(row.clone());
        }
    }
    if kept.iter().map(Vec::len).sum::<usize>() > MOST_BUTTONS {
        return Err(ApiError::bad_request("reply markup is too long"));
    }
    Ok(Some(Markup::Inline(kept)))
}

fn unreadable(reason: &str) -> ApiError {
    ApiError::bad_request(format_args!("can't parse inline keyboard button: {reason}"))
}

fn check(button: &Value) -> Answer<()> {
    let text = button
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if text.trim().is_empty() {
        return Err(unreadable(
            "Field \"text\" must be of type String and not be empty",
        ));
    }
    if let Some(data) = button.get("callback_data") {
        let data = data
            .as_str()
            .ok_or_else(|| unreadable("Field \"callback_data\" must be of type String"))?;
        return match data.len() {
            1..=64 => Ok(()),
            _ => Err(ApiError::bad_request("BUTTON_DATA_INVALID")),
        };
    }
    if let Some(address) = button.get("url").and_then(Value::as_str) {
        return check_url(address);
    }
    let known = [
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "copy_text",
        "callback_game",
        "pay",
    ];
    match known.iter().any(|name| button.get(*name).is_some()) {
        true => Ok(()),
        false => Err(unreadable(
            "Text buttons are unallowed in the inline keyboard",
        )),
    }
}

fn check_url(address: &str) -> Answer<()> {
    let refuse = |reason: &str| {
        Err(ApiError::bad_request(format_args!(
            "inline keyboard button URL '{address}' is invalid: {reason}"
        )))
    };
    match url::Url::parse(address) {
        Ok(parsed) if parsed.scheme() == "tg" => Ok(()),
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => match parsed.host() {
            // Telegram wants a dot in a name: "localhost" is refused there as well, an IP address is not.
            Some(url::Host::Domain(name)) if !name.contains('.') => refuse("Wrong HTTP URL"),
            Some(_) => Ok(()),
            None => refuse("URL host is empty"),
        },
        Ok(_) => refuse("Unsupported URL protocol"),
        Err(_) => refuse("Wrong HTTP URL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(markup: &str) -> Answer<Option<Markup>> {
        let mut params = Params::default();
        params.put_text("reply_markup".into(), markup.into());
        of_params(&params)
    }

    fn inline(button: &str) -> Answer<Option<Markup>> {
        read(&format!(r#"{{"inline_keyboard":[[{button}],[]]}}"#))
    }

    #[test]
    fn callback_and_url_buttons_are_kept_and_empty_rows_dropped() {
        let Some(Markup::Inline(rows)) =
            inline(r#"{"text":"Buy","callback_data":"buy:1"}"#).unwrap()
        else {
            panic!()
        };
        assert_eq!(rows.len(), 1);
        assert!(inline(r#"{"text":"Pay","url":"http://127.0.0.1:5500/pay/x"}"#).is_ok());
    }

    #[test]
    fn buttons_that_telegram_refuses_are_refused() {
        let long = format!(r#"{{"text":"x","callback_data":"{}"}}"#, "ы".repeat(33));
        for (button, words) in [
            (long.as_str(), "BUTTON_DATA_INVALID"),
            (r#"{"text":"x","callback_data":""}"#, "BUTTON_DATA_INVALID"),
            (
                r#"{"text":"x","url":"http://localhost:5500/"}"#,
                "Wrong HTTP URL",
            ),
            (
                r#"{"text":"x","url":"ftp://example.com/"}"#,
                "Unsupported URL protocol",
            ),
            (r#"{"text":"x"}"#, "Text buttons are unallowed"),
            (r#"{"callback_data":"x"}"#, "\"text\""),
        ] {
            let refused = inline(button).unwrap_err();
            assert_eq!(refused.code, 400);
            assert!(
                refused.description.contains(words),
                "{}",
                refused.description
            );
        }
        assert!(read("[]").is_err());
        assert!(read(r#"{"inline_keyboard":5}"#).is_err());
    }

    #[test]
    fn a_reply_keyboard_belongs_to_the_chat() {
        assert!(matches!(
            read(r#"{"keyboard":[["Help"]]}"#),
            Ok(Some(Markup::Reply(_)))
        ));
        assert_eq!(read("{}"), Ok(None));
    }
}
