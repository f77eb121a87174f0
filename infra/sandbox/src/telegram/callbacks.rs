//! Inline buttons: a person presses one, the bot answers the callback query.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::params::Params;
use super::people::CannotDo;
use super::world::World;
use crate::app::App;

/// Seconds a query may be answered in. Telegram says "within seconds" and shows a spinner for about this long.
const LIFETIME: i64 = 60;
const KEPT: usize = 100_000;
/// Answers kept over all people; the oldest go first.
const KEPT_ANSWERS: usize = 10_000;

/// Queries that may still be answered.
#[derive(Debug, Default)]
pub(crate) struct Queries {
    open: HashMap<String, (i64, i64)>,
    order: VecDeque<String>,
    answers: VecDeque<(i64, Value)>,
}

/// What a click made.
#[derive(Debug, Serialize)]
pub(crate) struct Clicked {
    pub(crate) update_id: u64,
    pub(crate) callback_query_id: String,
}

impl Queries {
    fn open(&mut self, id: String, person: i64, now: i64) {
        self.order.push_back(id.clone());
        self.open.insert(id, (person, now));
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
    }

    fn note_answer(&mut self, person: i64, answer: Value) {
        self.answers.push_back((person, answer));
        if self.answers.len() > KEPT_ANSWERS {
            self.answers.pop_front();
        }
    }

    /// What the bot answered to this person's clicks, oldest first.
    pub(crate) fn answers_to(&self, person: i64) -> Vec<&Value> {
        self.answers
            .iter()
            .filter(|(whose, _)| *whose == person)
            .map(|(_, answer)| answer)
            .collect()
    }

    fn person(&self, id: &str, now: i64) -> Option<i64> {
        self.open
            .get(id)
            .filter(|(_, made_at)| now - made_at <= LIFETIME)
            .map(|(person, _)| *person)
    }
}

impl World {
    /// The person presses the button named by its callback_data or else its text.
    pub(crate) fn person_clicks(
        &mut self,
        person_id: i64,
        message_id: i64,
        button: &str,
        query_id: String,
        now: i64,
    ) -> Result<Clicked, CannotDo> {
        let person = self.person(person_id)?.clone();
        if person.blocked {
            return Err(CannotDo::Blocked);
        }
        let message = self
            .messages
            .shown(person_id, message_id)
            .ok_or(CannotDo::NoMessage(message_id))?;
        let named = |name: &str| {
            message
                .buttons
                .iter()
                .flatten()
                .find(|b| b.get(name).and_then(Value::as_str) == Some(button))
        };
        let pressed = named("callback_data").or_else(|| named("text"));
        let pressed = pressed.ok_or_else(|| CannotDo::NoButton {
            message_id,
            button: button.to_owned(),
        })?;
        let Some(data) = pressed.get("callback_data") else {
            let link = pressed
                .get("url")
                .and_then(Value::as_str)
                .unwrap_or("something else");
            return Err(CannotDo::IsLink(link.to_owned()));
        };
        let query = json!({
            "id": query_id, "from": person.user(), "message": self.api_message(message),
            // Bot API: the same for every click in one chat, and required.
            "chat_instance": (person_id.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)).to_string(),
            "data": data,
        });
        self.queries.open(query_id.clone(), person_id, now);
        if let Some(person) = self.people.get_mut(&person_id) {
            person.active_at = now;
        }
        let update_id = self.updates.push("callback_query", person_id, query, now);
        Ok(Clicked {
            update_id,
            callback_query_id: query_id,
        })
    }
}

/// answerCallbackQuery. Bot API: the result is true.
pub(crate) fn answer(app: &App, params: &Params) -> Answer {
    let id = params.text("callback_query_id")?.unwrap_or_default();
    let text = params.text("text")?.unwrap_or_default();
    if text.chars().count() > 200 {
        return Err(ApiError::bad_request("MESSAGE_TOO_LONG"));
    }
    let mut world = app.world.lock();
    let person = world
        .queries
        .person(&id, crate::clock::unix_now())
        .ok_or_else(|| {
            ApiError::bad_request(
                "query is too old and response timeout expired or query ID is invalid",
            )
        })?;
    let mut answer = json!({
        "callback_query_id": id, "text": text, "show_alert": params.flag("show_alert"), "url": params.text("url")?,
    });
    world.queries.note_answer(person, answer.clone());
    answer["kind"] = json!("callback_answer");
    answer["person"] = json!(person);
    app.events.publish(answer);
    Ok(json!(true))
}
