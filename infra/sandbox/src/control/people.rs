//! People: made, writing, clicking, blocking; and what their chats show.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rand::Rng;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Body, Refused};
use crate::app::App;
use crate::clock::unix_now;
use crate::telegram::channels::Joined;
use crate::telegram::people::{NewPerson, Person};
use crate::telegram::writing::Writing;
use crate::telegram::{commands, methods};

type Answer = Result<Json<Value>, Refused>;

pub(super) async fn put(
    State(app): State<Arc<App>>,
    Body(new): Body<NewPerson>,
) -> Result<Json<Person>, Refused> {
    let random_id = || rand::rng().random_range(100_000_000..=999_999_999);
    let person = app.world.lock().put_person(new, random_id, unix_now())?;
    app.events
        .publish(json!({"kind": "person", "person": person}));
    Ok(Json(person))
}

/// The people who did something last come first.
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let mut people: Vec<Person> = app.world.lock().people.values().cloned().collect();
    people.sort_by_key(|person| (std::cmp::Reverse(person.active_at), person.id));
    Json(json!({"people": people}))
}

pub(super) async fn write(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
    Body(body): Body<Writing>,
) -> Answer {
    let mut world = app.world.lock();
    let (written, message) = world.person_writes(id, body, unix_now())?;
    app.events
        .publish(json!({"kind": "message", "person": id, "message": message.view()}));
    drop(world);
    app.counters.people_actions.add(1);
    app.wake_updates();
    Ok(Json(json!(written)))
}

#[derive(Deserialize)]
pub(super) struct Click {
    message_id: i64,
    button: String,
}

pub(super) async fn click(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
    Body(body): Body<Click>,
) -> Answer {
    let query_id = rand::rng().random_range(1..i64::MAX).to_string();
    let clicked =
        app.world
            .lock()
            .person_clicks(id, body.message_id, &body.button, query_id, unix_now())?;
    app.events.touch();
    app.counters.people_actions.add(1);
    app.wake_updates();
    Ok(Json(json!(clicked)))
}

#[derive(Deserialize)]
pub(super) struct Joining {
    invite_link: String,
}

pub(super) async fn join(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
    Body(body): Body<Joining>,
) -> Answer {
    let joined = app.world.lock().join(id, &body.invite_link, unix_now())?;
    app.events.touch();
    app.wake_updates();
    Ok(Json(match joined {
        Joined::Member(channel_id) => json!({"chat_id": channel_id}),
        Joined::Asked(channel_id) => json!({"chat_id": channel_id, "requested": true}),
    }))
}

pub(super) async fn request_to_join(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
    Body(body): Body<Joining>,
) -> Answer {
    let (channel_id, update_id) =
        app.world
            .lock()
            .request_to_join(id, &body.invite_link, unix_now())?;
    app.events.touch();
    app.counters.people_actions.add(1);
    app.wake_updates();
    Ok(Json(json!({"chat_id": channel_id, "update_id": update_id})))
}

#[derive(Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: i64,
}

pub(super) async fn chat(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
    Query(query): Query<After>,
) -> Answer {
    let world = app.world.lock();
    if id > 0 {
        world.person(id)?;
    }
    Ok(Json(world.chat_view(id, query.after)))
}

pub(super) async fn block(State(app): State<Arc<App>>, Path(id): Path<i64>) -> Answer {
    set_blocked(&app, id, true)
}

pub(super) async fn unblock(State(app): State<Arc<App>>, Path(id): Path<i64>) -> Answer {
    set_blocked(&app, id, false)
}

fn set_blocked(app: &App, id: i64, blocked: bool) -> Answer {
    let person = app.world.lock().person_blocks(id, blocked, unix_now())?;
    app.events
        .publish(json!({"kind": "person", "person": person}));
    app.wake_updates();
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub(super) struct Language {
    #[serde(default)]
    language: String,
}

/// The bot as people see it: its name, its menu of commands in a language.
pub(super) async fn bot(State(app): State<Arc<App>>, Query(query): Query<Language>) -> Json<Value> {
    let world = app.world.lock();
    let mut bot = world.bot.user();
    bot["commands"] = json!(commands::shown(&world.commands, &query.language));
    bot["methods"] = methods::names();
    Json(bot)
}

/// A file of a message, for the chat page. It is always offered for download but for pictures: a document must not run as a page.
pub(super) async fn file(State(app): State<Arc<App>>, Path(file_id): Path<String>) -> Response {
    let world = app.world.lock();
    let Some(file) = world
        .files
        .by_id(&file_id)
        .filter(|file| !file.bytes.is_empty())
    else {
        return Refused::new(StatusCode::NOT_FOUND, "this file is no longer kept").into_response();
    };
    let picture =
        file.about.mime_type.starts_with("image/") && file.about.mime_type != "image/svg+xml";
    let mime_type = if picture {
        file.about.mime_type.as_str()
    } else {
        "application/octet-stream"
    };
    let disposition = if picture { "inline" } else { "attachment" };
    let headers = [
        (header::CONTENT_TYPE, mime_type.to_owned()),
        (header::CONTENT_DISPOSITION, disposition.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, file.bytes.clone()).into_response()
}
