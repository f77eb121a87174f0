//! Telegram's side of the world: people, channels, messages, updates.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::callbacks::Queries;
use super::channels::Channel;
use super::chats::Bot;
use super::commands::Commands;
use super::files::Files;
use super::limits::{Limits, Rates};
use super::messages::{Body, Message, Messages};
use super::people::Person;
use super::updates::{Pending, UpdateQueue};
use super::webhook::Webhook;
use crate::clock;
use crate::settings::{SandboxToken, Settings};

/// People and messages that are saved: the most recent.
const SAVED_PEOPLE: usize = 200;
const SAVED_IN_CHAT: usize = 100;

/// Everything the Bot API stand-in knows.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) bot: Bot,
    pub(crate) people: HashMap<i64, Person>,
    pub(crate) channels: HashMap<i64, Channel>,
    pub(crate) messages: Messages,
    /// Reply keyboards now shown, by chat.
    pub(crate) reply_keyboards: HashMap<i64, Value>,
    pub(crate) updates: UpdateQueue,
    pub(crate) webhook: Option<Webhook>,
    pub(crate) queries: Queries,
    pub(crate) files: Files,
    pub(crate) commands: Commands,
    pub(crate) limits: Limits,
    next_message_id: i64,
}

/// The part of the world that outlives a run.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SavedWorld {
    next_message_id: i64,
    next_update_id: u64,
    people: Vec<Person>,
    channels: Vec<Channel>,
    messages: Vec<Message>,
    commands: Commands,
    updates: VecDeque<Pending>,
    allowed_updates: Vec<String>,
    webhook: Option<Webhook>,
}

impl World {
    /// The world as it was saved, with ids above all that were used before.
    pub(crate) fn new(
        settings: &Settings,
        token: &SandboxToken,
        now: i64,
        saved: SavedWorld,
    ) -> Self {
        let first = clock::first_id(now);
        let mut messages = Messages::default();
        for message in saved.messages {
            messages.push(message);
        }
        let mut updates = UpdateQueue::new(saved.next_update_id.max(first as u64), saved.updates);
        updates.allowed = saved.allowed_updates;
        Self {
            bot: Bot {
                id: token.bot_id,
                username: settings.bot_username.clone(),
            },
            people: saved
                .people
                .into_iter()
                .map(|person| (person.id, person))
                .collect(),
            channels: saved
                .channels
                .into_iter()
                .map(|channel| (channel.id, channel))
                .collect(),
            messages,
            reply_keyboards: HashMap::new(),
            updates,
            webhook: saved.webhook,
            queries: Queries::default(),
            files: Files::default(),
            commands: saved.commands,
            limits: Limits::new(Rates::of(settings)),
            next_message_id: saved.next_message_id.max(first),
        }
    }

    /// What to save: the people seen last, with the newest messages of each.
    pub(crate) fn saved(&self) -> SavedWorld {
        let mut people: Vec<_> = self.people.values().collect();
        people.sort_by_key(|person| (std::cmp::Reverse(person.active_at), person.id));
        people.truncate(SAVED_PEOPLE);
        SavedWorld {
            next_message_id: self.next_message_id,
            next_update_id: self.updates.next_id,
            messages: people
                .iter()
                .flat_map(|person| self.messages.newest(person.id, SAVED_IN_CHAT))
                .collect(),
            people: people.into_iter().cloned().collect(),
            channels: self.channels.values().cloned().collect(),
            commands: self.commands.clone(),
            updates: self
                .updates
                .pending
                .iter()
                .rev()
                .take(1_000)
                .rev()
                .cloned()
                .collect(),
            allowed_updates: self.updates.allowed.clone(),
            webhook: self.webhook.clone(),
        }
    }

    /// Forgets everything but ids, the webhook and the bot's commands: those belong to the bot that is running.
    pub(crate) fn forget(&mut self) {
        self.people.clear();
        self.channels.clear();
        self.messages = Messages::default();
        self.reply_keyboards.clear();
        self.updates.pending.clear();
        self.queries = Queries::default();
        self.files = Files::default();
        self.limits = Limits::new(self.limits.rates.clone());
    }

    /// Checks that the bot may write to this chat.
    ///
    /// # Errors
    /// Bot API: 400 chat not found, 403 blocked.
    pub(crate) fn target(&mut self, chat_id: i64) -> Answer<()> {
        match chat_id < 0 {
            true => self
                .with_right(
                    chat_id,
                    |rights| rights.can_post_messages,
                    "need administrator rights in the channel chat",
                )
                .map(drop),
            false => self.reachable(chat_id).map(drop),
        }
    }

    /// Takes one message to this chat out of the limits.
    ///
    /// # Errors
    /// Bot API: 429 with retry_after.
    pub(crate) fn spend(&mut self, chat_id: i64, paid: bool) -> Answer<()> {
        self.limits
            .spend(chat_id, paid, Instant::now())
            .map_err(ApiError::too_many_requests)
    }

    /// Puts a message into a chat; message ids increase over all chats.
    pub(crate) fn add_message(
        &mut self,
        chat_id: i64,
        from_bot: bool,
        body: Body,
        now: i64,
        finish: impl FnOnce(&mut Message),
    ) -> Message {
        let mut message = Message {
            message_id: self.next_message_id,
            chat_id,
            from_bot,
            date: now,
            edit_date: None,
            body,
            parse_mode: None,
            buttons: Vec::new(),
            reply_to: None,
            album: None,
            deleted: false,
        };
        finish(&mut message);
        self.next_message_id += 1;
        self.messages.push(message.clone());
        message
    }

    /// Bot API: Message.
    pub(crate) fn api_message(&self, message: &Message) -> Value {
        let mut content = message.api_content();
        if let Some(channel) = self.channels.get(&message.chat_id) {
            content["chat"] = channel.chat();
            content["sender_chat"] = channel.chat();
        } else if let Some(person) = self.people.get(&message.chat_id) {
            content["chat"] = person.chat();
            content["from"] = if message.from_bot {
                self.bot.user()
            } else {
                person.user()
            };
        }
        if let Some(original) = message
            .reply_to
            .and_then(|id| self.messages.shown(message.chat_id, id))
        {
            let mut original = self.api_message(&Message {
                reply_to: None,
                album: None,
                ..original.clone()
            });
            original["reply_to_message"] = Value::Null;
            if let Some(fields) = original.as_object_mut() {
                fields.remove("reply_to_message");
            }
            content["reply_to_message"] = original;
        }
        content
    }

    /// The person's chat for the control API and the page.
    pub(crate) fn chat_view(&self, person_id: i64, after: i64) -> Value {
        let messages: Vec<_> = self
            .messages
            .of_chat(person_id, after)
            .map(Message::view)
            .collect();
        json!({
            "messages": messages, "reply_keyboard": self.reply_keyboards.get(&person_id),
            "callback_answers": self.queries.answers_to(person_id),
        })
    }
}
