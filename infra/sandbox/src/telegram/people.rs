//! The people of the sandbox and what they do in their private chat with the bot.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::ApiError;
use super::world::World;

/// More people than this are refused: memory stays bounded.
pub(crate) const MOST_PEOPLE: usize = 200_000;

/// Somebody with a Telegram account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) first_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language_code: Option<String>,
    /// Has written to the bot: only then the bot may write.
    #[serde(default)]
    pub(crate) started: bool,
    /// Has blocked the bot.
    #[serde(default)]
    pub(crate) blocked: bool,
    /// Unix time of the last thing they did.
    #[serde(default)]
    pub(crate) active_at: i64,
}

/// `POST /control/people`.
#[derive(Debug, Deserialize)]
pub(crate) struct NewPerson {
    id: Option<i64>,
    first_name: String,
    last_name: Option<String>,
    username: Option<String>,
    language_code: Option<String>,
}

/// Why a person cannot do that; each says what to do instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotDo {
    #[error("there is no person {0}: make one with POST /control/people")]
    NoPerson(i64),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("this person has blocked the bot: unblock first")]
    Blocked,
    #[error("there are already {MOST_PEOPLE} people: POST /control/reset")]
    TooMany,
    #[error("there are too many channels: POST /control/reset")]
    TooManyChannels,
    #[error("there is no message {0} in this chat")]
    NoMessage(i64),
    #[error("message {message_id} has no button {button:?}")]
    NoButton { message_id: i64, button: String },
    #[error("the button opens {0}: it makes no callback query")]
    IsLink(String),
    #[error("the invite link {0}")]
    BadInvite(&'static str),
    #[error("the file cannot be sent: {0}")]
    BadFile(String),
    #[error("there is no channel {0}: make one with POST /control/channels")]
    NoChannel(i64),
}

impl Person {
    /// Bot API: User.
    pub(crate) fn user(&self) -> Value {
        let mut user = json!({"id": self.id, "is_bot": false, "first_name": self.first_name});
        for (name, value) in [
            ("last_name", &self.last_name),
            ("username", &self.username),
            ("language_code", &self.language_code),
        ] {
            if let Some(value) = value {
                user[name] = json!(value);
            }
        }
        user
    }

    /// Bot API: Chat of the private chat with this person.
    pub(crate) fn chat(&self) -> Value {
        let mut chat = self.user();
        if let Some(object) = chat.as_object_mut() {
            object.remove("is_bot");
            object.remove("language_code");
            object.insert("type".to_owned(), json!("private"));
        }
        chat
    }
}

impl World {
    /// Makes a person or changes one; `random_id` gives ids to try.
    pub(crate) fn put_person(
        &mut self,
        new: NewPerson,
        mut random_id: impl FnMut() -> i64,
        now: i64,
    ) -> Result<Person, CannotDo> {
        let first_name = new.first_name.trim().to_owned();
        if first_name.is_empty() || first_name.chars().count() > 64 {
            return Err(CannotDo::Invalid("first_name must have 1 to 64 characters"));
        }
        let id = match new.id {
            Some(id) if !(1..1 << 52).contains(&id) => {
                return Err(CannotDo::Invalid("id must be a positive number below 2^52"));
            }
            Some(id) => id,
            None => std::iter::repeat_with(&mut random_id)
                .take(1_000)
                .find(|id| !self.people.contains_key(id))
                .ok_or(CannotDo::TooMany)?,
        };
        let known = self.people.get(&id);
        if known.is_none() && self.people.len() >= MOST_PEOPLE {
            return Err(CannotDo::TooMany);
        }
        let person = Person {
            id,
            first_name,
            last_name: new.last_name.filter(|name| !name.is_empty()),
            username: new.username.filter(|name| !name.is_empty()),
            language_code: new.language_code.filter(|code| !code.is_empty()),
            started: known.is_some_and(|person| person.started),
            blocked: known.is_some_and(|person| person.blocked),
            active_at: now,
        };
        self.people.insert(id, person.clone());
        Ok(person)
    }

    pub(crate) fn person(&self, id: i64) -> Result<&Person, CannotDo> {
        self.people.get(&id).ok_or(CannotDo::NoPerson(id))
    }

    /// The person blocks the bot or takes it back; the bot gets my_chat_member when that changes something.
    pub(crate) fn person_blocks(
        &mut self,
        id: i64,
        blocked: bool,
        now: i64,
    ) -> Result<Person, CannotDo> {
        let bot = self.bot.user();
        let person = self.people.get_mut(&id).ok_or(CannotDo::NoPerson(id))?;
        if person.blocked != blocked {
            person.blocked = blocked;
            let member = |kicked: bool| match kicked {
                true => json!({"user": bot, "status": "kicked", "until_date": 0}),
                false => json!({"user": bot, "status": "member"}),
            };
            let change = json!({
                "chat": person.chat(), "from": person.user(), "date": now,
                "old_chat_member": member(!blocked), "new_chat_member": member(blocked),
            });
            self.updates.push("my_chat_member", id, change, now);
        }
        self.person(id).cloned()
    }

    /// The person a bot may write to.
    ///
    /// # Errors
    /// Bot API: 400 chat not found for somebody who never wrote, 403 for somebody who blocked the bot.
    pub(crate) fn reachable(&self, id: i64) -> Result<&Person, ApiError> {
        match self.people.get(&id) {
            Some(person) if person.blocked => {
                Err(ApiError::forbidden("bot was blocked by the user"))
            }
            Some(person) if person.started => Ok(person),
            _ => Err(ApiError::bad_request("chat not found")),
        }
    }
}
