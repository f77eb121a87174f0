//! setMyCommands, getMyCommands, deleteMyCommands: the menu of the bot, by scope and language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::params::Params;
use crate::app::App;

/// Bot API: most commands in one list.
const MOST_COMMANDS: usize = 100;
/// Lists kept (scope and language).
const MOST_LISTS: usize = 1_000;

/// Bot API: BotCommand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Command {
    command: String,
    description: String,
}

/// Command lists by scope and language.
pub(crate) type Commands = BTreeMap<String, Vec<Command>>;

fn key(params: &Params) -> Answer<String> {
    let scope = params.json("scope", "BotCommandScope")?;
    let part = |name: &str| {
        scope
            .and_then(|scope| scope.get(name))
            .map(Value::to_string)
            .unwrap_or_default()
    };
    let kind = scope
        .and_then(|scope| scope.get("type"))
        .and_then(Value::as_str)
        .unwrap_or("default");
    let language = params.text("language_code")?.unwrap_or_default();
    Ok(format!(
        "{language}/{kind}/{}/{}",
        part("chat_id"),
        part("user_id")
    ))
}

/// The commands somebody of this language sees in the private chat.
pub(crate) fn shown(commands: &Commands, language: &str) -> Vec<Command> {
    [language, ""]
        .iter()
        .flat_map(|language| {
            ["all_private_chats", "default"].map(|scope| format!("{language}/{scope}//"))
        })
        .find_map(|key| commands.get(&key))
        .cloned()
        .unwrap_or_default()
}

/// setMyCommands.
pub(crate) fn set(app: &App, params: &Params) -> Answer {
    let list = params.json("commands", "commands")?;
    let list = list.ok_or_else(|| ApiError::bad_request("can't parse commands: Array expected"))?;
    let list: Vec<Command> = serde_json::from_value(list.clone())
        .map_err(|error| ApiError::bad_request(format_args!("can't parse BotCommand: {error}")))?;
    if list.len() > MOST_COMMANDS {
        return Err(ApiError::bad_request("BOT_COMMANDS_TOO_MUCH"));
    }
    for command in &list {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let name = command.command.trim_start_matches('/');
        if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
            return Err(ApiError::bad_request("BOT_COMMAND_INVALID"));
        }
        if command.description.is_empty() || command.description.chars().count() > 256 {
            return Err(ApiError::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    let key = key(params)?;
    let mut world = app.world.lock();
    if world.commands.len() >= MOST_LISTS && !world.commands.contains_key(&key) {
        return Err(ApiError::bad_request("too many command lists"));
    }
    world.commands.insert(key, list);
    app.events.publish(json!({"kind": "commands"}));
    Ok(json!(true))
}

/// getMyCommands.
pub(crate) fn get(app: &App, params: &Params) -> Answer {
    Ok(json!(
        app.world
            .lock()
            .commands
            .get(&key(params)?)
            .cloned()
            .unwrap_or_default()
    ))
}

/// deleteMyCommands.
pub(crate) fn delete(app: &App, params: &Params) -> Answer {
    app.world.lock().commands.remove(&key(params)?);
    app.events.publish(json!({"kind": "commands"}));
    Ok(json!(true))
}
