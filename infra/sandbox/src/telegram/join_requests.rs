//! Requests to join a channel through a link that asks for approval: made by a person, decided by the bot.

use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::channels::channel_and_user;
use super::members::tell;
use super::params::Params;
use super::people::CannotDo;
use super::rights::BotStatus;
use super::world::World;
use crate::app::App;
use crate::clock::unix_now;

const NO_RIGHT: &str = "not enough rights to manage chat invite link";

impl World {
    /// A person asks to be let in; the bot is told if it may decide.
    pub(crate) fn request_to_join(
        &mut self,
        person_id: i64,
        link: &str,
        now: i64,
    ) -> Result<(i64, Option<u64>), CannotDo> {
        let person = self.person(person_id)?.user();
        let bot = self.bot.user();
        let channel = self.channel_by_link(link)?;
        channel.may_follow(person_id)?;
        if channel.members.contains(&person_id) {
            return Err(CannotDo::BadInvite(
                "leads to a channel this person is already in",
            ));
        }
        let invite = channel.invite(link, now)?;
        if !invite.creates_join_request {
            return Err(CannotDo::BadInvite(
                "asks for no approval: follow it with /joins",
            ));
        }
        let link = invite.answer(bot);
        channel.requests.insert(person_id);
        // Bot API: only an administrator who may invite is told.
        let may_decide =
            matches!(&channel.bot, BotStatus::Administrator { rights } if rights.can_invite_users);
        let (channel_id, chat) = (channel.id, channel.chat());
        let request = json!({
            "chat": chat, "from": person, "user_chat_id": person_id, "date": now, "invite_link": link,
        });
        let update_id = may_decide.then(|| {
            self.updates
                .push("chat_join_request", channel_id, request, now)
        });
        Ok((channel_id, update_id))
    }
}

/// approveChatJoinRequest.
pub(crate) fn approve(app: &App, params: &Params) -> Answer {
    decide(app, params, true)
}

/// declineChatJoinRequest.
pub(crate) fn decline(app: &App, params: &Params) -> Answer {
    decide(app, params, false)
}

fn decide(app: &App, params: &Params, approved: bool) -> Answer {
    let (chat_id, user_id) = channel_and_user(params)?;
    let mut world = app.world.lock();
    let bot = world.bot.user();
    let user = world.people.get(&user_id).map(|person| person.user());
    let channel = world.with_right(chat_id, |rights| rights.can_invite_users, NO_RIGHT)?;
    let user: Value = user.ok_or_else(|| ApiError::bad_request("user not found"))?;
    if channel.members.contains(&user_id) {
        return Err(ApiError::bad_request("USER_ALREADY_PARTICIPANT"));
    }
    if !channel.requests.remove(&user_id) {
        return Err(ApiError::bad_request("HIDE_REQUESTER_MISSING"));
    }
    let change = json!({
        "chat": channel.chat(), "from": bot, "date": unix_now(), "via_join_request": true,
        "old_chat_member": {"user": user, "status": "left"},
        "new_chat_member": {"user": user, "status": "member"},
    });
    if approved {
        channel.members.insert(user_id);
    }
    tell(app, channel);
    if approved {
        world
            .updates
            .push("chat_member", chat_id, change, unix_now());
        drop(world);
        app.wake_updates();
    }
    Ok(json!(true))
}
