//! What the bot may do in a channel: given, changed and taken by the control API, told to the bot as my_chat_member.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::channels::Channel;
use super::people::CannotDo;
use super::world::World;

/// Bot API: ChatAdministratorRights, as far as channels know them. What is left out is not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rights {
    is_anonymous: bool,
    can_manage_chat: bool,
    can_delete_messages: bool,
    can_manage_video_chats: bool,
    pub(crate) can_restrict_members: bool,
    can_promote_members: bool,
    can_change_info: bool,
    pub(crate) can_invite_users: bool,
    pub(crate) can_post_messages: bool,
    can_edit_messages: bool,
    can_post_stories: bool,
    can_edit_stories: bool,
    can_delete_stories: bool,
}

impl Rights {
    /// What a channel that the bot named by itself gives.
    pub(crate) fn usual() -> Self {
        Self {
            can_manage_chat: true,
            can_delete_messages: true,
            can_restrict_members: true,
            can_change_info: true,
            can_invite_users: true,
            can_post_messages: true,
            can_edit_messages: true,
            ..Self::default()
        }
    }
}

/// What the bot is in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum BotStatus {
    Administrator { rights: Rights },
    Left,
    Kicked,
}

impl Default for BotStatus {
    fn default() -> Self {
        Self::Administrator {
            rights: Rights::usual(),
        }
    }
}

impl BotStatus {
    /// Bot API: ChatMember of the bot.
    pub(crate) fn member(&self, bot: &Value) -> Value {
        match self {
            Self::Administrator { rights } => {
                let mut member = json!(rights);
                member["status"] = json!("administrator");
                member["user"] = bot.clone();
                member["can_be_edited"] = json!(false);
                // Bot API: implied by any other right.
                member["can_manage_chat"] = json!(true);
                member
            }
            Self::Left => json!({"user": bot, "status": "left"}),
            Self::Kicked => json!({"user": bot, "status": "kicked", "until_date": 0}),
        }
    }
}

impl World {
    /// The channel, if the bot is in it.
    ///
    /// # Errors
    /// Bot API: 400 chat not found, 403 with the reason.
    pub(crate) fn entered(&mut self, chat_id: i64) -> Answer<&mut Channel> {
        let channel = self.channel(chat_id)?;
        match channel.bot {
            BotStatus::Administrator { .. } => Ok(channel),
            BotStatus::Left => Err(ApiError::forbidden(
                "bot is not a member of the channel chat",
            )),
            BotStatus::Kicked => Err(ApiError::forbidden("bot was kicked from the channel chat")),
        }
    }

    /// The channel, if the bot has a right in it; `refusal` is what Telegram says when it has not.
    pub(crate) fn with_right(
        &mut self,
        chat_id: i64,
        has: impl FnOnce(&Rights) -> bool,
        refusal: &str,
    ) -> Answer<&mut Channel> {
        let channel = self.entered(chat_id)?;
        match &channel.bot {
            BotStatus::Administrator { rights } if has(rights) => Ok(channel),
            _ => Err(ApiError::bad_request(refusal)),
        }
    }

    /// An administrator of the channel changes what the bot is there; the bot is told when that is a change.
    pub(crate) fn set_bot_status(
        &mut self,
        chat_id: i64,
        status: BotStatus,
        now: i64,
    ) -> Result<&Channel, CannotDo> {
        let bot = self.bot.user();
        let channel = self.channels.get(&chat_id);
        let owner = self.owner(channel.ok_or(CannotDo::NoChannel(chat_id))?);
        let channel = self
            .channels
            .get_mut(&chat_id)
            .ok_or(CannotDo::NoChannel(chat_id))?;
        if channel.bot != status {
            let change = json!({
                "chat": channel.chat(), "from": owner, "date": now,
                "old_chat_member": channel.bot.member(&bot), "new_chat_member": status.member(&bot),
            });
            channel.bot = status;
            self.updates.push("my_chat_member", chat_id, change, now);
        }
        Ok(channel)
    }
}
