//! Private channels: who is in them, and their invite links. A channel exists as soon as the bot names it, with the bot as
//! its administrator; one that the control API made has no bot in it until it is made one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::params::Params;
use super::people::CannotDo;
use super::rights::BotStatus;
use super::world::World;
use crate::app::App;

/// Bot API: ids of channels and supergroups lie below this.
const FIRST_CHANNEL: i64 = -1_000_000_000_000;
const MOST_CHANNELS: usize = 1_000;
/// Bot API: longest title.
const LONGEST_TITLE: usize = 128;
/// Links kept in one channel; the oldest go first.
const MOST_LINKS: usize = 10_000;

const NO_RIGHT: &str = "not enough rights to manage chat invite link";

/// An invite link.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Invite {
    pub(crate) link: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    expire_date: Option<i64>,
    #[serde(default)]
    member_limit: Option<i64>,
    #[serde(default)]
    pub(crate) creates_join_request: bool,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    joined: i64,
}

/// A channel and who is in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: i64,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) members: BTreeSet<i64>,
    #[serde(default)]
    pub(crate) banned: BTreeSet<i64>,
    #[serde(default)]
    pub(crate) invites: BTreeMap<u64, Invite>,
    /// People who asked to be let in.
    #[serde(default)]
    pub(crate) requests: BTreeSet<i64>,
    /// The person who owns it; nothing for somebody outside of the sandbox.
    #[serde(default)]
    pub(crate) owner: Option<i64>,
    #[serde(default)]
    pub(crate) bot: BotStatus,
}

/// `POST /control/channels`.
#[derive(Debug, Deserialize)]
pub(crate) struct NewChannel {
    id: Option<i64>,
    title: String,
    owner: Option<i64>,
}

/// What following a link came to, with the channel's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    Member(i64),
    /// The link asks for approval.
    Asked(i64),
}

impl Channel {
    /// The channel as the bot's naming it makes it.
    fn named(id: i64) -> Self {
        Self {
            id,
            title: format!("Channel {}", FIRST_CHANNEL - id),
            members: BTreeSet::new(),
            banned: BTreeSet::new(),
            invites: BTreeMap::new(),
            requests: BTreeSet::new(),
            owner: None,
            bot: BotStatus::default(),
        }
    }

    /// Whether this person may follow a link into the channel.
    pub(crate) fn may_follow(&self, person_id: i64) -> Result<(), CannotDo> {
        match self.banned.contains(&person_id) {
            true => Err(CannotDo::BadInvite(
                "leads to a channel this person is banned from",
            )),
            false => Ok(()),
        }
    }

    /// The link, if it still lets people in.
    pub(crate) fn invite(&mut self, link: &str, now: i64) -> Result<&mut Invite, CannotDo> {
        let mut invites = self.invites.values_mut();
        let invite = invites.find(|invite| invite.link == link);
        let invite = invite.ok_or(CannotDo::BadInvite("is not known"))?;
        invite.check(now)?;
        Ok(invite)
    }

    /// Bot API: Chat.
    pub(crate) fn chat(&self) -> Value {
        json!({"id": self.id, "type": "channel", "title": self.title})
    }
}

impl Invite {
    /// Bot API: ChatInviteLink.
    pub(crate) fn answer(&self, creator: Value) -> Value {
        let mut link = json!({
            "invite_link": self.link, "creator": creator, "creates_join_request": self.creates_join_request,
            "is_primary": false, "is_revoked": self.revoked,
        });
        for (name, value) in [
            ("name", json!(self.name)),
            ("expire_date", json!(self.expire_date)),
            ("member_limit", json!(self.member_limit)),
        ] {
            if !value.is_null() {
                link[name] = value;
            }
        }
        link
    }

    fn check(&self, now: i64) -> Result<(), CannotDo> {
        if self.revoked {
            return Err(CannotDo::BadInvite("was revoked"));
        }
        if self.expire_date.is_some_and(|date| date <= now) {
            return Err(CannotDo::BadInvite("has expired"));
        }
        if self.member_limit.is_some_and(|limit| self.joined >= limit) {
            return Err(CannotDo::BadInvite("was used up"));
        }
        Ok(())
    }
}

impl World {
    /// The channel of this id, made when it was not yet named.
    pub(crate) fn channel(&mut self, id: i64) -> Answer<&mut Channel> {
        if id > FIRST_CHANNEL
            || (!self.channels.contains_key(&id) && self.channels.len() >= MOST_CHANNELS)
        {
            return Err(ApiError::bad_request("chat not found"));
        }
        Ok(self
            .channels
            .entry(id)
            .or_insert_with(|| Channel::named(id)))
    }

    /// The channel that a link leads to.
    pub(crate) fn channel_by_link(&mut self, link: &str) -> Result<&mut Channel, CannotDo> {
        let leads_there = |channel: &&mut Channel| {
            let mut invites = channel.invites.values();
            invites.any(|invite| invite.link == link)
        };
        self.channels
            .values_mut()
            .find(leads_there)
            .ok_or(CannotDo::BadInvite("is not known"))
    }

    /// Somebody makes a channel; the bot is not yet in it.
    pub(crate) fn make_channel(&mut self, new: NewChannel) -> Result<&Channel, CannotDo> {
        let title = new.title.trim();
        if title.is_empty() || title.chars().count() > LONGEST_TITLE {
            return Err(CannotDo::Invalid("title must have 1 to 128 characters"));
        }
        if let Some(owner) = new.owner {
            self.person(owner)?;
        }
        let id = match new.id {
            Some(id) if id > FIRST_CHANNEL => {
                return Err(CannotDo::Invalid(
                    "id must be below -1000000000000, as those of channels are",
                ));
            }
            Some(id) if self.channels.contains_key(&id) => {
                return Err(CannotDo::Invalid("there is already a channel with this id"));
            }
            Some(id) => id,
            None => (1..)
                .map(|number| FIRST_CHANNEL - number)
                .find(|id| !self.channels.contains_key(id))
                .unwrap_or(FIRST_CHANNEL),
        };
        if self.channels.len() >= MOST_CHANNELS {
            return Err(CannotDo::TooManyChannels);
        }
        let channel = Channel {
            title: title.to_owned(),
            owner: new.owner,
            bot: BotStatus::Left,
            ..Channel::named(id)
        };
        Ok(self.channels.entry(id).insert_entry(channel).into_mut())
    }

    /// A person follows an invite link: is in at once, or has asked to be let in.
    pub(crate) fn join(
        &mut self,
        person_id: i64,
        link: &str,
        now: i64,
    ) -> Result<Joined, CannotDo> {
        let person = self.person(person_id)?.user();
        let bot = self.bot.user();
        let channel = self.channel_by_link(link)?;
        channel.may_follow(person_id)?;
        let channel_id = channel.id;
        if channel.members.contains(&person_id) {
            return Ok(Joined::Member(channel_id));
        }
        let invite = channel.invite(link, now)?;
        if invite.creates_join_request {
            let (channel_id, _) = self.request_to_join(person_id, link, now)?;
            return Ok(Joined::Asked(channel_id));
        }
        invite.joined += 1;
        let link = invite.answer(bot);
        channel.members.insert(person_id);
        let change = json!({
            "chat": channel.chat(), "from": person, "date": now, "invite_link": link,
            "old_chat_member": {"user": person, "status": "left"},
            "new_chat_member": {"user": person, "status": "member"},
        });
        self.updates.push("chat_member", channel_id, change, now);
        Ok(Joined::Member(channel_id))
    }
}

/// The channel a call names.
pub(crate) fn channel_of(params: &Params) -> Answer<i64> {
    params
        .number("chat_id")?
        .ok_or_else(|| ApiError::bad_request("chat_id is empty"))
}

/// The channel and the person a call names.
pub(crate) fn channel_and_user(params: &Params) -> Answer<(i64, i64)> {
    let chat_id = channel_of(params)?;
    let user_id = params
        .number("user_id")?
        .ok_or_else(|| ApiError::bad_request("invalid user_id specified"))?;
    Ok((chat_id, user_id))
}

/// createChatInviteLink.
pub(crate) fn create_invite_link(app: &App, params: &Params) -> Answer {
    let chat_id = channel_of(params)?;
    let member_limit = params.number("member_limit")?.filter(|limit| *limit != 0);
    if member_limit.is_some_and(|limit| !(1..=99_999).contains(&limit)) {
        return Err(ApiError::bad_request(
            "member limit must be between 1 and 99999",
        ));
    }
    let creates_join_request = params.flag("creates_join_request");
    if creates_join_request && member_limit.is_some() {
        return Err(ApiError::bad_request(
            "member limit can't be specified for links requiring administrator approval",
        ));
    }
    let name = params.text("name")?.filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.chars().count() > 32) {
        return Err(ApiError::bad_request("invite link name is too long"));
    }
    let invite = Invite {
        link: format!(
            "https://t.me/+{}",
            &uuid::Uuid::new_v4().simple().to_string()[..16]
        ),
        name,
        expire_date: params.number("expire_date")?.filter(|date| *date != 0),
        member_limit,
        creates_join_request,
        revoked: false,
        joined: 0,
    };
    let mut world = app.world.lock();
    let creator = world.bot.user();
    let channel = world.with_right(chat_id, |rights| rights.can_invite_users, NO_RIGHT)?;
    let key = channel
        .invites
        .last_key_value()
        .map_or(0, |(key, _)| key + 1);
    channel.invites.insert(key, invite.clone());
    if channel.invites.len() > MOST_LINKS {
        channel.invites.pop_first();
    }
    app.events.touch();
    Ok(invite.answer(creator))
}

/// revokeChatInviteLink.
pub(crate) fn revoke_invite_link(app: &App, params: &Params) -> Answer {
    let chat_id = channel_of(params)?;
    let link = params.text("invite_link")?.unwrap_or_default();
    let mut world = app.world.lock();
    let creator = world.bot.user();
    let invite = world
        .with_right(chat_id, |rights| rights.can_invite_users, NO_RIGHT)?
        .invites
        .values_mut()
        .find(|invite| invite.link == link);
    let invite = invite.ok_or_else(|| ApiError::bad_request("INVITE_HASH_EXPIRED"))?;
    invite.revoked = true;
    app.events.touch();
    Ok(invite.answer(creator))
}
