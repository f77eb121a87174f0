//! From Telegram to tg_updates: an update is acknowledged to Telegram only after Kafka has it.

use geobot_shared::bus::{Cause, Outgoing, Producer, PublishError};
use geobot_shared::topics::TgUpdates;
use geobot_shared::topics::tg_updates::Update;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::alert;

/// The kinds of update the bot handles; Telegram sends no others.
pub const ALLOWED_UPDATES: [&str; 4] = [
    "message",
    "callback_query",
    "my_chat_member",
    "chat_join_request",
];

/// Why an update can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It has no update_id.
    #[error("not an update: {0}")]
    NotAnUpdate(#[from] serde_json::Error),
    /// Kafka does not have it.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// The little that must be known of an update to order it.
#[derive(Default, Deserialize)]
struct Outline {
    update_id: i64,
    message: Option<Chatted>,
    callback_query: Option<Clicked>,
    my_chat_member: Option<Chatted>,
    chat_join_request: Option<Clicked>,
}

#[derive(Deserialize)]
struct Chatted {
    chat: Id,
}

#[derive(Deserialize)]
struct Clicked {
    from: Id,
}

#[derive(Deserialize)]
struct Id {
    id: i64,
}

/// What every update has.
#[derive(Deserialize)]
struct Number {
    update_id: i64,
}

/// Reads what orders an update and keeps the rest as it is: an update of a form that nobody has seen yet is taken too.
///
/// # Errors
/// When it has no update_id.
pub fn read_update(raw: Box<RawValue>) -> Result<Update, serde_json::Error> {
    let outline = match serde_json::from_str::<Outline>(raw.get()) {
        Ok(outline) => outline,
        Err(_) => Outline {
            update_id: serde_json::from_str::<Number>(raw.get())?.update_id,
            ..Outline::default()
        },
    };
    let chat = outline
        .message
        .or(outline.my_chat_member)
        .map(|it| it.chat.id);
    let person = outline
        .callback_query
        .or(outline.chat_join_request)
        .map(|it| it.from.id);
    Ok(Update {
        update_id: outline.update_id,
        about: chat.or(person),
        update: raw,
    })
}

/// The record of an update. Its message-id follows from Telegram's number, so that a repeat by Telegram is known.
fn record(producer: &Producer, bot_id: u64, update: Update) -> Result<Outgoing, PublishError> {
    let id = format!("telegram-{bot_id}-{}", update.update_id);
    let cause = Cause {
        message_id: id,
        ..Cause::new_story()
    };
    Outgoing::caused(
        producer.service(),
        &TgUpdates::from(update),
        &cause,
        0,
        chrono::Utc::now(),
    )
}

/// Publishes updates in their order and returns how many of them, from the first on, are done with: Kafka has them. One
/// that Kafka never takes is done with as well, and staff hears of it: no update stands in the way of all others.
pub async fn publish(
    producer: &Producer,
    bot_id: u64,
    updates: Vec<Update>,
) -> (usize, Option<PublishError>) {
    let mut records = Vec::with_capacity(updates.len());
    let mut numbers = Vec::with_capacity(updates.len());
    for update in updates {
        numbers.push(update.update_id);
        match record(producer, bot_id, update) {
            Ok(record) => records.push(record),
            Err(error) => return (0, Some(error)),
        }
    }
    let mut safe = 0;
    for (result, number) in producer.send_all(&records).await.into_iter().zip(numbers) {
        match result {
            Ok(()) => safe += 1,
            Err(PublishError::Rejected { reason, .. }) => {
                alert::update_not_taken(producer, number, &reason).await;
                safe += 1;
            }
            Err(error) => return (safe, Some(error)),
        }
    }
    (safe, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn an_update_is_ordered_by_its_chat_and_kept_as_it_is() {
        let text = r#"{"update_id":5,"message":{"message_id":1,"chat":{"id":42,"type":"private"},"new_field":[1]}}"#;
        let update = read_update(raw(text)).unwrap();
        assert_eq!((update.update_id, update.about), (5, Some(42)));
        assert_eq!(update.update.get(), text);
        let click = read_update(raw(
            r#"{"update_id":6,"callback_query":{"id":"1","from":{"id":42}}}"#,
        ))
        .unwrap();
        assert_eq!(click.about, Some(42));
        let join = read_update(raw(
            r#"{"update_id":7,"chat_join_request":{"chat":{"id":-100},"from":{"id":42}}}"#,
        ));
        assert_eq!(join.unwrap().about, Some(42));
        let unknown = read_update(raw(r#"{"update_id":7,"poll":{}}"#)).unwrap();
        assert_eq!(unknown.about, None);
        let strange = read_update(raw(r#"{"update_id":8,"message":{"chat":"of 2030"}}"#)).unwrap();
        assert_eq!((strange.update_id, strange.about), (8, None));
        for no_number in [r#"{"message":{}}"#, r#"{"update_id":"x"}"#, "[]", "null"] {
            assert!(read_update(raw(no_number)).is_err(), "{no_number}");
        }
    }
}
