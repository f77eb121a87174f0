//! sendMessage, sendPhoto, sendDocument, sendLocation.

use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::chats::chat_id;
use super::entities::Formatted;
use super::keyboards::{self, Markup};
use super::messages::{Body, Place};
use super::params::Params;
use super::world::World;
use super::writing::LONGEST_TEXT;
use crate::app::App;
use crate::clock::unix_now;

/// Bot API: caption, in UTF-16 code units.
pub(super) const LONGEST_CAPTION: usize = 1_024;

/// sendMessage.
pub(crate) fn message(app: &App, params: &Params) -> Answer {
    let text = text_of(params, "message is too long")?;
    send(app, params, |_| Ok(Body::Text(text)))
}

/// sendPhoto.
pub(crate) fn photo(app: &App, params: &Params) -> Answer {
    let caption = caption_of(params)?;
    send(app, params, |world| {
        Ok(Body::Photo(
            world.files.of_params(params, "photo")?,
            caption,
        ))
    })
}

/// sendDocument.
pub(crate) fn document(app: &App, params: &Params) -> Answer {
    let caption = caption_of(params)?;
    send(app, params, |world| {
        Ok(Body::Document(
            world.files.of_params(params, "document")?,
            caption,
        ))
    })
}

/// sendLocation.
pub(crate) fn location(app: &App, params: &Params) -> Answer {
    let coordinate = |name: &str| match params.text(name)?.map(|text| text.trim().parse()) {
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(ApiError::bad_request(format_args!("can't parse {name}"))),
        None => Err(ApiError::bad_request(format_args!("{name} is empty"))),
    };
    let place = Place {
        latitude: coordinate("latitude")?,
        longitude: coordinate("longitude")?,
    };
    if !place.exists() {
        return Err(ApiError::bad_request(
            "wrong location coordinates specified",
        ));
    }
    send(app, params, |_| Ok(Body::Location(place)))
}

/// Bot API: text is 1 to 4096 characters after entities are parsed; sending and editing say `too_long` in different words.
pub(super) fn text_of(params: &Params, too_long: &str) -> Answer<Formatted> {
    let text = Formatted::of_params(params, "text", "entities")?;
    if text.text.is_empty() {
        return Err(ApiError::bad_request("message text is empty"));
    }
    if text.utf16_len() > LONGEST_TEXT {
        return Err(ApiError::bad_request(too_long));
    }
    Ok(text)
}

/// Bot API: a caption is at most 1024 characters after entities are parsed.
pub(super) fn caption_of(params: &Params) -> Answer<Formatted> {
    let caption = Formatted::of_params(params, "caption", "caption_entities")?;
    if caption.utf16_len() > LONGEST_CAPTION {
        return Err(ApiError::bad_request("message caption is too long"));
    }
    Ok(caption)
}

fn send(app: &App, params: &Params, body: impl FnOnce(&mut World) -> Answer<Body>) -> Answer {
    let chat_id = chat_id(params)?;
    let markup = keyboards::of_params(params)?;
    let parse_mode = params.text("parse_mode")?.filter(|mode| !mode.is_empty());
    let mut world = app.world.lock();
    world.target(chat_id)?;
    let reply_to = reply_to(&world, chat_id, params)?;
    let body = body(&mut world)?;
    world.spend(chat_id, params.flag("allow_paid_broadcast"))?;

    let message = world.add_message(chat_id, true, body, unix_now(), |message| {
        message.parse_mode = parse_mode;
        message.reply_to = reply_to;
        if let Some(Markup::Inline(rows)) = &markup {
            message.buttons.clone_from(rows);
        }
    });
    if let Some(Markup::Reply(keyboard)) = markup {
        match keyboard.get("keyboard").is_some() {
            true => world.reply_keyboards.insert(chat_id, keyboard),
            false => world.reply_keyboards.remove(&chat_id),
        };
    }
    app.events.publish(json!({
        "kind": "message", "person": chat_id, "message": message.view(),
        "reply_keyboard": world.reply_keyboards.get(&chat_id),
    }));
    Ok(world.api_message(&message))
}

fn reply_to(world: &World, chat_id: i64, params: &Params) -> Answer<Option<i64>> {
    let parameters = params.json("reply_parameters", "reply parameters")?;
    let wanted = parameters
        .and_then(|reply| reply.get("message_id"))
        .and_then(Value::as_i64);
    let Some(message_id) = wanted.or(params.number("reply_to_message_id")?) else {
        return Ok(None);
    };
    if world.messages.shown(chat_id, message_id).is_some() {
        return Ok(Some(message_id));
    }
    let inside = parameters
        .and_then(|reply| reply.get("allow_sending_without_reply"))
        .and_then(Value::as_bool);
    match inside.unwrap_or(false) || params.flag("allow_sending_without_reply") {
        true => Ok(None),
        false => Err(ApiError::bad_request("message to be replied not found")),
    }
}
