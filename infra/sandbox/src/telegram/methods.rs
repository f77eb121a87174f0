//! The methods the stand-in knows, and calling one.

use serde_json::{Value, json, value::RawValue};

use super::answer::Answer;
use super::calls::Call;
use super::params::Params;
use super::{
    callbacks, channels, chats, commands, editing, join_requests, members, sending, webhook,
};
use crate::app::App;
use crate::clock;

/// A method by its name in the Bot API's spelling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    run: fn(&App, &Params) -> Answer,
}

/// getUpdates waits, so it is not one of the methods below.
pub(crate) const GET_UPDATES: &str = "getUpdates";

const METHODS: &[Method] = &[
    Method {
        name: "getMe",
        run: chats::get_me,
    },
    Method {
        name: "getChat",
        run: chats::get_chat,
    },
    Method {
        name: "sendChatAction",
        run: chats::send_action,
    },
    Method {
        name: "sendMessage",
        run: sending::message,
    },
    Method {
        name: "sendPhoto",
        run: sending::photo,
    },
    Method {
        name: "sendDocument",
        run: sending::document,
    },
    Method {
        name: "sendLocation",
        run: sending::location,
    },
    Method {
        name: "editMessageText",
        run: editing::text,
    },
    Method {
        name: "editMessageCaption",
        run: editing::caption,
    },
    Method {
        name: "editMessageReplyMarkup",
        run: editing::reply_markup,
    },
    Method {
        name: "deleteMessage",
        run: editing::delete,
    },
    Method {
        name: "deleteMessages",
        run: editing::delete_many,
    },
    Method {
        name: "answerCallbackQuery",
        run: callbacks::answer,
    },
    Method {
        name: "setMyCommands",
        run: commands::set,
    },
    Method {
        name: "getMyCommands",
        run: commands::get,
    },
    Method {
        name: "deleteMyCommands",
        run: commands::delete,
    },
    Method {
        name: "createChatInviteLink",
        run: channels::create_invite_link,
    },
    Method {
        name: "revokeChatInviteLink",
        run: channels::revoke_invite_link,
    },
    Method {
        name: "banChatMember",
        run: members::ban,
    },
    Method {
        name: "unbanChatMember",
        run: members::unban,
    },
    Method {
        name: "getChatMember",
        run: members::get_member,
    },
    Method {
        name: "getChatAdministrators",
        run: members::administrators,
    },
    Method {
        name: "approveChatJoinRequest",
        run: join_requests::approve,
    },
    Method {
        name: "declineChatJoinRequest",
        run: join_requests::decline,
    },
    Method {
        name: "getFile",
        run: |app, params| app.world.lock().files.get_file(params),
    },
    Method {
        name: "setWebhook",
        run: webhook::set,
    },
    Method {
        name: "deleteWebhook",
        run: webhook::delete,
    },
    Method {
        name: "getWebhookInfo",
        run: webhook::info,
    },
    // Told, and nothing here shows them.
    Method {
        name: "setMyName",
        run: accept,
    },
    Method {
        name: "setMyDescription",
        run: accept,
    },
    Method {
        name: "setMyShortDescription",
        run: accept,
    },
    Method {
        name: "setChatMenuButton",
        run: accept,
    },
    Method {
        name: "logOut",
        run: accept,
    },
    Method {
        name: "close",
        run: accept,
    },
];

fn accept(_: &App, _: &Params) -> Answer {
    Ok(json!(true))
}

/// The method of this name in any letter case.
pub(crate) fn find(name: &str) -> Option<Method> {
    METHODS
        .iter()
        .find(|method| method.name.eq_ignore_ascii_case(name))
        .copied()
}

/// Calls a method and notes it in the log of calls.
pub(crate) fn call(app: &App, method: Method, params: &Params) -> Answer {
    let answer = (method.run)(app, params);
    note(
        app,
        method.name,
        params,
        answer.as_ref().map(drop).map_err(|error| Some(error.code)),
    );
    answer
}

/// Notes a call; a connection cut before anything was done has no error code.
pub(crate) fn note(app: &App, method: &str, params: &Params, outcome: Result<(), Option<u16>>) {
    match outcome {
        Ok(()) => app.counters.calls_answered.add(1),
        Err(code) => {
            app.counters.calls_refused.add(1);
            if code == Some(429) {
                app.counters.calls_limited.add(1);
            }
        }
    }
    let shown = serde_json::value::to_raw_value(&params.shown());
    app.calls.lock().push(Call {
        seq: 0,
        at: clock::stamp(),
        method: method.to_owned(),
        chat_id: params.chat_hint(),
        ok: outcome.is_ok(),
        error_code: outcome.err().flatten(),
        params: shown.unwrap_or_else(|_| RawValue::NULL.to_owned()),
    });
}

/// The names of all methods, for the index of the control API.
pub(crate) fn names() -> Value {
    METHODS
        .iter()
        .map(|method| method.name)
        .chain([GET_UPDATES])
        .collect()
}
