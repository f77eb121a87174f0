//! Messages: what is in a chat, in the Bot API's form and in the chat page's.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entities::Formatted;
use super::files::FileRef;
use super::media::Media;

/// Messages kept in one chat.
const KEPT_IN_CHAT: usize = 1_000;
/// Messages kept over all chats.
const KEPT: usize = 200_000;

/// What a message shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    Text(Formatted),
    Photo(FileRef, Formatted),
    Document(FileRef, Formatted),
    Media(Media, FileRef, Formatted),
    Location(Place),
    Contact(Contact),
}

/// Bot API: Location.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

impl Place {
    /// Whether there is such a place on Earth.
    pub(crate) fn exists(self) -> bool {
        (-90.0..=90.0).contains(&self.latitude) && (-180.0..=180.0).contains(&self.longitude)
    }
}

/// Bot API: Contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) phone_number: String,
    pub(crate) first_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<i64>,
}

/// The text of what has none.
static NOTHING: Formatted = Formatted {
    text: String::new(),
    entities: Vec::new(),
};

/// One message of a chat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) message_id: i64,
    pub(crate) chat_id: i64,
    pub(crate) from_bot: bool,
    pub(crate) date: i64,
    #[serde(default)]
    pub(crate) edit_date: Option<i64>,
    pub(crate) body: Body,
    #[serde(default)]
    pub(crate) parse_mode: Option<String>,
    #[serde(default)]
    pub(crate) buttons: Vec<Vec<Value>>,
    #[serde(default)]
    pub(crate) reply_to: Option<i64>,
    /// Messages of one album have one name.
    #[serde(default)]
    pub(crate) album: Option<String>,
    #[serde(default)]
    pub(crate) deleted: bool,
}

impl Message {
    /// Text or caption.
    pub(crate) fn formatted(&self) -> &Formatted {
        match &self.body {
            Body::Text(text)
            | Body::Photo(_, text)
            | Body::Document(_, text)
            | Body::Media(_, _, text) => text,
            Body::Location(_) | Body::Contact(_) => &NOTHING,
        }
    }

    /// The content part of Bot API: Message; chat and sender are added by whoever knows them.
    pub(crate) fn api_content(&self) -> Value {
        let mut message = json!({"message_id": self.message_id, "date": self.date});
        if let Some(date) = self.edit_date {
            message["edit_date"] = json!(date);
        }
        let (text_name, entities_name) = match &self.body {
            Body::Text(_) => ("text", "entities"),
            Body::Photo(file, _) => {
                message["photo"] = json!([file.photo_size()]);
                ("caption", "caption_entities")
            }
            Body::Document(file, _) => {
                message["document"] = file.document();
                ("caption", "caption_entities")
            }
            Body::Media(media, file, _) => {
                message[media.field()] = media.api(file);
                // Bot API: an animation stands beside itself as a document.
                if *media == Media::Animation {
                    message["document"] = file.document();
                }
                ("caption", "caption_entities")
            }
            Body::Location(place) => {
                message["location"] = json!(place);
                ("caption", "caption_entities")
            }
            Body::Contact(contact) => {
                message["contact"] = json!(contact);
                ("caption", "caption_entities")
            }
        };
        if let Some(album) = &self.album {
            message["media_group_id"] = json!(album);
        }
        let formatted = self.formatted();
        if !formatted.text.is_empty() {
            message[text_name] = json!(formatted.text);
        }
        if !formatted.entities.is_empty() {
            message[entities_name] = json!(formatted.entities);
        }
        if !self.buttons.is_empty() {
            message["reply_markup"] = json!({"inline_keyboard": self.buttons});
        }
        message
    }

    /// The message as the control API and the chat page see it.
    pub(crate) fn view(&self) -> Value {
        let mut view = json!({
            "message_id": self.message_id,
            "from": if self.from_bot { "bot" } else { "person" },
            "date": self.date,
            "buttons": self.buttons,
            "deleted": self.deleted,
            "entities": self.formatted().entities,
        });
        let text = &self.formatted().text;
        match &self.body {
            Body::Text(_) => view["text"] = json!(text),
            Body::Photo(file, _) => view["photo"] = file.view(),
            Body::Document(file, _) => view["document"] = file.view(),
            Body::Media(media, file, _) => view[media.field()] = file.view(),
            Body::Location(place) => view["location"] = json!(place),
            Body::Contact(contact) => view["contact"] = json!(contact),
        }
        if !matches!(self.body, Body::Text(_)) && !text.is_empty() {
            view["caption"] = json!(text);
        }
        if let Some(date) = self.edit_date {
            view["edit_date"] = json!(date);
        }
        if let Some(mode) = &self.parse_mode {
            view["parse_mode"] = json!(mode);
        }
        if let Some(id) = self.reply_to {
            view["reply_to"] = json!(id);
        }
        view
    }
}

/// The messages of all chats, bounded per chat and in all; the oldest go first.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    chats: HashMap<i64, BTreeMap<i64, Message>>,
    order: VecDeque<(i64, i64)>,
}

impl Messages {
    pub(crate) fn push(&mut self, message: Message) {
        let (chat_id, message_id) = (message.chat_id, message.message_id);
        let chat = self.chats.entry(chat_id).or_default();
        chat.insert(message_id, message);
        if chat.len() > KEPT_IN_CHAT {
            chat.pop_first();
        }
        self.order.push_back((chat_id, message_id));
        while self.order.len() > KEPT {
            let Some((chat_id, message_id)) = self.order.pop_front() else {
                break;
            };
            if let Some(chat) = self.chats.get_mut(&chat_id) {
                chat.remove(&message_id);
                if chat.is_empty() {
                    self.chats.remove(&chat_id);
                }
            }
        }
    }

    /// A message that is still shown.
    pub(crate) fn shown(&self, chat_id: i64, message_id: i64) -> Option<&Message> {
        self.chats
            .get(&chat_id)?
            .get(&message_id)
            .filter(|message| !message.deleted)
    }

    pub(crate) fn shown_mut(&mut self, chat_id: i64, message_id: i64) -> Option<&mut Message> {
        self.chats
            .get_mut(&chat_id)?
            .get_mut(&message_id)
            .filter(|message| !message.deleted)
    }

    /// The chat's messages after `after`, oldest first, deleted ones included.
    pub(crate) fn of_chat(&self, chat_id: i64, after: i64) -> impl Iterator<Item = &Message> {
        self.chats
            .get(&chat_id)
            .into_iter()
            .flat_map(move |chat| chat.range(after + 1..).map(|(_, message)| message))
    }

    /// The newest `most` messages of a chat, oldest first.
    pub(crate) fn newest(&self, chat_id: i64, most: usize) -> Vec<Message> {
        let mut newest: Vec<_> = self
            .chats
            .get(&chat_id)
            .into_iter()
            .flat_map(|chat| chat.values().rev())
            .take(most)
            .cloned()
            .collect();
        newest.reverse();
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(chat_id: i64, message_id: i64) -> Message {
        Message {
            message_id,
            chat_id,
            from_bot: true,
            date: 1,
            edit_date: None,
            body: Body::Text(Formatted::plain("x")),
            parse_mode: None,
            buttons: Vec::new(),
            reply_to: None,
            album: None,
            deleted: false,
        }
    }

    #[test]
    fn a_chat_forgets_its_oldest_messages() {
        let mut messages = Messages::default();
        for id in 1..=KEPT_IN_CHAT as i64 + 5 {
            messages.push(message(7, id));
        }
        assert_eq!(messages.of_chat(7, 0).count(), KEPT_IN_CHAT);
        assert!(messages.shown(7, 5).is_none());
        assert!(messages.shown(7, 6).is_some());
        assert_eq!(messages.newest(7, 2).len(), 2);
    }

    #[test]
    fn all_chats_together_are_bounded() {
        let mut messages = Messages::default();
        for id in 1..=KEPT as i64 + 1 {
            messages.push(message(id, id));
        }
        assert_eq!(messages.chats.len(), KEPT);
        assert!(messages.shown(1, 1).is_none());
    }
}
