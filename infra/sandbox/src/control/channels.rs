//! Channels: made, the bot made their administrator, its rights changed and taken.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::answer::{Body, Refused};
use crate::app::App;
use crate::clock::unix_now;
use crate::telegram::channels::{Channel, NewChannel};
use crate::telegram::members;
use crate::telegram::rights::{BotStatus, Rights};

type Answer = Result<Json<Value>, Refused>;

/// In the order of their ids.
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let mut channels: Vec<Channel> = app.world.lock().channels.values().cloned().collect();
    channels.sort_by_key(|channel| std::cmp::Reverse(channel.id));
    Json(json!({"channels": channels}))
}

pub(super) async fn make(State(app): State<Arc<App>>, Body(new): Body<NewChannel>) -> Answer {
    let mut world = app.world.lock();
    let channel = world.make_channel(new)?;
    members::tell(&app, channel);
    Ok(Json(json!(channel)))
}

/// The bot is made an administrator, or what it may do there is changed.
pub(super) async fn set_rights(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
    Body(rights): Body<Rights>,
) -> Answer {
    set(&app, id, BotStatus::Administrator { rights })
}

/// The bot is thrown out.
pub(super) async fn remove_bot(State(app): State<Arc<App>>, Path(id): Path<i64>) -> Answer {
    set(&app, id, BotStatus::Kicked)
}

fn set(app: &App, id: i64, status: BotStatus) -> Answer {
    let mut world = app.world.lock();
    let channel = world.set_bot_status(id, status, unix_now())?;
    members::tell(app, channel);
    let view = json!(channel);
    drop(world);
    app.wake_updates();
    Ok(Json(view))
}
