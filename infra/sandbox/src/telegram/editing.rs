//! editMessageText, editMessageCaption, editMessageReplyMarkup, deleteMessage.

use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::chats::chat_id;
use super::keyboards::{self, Markup};
use super::messages::{Body, Message};
use super::params::Params;
use super::sending::{caption_of, text_of};
use crate::app::App;
use crate::clock::unix_now;

/// Bot API: a message can be deleted for everyone for two days.
const DELETABLE: i64 = 48 * 60 * 60;

/// editMessageText.
pub(crate) fn text(app: &App, params: &Params) -> Answer {
    let text = text_of(params, "MESSAGE_TOO_LONG")?;
    let parse_mode = params.text("parse_mode")?.filter(|mode| !mode.is_empty());
    edit(app, params, |message| match &mut message.body {
        Body::Text(old) => {
            *old = text;
            message.parse_mode = parse_mode;
            Ok(())
        }
        _ => Err(ApiError::bad_request(
            "there is no text in the message to edit",
        )),
    })
}

/// editMessageCaption.
pub(crate) fn caption(app: &App, params: &Params) -> Answer {
    let caption = caption_of(params)?;
    let parse_mode = params.text("parse_mode")?.filter(|mode| !mode.is_empty());
    edit(app, params, |message| match &mut message.body {
        Body::Photo(_, old) | Body::Document(_, old) | Body::Media(_, _, old) => {
            *old = caption;
            message.parse_mode = parse_mode;
            Ok(())
        }
        _ => Err(ApiError::bad_request(
            "there is no caption in the message to edit",
        )),
    })
}

/// editMessageReplyMarkup.
pub(crate) fn reply_markup(app: &App, params: &Params) -> Answer {
    edit(app, params, |_| Ok(()))
}

/// Changes a message of the bot. Bot API: an edit without reply_markup takes the inline keyboard away; the whole message is
/// the result.
fn edit(app: &App, params: &Params, change: impl FnOnce(&mut Message) -> Answer<()>) -> Answer {
    if params.text("inline_message_id")?.is_some() {
        return Err(ApiError::bad_request("MESSAGE_ID_INVALID"));
    }
    let chat_id = chat_id(params)?;
    let message_id = params.number("message_id")?;
    let message_id =
        message_id.ok_or_else(|| ApiError::bad_request("message identifier is not specified"))?;
    let buttons = match keyboards::of_params(params)? {
        Some(Markup::Inline(rows)) => rows,
        Some(Markup::Reply(_)) => return Err(ApiError::bad_request("inline keyboard expected")),
        None => Vec::new(),
    };
    let mut world = app.world.lock();
    world.target(chat_id)?;
    let old = world.messages.shown(chat_id, message_id);
    let old = old.ok_or_else(|| ApiError::bad_request("message to edit not found"))?;
    if !old.from_bot {
        return Err(ApiError::bad_request("message can't be edited"));
    }
    let mut new = Message {
        buttons,
        ..old.clone()
    };
    change(&mut new)?;
    if new.body == old.body && new.buttons == old.buttons {
        return Err(ApiError::bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as a current \
             content and reply markup of the message",
        ));
    }
    world.spend(chat_id, false)?;
    new.edit_date = Some(unix_now());
    if let Some(place) = world.messages.shown_mut(chat_id, message_id) {
        place.clone_from(&new);
    }
    app.events
        .publish(json!({"kind": "edit", "person": chat_id, "message": new.view()}));
    Ok(world.api_message(&new))
}

/// deleteMessage. Bot API: the result is true.
pub(crate) fn delete(app: &App, params: &Params) -> Answer {
    let message_id = params.number("message_id")?;
    let message_id =
        message_id.ok_or_else(|| ApiError::bad_request("message identifier is not specified"))?;
    remove(app, chat_id(params)?, message_id)
}

/// deleteMessages. Bot API: those that cannot be found are skipped.
pub(crate) fn delete_many(app: &App, params: &Params) -> Answer {
    let chat_id = chat_id(params)?;
    let ids = params
        .json("message_ids", "message identifiers")?
        .and_then(Value::as_array);
    let ids = ids.ok_or_else(|| ApiError::bad_request("message identifiers are not specified"))?;
    if ids.is_empty() || ids.len() > 100 {
        return Err(ApiError::bad_request(
            "there must be 1 to 100 message identifiers",
        ));
    }
    for id in ids.iter().filter_map(Value::as_i64) {
        let _ = remove(app, chat_id, id);
    }
    Ok(json!(true))
}

fn remove(app: &App, chat_id: i64, message_id: i64) -> Answer {
    let mut world = app.world.lock();
    world.target(chat_id)?;
    let message = world.messages.shown_mut(chat_id, message_id);
    let message = message.ok_or_else(|| ApiError::bad_request("message to delete not found"))?;
    if unix_now() - message.date > DELETABLE {
        return Err(ApiError::bad_request(
            "message can't be deleted for everyone",
        ));
    }
    message.deleted = true;
    message.buttons.clear();
    app.events
        .publish(json!({"kind": "delete", "person": chat_id, "message": message.view()}));
    Ok(json!(true))
}
