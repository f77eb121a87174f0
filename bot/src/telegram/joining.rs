//! Answering requests to join a chat, and withdrawing links into one. Bot API: the bot must be an admin there with the right to invite.

use geobot_shared::ids::{ChatId, TelegramUserId};
use teloxide::payloads::{ApproveChatJoinRequest, DeclineChatJoinRequest, RevokeChatInviteLink};
use teloxide::types::{ChatId as Chat, UserId};

use super::api::Api;
use super::failure::SendFailure;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is answered now.
    Now,
    /// The person is in the chat already.
    IsMember,
    /// There is none: it was answered before, or withdrawn.
    NoRequest,
}

/// Lets a person in, or not. Repeating it is harmless.
///
/// # Errors
/// [`SendFailure`]; `Refused` when the right to invite is missing.
pub async fn answer(
    api: &Api,
    chat: ChatId,
    user: TelegramUserId,
    approved: bool,
) -> Result<Answered, SendFailure> {
    let (chat, user) = (Chat(chat.get()), UserId(user.get().cast_unsigned()));
    let told = match approved {
        true => api.call(&ApproveChatJoinRequest::new(chat, user)).await,
        false => api.call(&DeclineChatJoinRequest::new(chat, user)).await,
    };
    match told {
        Ok(_) => Ok(Answered::Now),
        Err(failure) => harmless(failure),
    }
}

/// Withdraws a link, used or not. Repeating it is harmless.
///
/// # Errors
/// [`SendFailure`]; `Refused` when there is no such link or the right to invite is missing. Telegram withdraws a bot's
/// links by itself when it is no admin there any more.
pub async fn withdraw(api: &Api, chat: ChatId, link: &str) -> Result<(), SendFailure> {
    let revoke = RevokeChatInviteLink::new(Chat(chat.get()), link);
    api.call(&revoke).await.map(|_| ())
}

/// Telegram's two ways to say that there is nothing to answer; teloxide has no variants for them.
fn harmless(failure: SendFailure) -> Result<Answered, SendFailure> {
    match failure {
        SendFailure::Refused(why) if why.contains("USER_ALREADY_PARTICIPANT") => {
            Ok(Answered::IsMember)
        }
        SendFailure::Refused(why) if why.contains("HIDE_REQUESTER_MISSING") => {
            Ok(Answered::NoRequest)
        }
        other => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_answered_before_is_no_failure() {
        let of = |words: &str| harmless(SendFailure::Refused(format!("Bad Request: {words}")));
        assert_eq!(of("USER_ALREADY_PARTICIPANT").unwrap(), Answered::IsMember);
        assert_eq!(of("HIDE_REQUESTER_MISSING").unwrap(), Answered::NoRequest);
        assert!(of("not enough rights to manage chat invite link").is_err());
        assert!(harmless(SendFailure::Down("HIDE_REQUESTER_MISSING".into())).is_err());
    }
}
