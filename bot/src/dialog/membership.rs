//! What the bot may do where: people who block it, chats that make it an administrator, rights that come and go.

use chrono::Utc;
use geobot_shared::bus::{Cause, Handled};
use geobot_shared::ids::{ChatId, TelegramUserId};
use geobot_shared::topics::arm_sync_tg::{ChatChanged, ChatKind, UserUnreachable};
use geobot_shared::topics::lk_sync_tg::ChatRegained;
use geobot_shared::topics::{ArmSyncTg, LkSyncTg};
use teloxide::types::{ChatMember, ChatMemberKind, ChatMemberUpdated};
use tracing::info;

use crate::app::App;
use crate::telegram::alert;

/// A person blocked the bot or let it in again, or its rights in a chat have changed.
///
/// # Errors
/// What the bus is to do with the update.
pub async fn changed(app: &App, change: ChatMemberUpdated, cause: &Cause) -> Handled {
    let now = &change.new_chat_member;
    if change.chat.is_private() {
        if now.is_banned() {
            let gone = UserUnreachable {
                user_id: TelegramUserId(change.from.id.0 as i64),
                reason: "the person blocked the bot".to_owned(),
                at: Utc::now(),
            };
            app.producer
                .publish_caused::<ArmSyncTg>(gone, cause, 0)
                .await?;
        }
        return Ok(());
    }
    if let Some(chat) = announcement(&change) {
        app.producer
            .publish_caused::<ArmSyncTg>(chat, cause, 0)
            .await?;
    }
    let chat = ChatId(change.chat.id.0);
    if may_admit(now) {
        // What could not be delivered for want of a right is tried again.
        info!(chat_id = %chat, "chat_regained");
        let regained = ChatRegained { chat_id: chat };
        app.producer
            .publish_caused::<LkSyncTg>(regained, cause, 0)
            .await?;
    } else if may_admit(&change.old_chat_member) {
        alert::rights_lost(&app.producer, chat, cause).await?;
    }
    Ok(())
}

/// What staff is told of a chat; nothing where the bot neither is nor was an administrator.
fn announcement(change: &ChatMemberUpdated) -> Option<ChatChanged> {
    let now = Rights::of(&change.new_chat_member);
    if !now.admin && !Rights::of(&change.old_chat_member).admin {
        return None;
    }
    let chat = &change.chat;
    Some(ChatChanged {
        chat_id: ChatId(chat.id.0),
        title: chat.title().unwrap_or_default().to_owned(),
        kind: match chat.is_channel() {
            true => ChatKind::Channel,
            false => ChatKind::Group,
        },
        username: chat.username().map(str::to_owned),
        admin: now.admin,
        can_invite: now.invite,
        can_restrict: now.restrict,
        at: change.date,
    })
}

/// What the bot may do in a chat.
#[derive(Clone, Copy, Default)]
struct Rights {
    admin: bool,
    invite: bool,
    restrict: bool,
}

impl Rights {
    fn of(member: &ChatMember) -> Rights {
        match &member.kind {
            ChatMemberKind::Owner(_) => Rights {
                admin: true,
                invite: true,
                restrict: true,
            },
            ChatMemberKind::Administrator(rights) => Rights {
                admin: true,
                invite: rights.can_invite_users,
                restrict: rights.can_restrict_members,
            },
            _ => Rights::default(),
        }
    }
}

/// Whether the bot may let people into a chat and take them out again.
fn may_admit(member: &ChatMember) -> bool {
    let rights = Rights::of(member);
    rights.invite && rights.restrict
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn admin(invite: bool, restrict: bool) -> Value {
        json!({
            "status": "administrator", "can_be_edited": false, "is_anonymous": false, "can_manage_chat": true,
            "can_delete_messages": false, "can_manage_video_chats": false, "can_promote_members": false,
            "can_change_info": false, "can_post_stories": false, "can_edit_stories": false,
            "can_delete_stories": false, "can_invite_users": invite, "can_restrict_members": restrict,
        })
    }

    fn change(kind: &str, old: Value, new: Value) -> ChatMemberUpdated {
        let bot = json!({"id": 7, "is_bot": true, "first_name": "geobot"});
        let member = |mut status: Value| {
            status["user"] = bot.clone();
            status
        };
        let change = json!({
            "chat": {"id": -1_001_234_567_890_i64, "type": kind, "title": "Club", "username": "the_club"},
            "from": {"id": 42, "is_bot": false, "first_name": "Anna"},
            "date": 1_795_600_800,
            "old_chat_member": member(old), "new_chat_member": member(new),
        });
        serde_json::from_value(change).unwrap()
    }

    #[test]
    fn a_channel_is_announced_with_the_rights_of_the_bot_there() {
        let left = json!({"status": "left"});
        let made = change("channel", left.clone(), admin(true, false));
        let told = announcement(&made).unwrap();
        assert_eq!(
            (told.title.as_str(), told.kind),
            ("Club", ChatKind::Channel)
        );
        assert_eq!(told.username.as_deref(), Some("the_club"));
        assert_eq!(
            (told.admin, told.can_invite, told.can_restrict),
            (true, true, false)
        );
        assert_eq!(told.at.timestamp(), 1_795_600_800);
        assert!(!may_admit(&made.new_chat_member));

        let shy = announcement(&change("channel", left.clone(), admin(false, true))).unwrap();
        assert!(!shy.can_invite && shy.can_restrict);

        let gone = announcement(&change("supergroup", admin(true, true), left)).unwrap();
        assert_eq!(gone.kind, ChatKind::Group);
        assert_eq!(
            (gone.admin, gone.can_invite, gone.can_restrict),
            (false, false, false)
        );
    }

    #[test]
    fn a_chat_in_which_the_bot_is_only_a_guest_is_not_announced() {
        let (left, member) = (json!({"status": "left"}), json!({"status": "member"}));
        assert!(announcement(&change("supergroup", left, member)).is_none());
    }
}
