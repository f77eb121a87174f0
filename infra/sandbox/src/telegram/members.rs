//! banChatMember, unbanChatMember, getChatMember, getChatAdministrators.

use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::channels::{Channel, channel_and_user, channel_of};
use super::params::Params;
use super::world::World;
use crate::app::App;

/// The owner of a channel that no person of the sandbox owns; below the ids that people are given.
const SOMEBODY: i64 = 99_000_001;

const NO_RIGHT: &str = "not enough rights to restrict/unrestrict chat member";

impl World {
    /// Bot API: User of the channel's owner.
    pub(crate) fn owner(&self, channel: &Channel) -> Value {
        channel
            .owner
            .and_then(|id| self.people.get(&id))
            .map_or_else(
                || json!({"id": SOMEBODY, "is_bot": false, "first_name": "Owner"}),
                |person| person.user(),
            )
    }
}

/// banChatMember.
pub(crate) fn ban(app: &App, params: &Params) -> Answer {
    let (chat_id, user_id) = channel_and_user(params)?;
    let mut world = app.world.lock();
    known_user(&world, user_id)?;
    let channel = world.with_right(chat_id, |rights| rights.can_restrict_members, NO_RIGHT)?;
    channel.members.remove(&user_id);
    channel.requests.remove(&user_id);
    channel.banned.insert(user_id);
    tell(app, channel);
    Ok(json!(true))
}

/// unbanChatMember. Bot API: without `only_if_banned` a member is removed.
pub(crate) fn unban(app: &App, params: &Params) -> Answer {
    let (chat_id, user_id) = channel_and_user(params)?;
    let mut world = app.world.lock();
    known_user(&world, user_id)?;
    let channel = world.with_right(chat_id, |rights| rights.can_restrict_members, NO_RIGHT)?;
    channel.banned.remove(&user_id);
    if !params.flag("only_if_banned") {
        channel.members.remove(&user_id);
    }
    tell(app, channel);
    Ok(json!(true))
}

/// Shows a changed channel on the pages.
pub(crate) fn tell(app: &App, channel: &Channel) {
    app.events
        .publish(json!({"kind": "channel", "channel": channel}));
}

/// getChatMember.
pub(crate) fn get_member(app: &App, params: &Params) -> Answer {
    let (chat_id, user_id) = channel_and_user(params)?;
    let mut world = app.world.lock();
    let bot = world.bot.user();
    let person = world.people.get(&user_id).map(|person| person.user());
    let channel = world.entered(chat_id)?.clone();
    if bot["id"] == user_id {
        return Ok(channel.bot.member(&bot));
    }
    let owner = world.owner(&channel);
    if owner["id"] == user_id {
        return Ok(creator(&owner));
    }
    let user = person.ok_or_else(unknown_user)?;
    let status = match (
        channel.members.contains(&user_id),
        channel.banned.contains(&user_id),
    ) {
        (_, true) => return Ok(json!({"user": user, "status": "kicked", "until_date": 0})),
        (true, false) => "member",
        (false, false) => "left",
    };
    Ok(json!({"user": user, "status": status}))
}

/// getChatAdministrators. Bot API: the creator and all administrators that are no other bots.
pub(crate) fn administrators(app: &App, params: &Params) -> Answer {
    let chat_id = channel_of(params)?;
    let mut world = app.world.lock();
    let bot = world.bot.user();
    let channel = world.entered(chat_id)?.clone();
    Ok(json!([
        creator(&world.owner(&channel)),
        channel.bot.member(&bot)
    ]))
}

fn creator(user: &Value) -> Value {
    json!({"user": user, "status": "creator", "is_anonymous": false})
}

fn known_user(world: &World, user_id: i64) -> Answer<()> {
    match world.people.contains_key(&user_id) || user_id == world.bot.id {
        true => Ok(()),
        false => Err(unknown_user()),
    }
}

fn unknown_user() -> ApiError {
    ApiError::bad_request("PARTICIPANT_ID_INVALID")
}
