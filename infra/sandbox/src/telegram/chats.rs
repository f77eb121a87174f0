//! getMe, getChat, sendChatAction: who is who.

use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::params::Params;
use crate::app::App;

/// The bot itself.
#[derive(Debug, Clone)]
pub(crate) struct Bot {
    pub(crate) id: i64,
    pub(crate) username: String,
}

impl Bot {
    /// Bot API: User, as it stands in messages.
    pub(crate) fn user(&self) -> Value {
        json!({"id": self.id, "is_bot": true, "first_name": "geobot", "username": self.username})
    }
}

/// The chat a call names.
///
/// # Errors
/// Bot API: 400 "chat_id is empty"; names (@channel) are not known here, so they are not found.
pub(crate) fn chat_id(params: &Params) -> Answer<i64> {
    match params.text("chat_id")?.as_deref() {
        None | Some("") => Err(ApiError::bad_request("chat_id is empty")),
        Some(text) => text
            .trim()
            .parse()
            .map_err(|_| ApiError::bad_request("chat not found")),
    }
}

/// getMe. Bot API: clients refuse an answer without any of these fields.
pub(crate) fn get_me(app: &App, _: &Params) -> Answer {
    let mut me = app.world.lock().bot.user();
    me["can_join_groups"] = json!(true);
    me["can_read_all_group_messages"] = json!(false);
    me["supports_inline_queries"] = json!(false);
    me["can_connect_to_business"] = json!(false);
    me["has_main_web_app"] = json!(false);
    Ok(me)
}

/// getChat. Bot API: ChatFullInfo.
pub(crate) fn get_chat(app: &App, params: &Params) -> Answer {
    let id = chat_id(params)?;
    let mut world = app.world.lock();
    let mut chat = match id < 0 {
        true => world.entered(id)?.chat(),
        false => match world.people.get(&id) {
            Some(person) if person.started => person.chat(),
            _ => return Err(ApiError::bad_request("chat not found")),
        },
    };
    chat["accent_color_id"] = json!(0);
    chat["max_reaction_count"] = json!(11);
    chat["accepted_gift_types"] = json!({
        "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false, "premium_subscription": false,
    });
    Ok(chat)
}

/// sendChatAction: the chat page shows "typing".
pub(crate) fn send_action(app: &App, params: &Params) -> Answer {
    const KNOWN: [&str; 11] = [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ];
    let id = chat_id(params)?;
    let action = params.text("action")?.unwrap_or_default();
    if !KNOWN.contains(&action.as_str()) {
        return Err(ApiError::bad_request("wrong parameter action in request"));
    }
    app.world.lock().target(id)?;
    app.events
        .publish(json!({"kind": "action", "person": id, "action": action}));
    Ok(json!(true))
}
