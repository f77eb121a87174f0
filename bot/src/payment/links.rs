//! Links into chats: made for a payment, withdrawn with the right to be there.

use chrono::{TimeDelta, Utc};
use geobot_shared::bus::Handled;
use geobot_shared::ids::{ChatId, TelegramUserId};
use geobot_shared::route_token::RouteToken;
use tracing::{info, warn};

use super::deliver::Gift;
use crate::app::App;
use crate::telegram::failure::SendFailure;
use crate::telegram::joining;
use crate::telegram::sender::SendError;

/// A link into a chat for one person. It does not outlive the right, and is remembered so that it can be withdrawn
/// with it: unused, or used by somebody who was taken out since, it would lead in for nothing.
pub(super) async fn invite(
    app: &App,
    token: RouteToken,
    chat: ChatId,
    days: Option<u32>,
) -> Result<String, Gift> {
    let name = format!("invoice {}", token.invoice);
    let until = days.and_then(|days| Utc::now().checked_add_signed(TimeDelta::days(days.into())));
    let made = app.sender.invite_link(chat.get(), &name, until).await;
    let link = made.map_err(|failure| match failure {
        // The chat is out of reach, and not the person, who is to hear of it.
        SendFailure::Unreachable(why) => {
            Gift::Undeliverable(format!("the chat can't be reached: {why}"))
        }
        other => SendError::Telegram(other).into(),
    })?;
    let kept = app.store.keep_link(token.user, chat, &link).await;
    kept.map_err(SendError::Store)?;
    Ok(link)
}

/// Withdraws the links that a person was given into a chat. One that Telegram does not know any more leads nowhere.
///
/// # Errors
/// What the bus is to do with the record.
pub async fn withdraw(app: &App, user: TelegramUserId, chat: ChatId) -> Handled {
    let links = app.store.links(user, chat).await?;
    if links.is_empty() {
        return Ok(());
    }
    for link in &links {
        match joining::withdraw(app.sender.api(), chat, link).await {
            Ok(()) => info!(chat_id = %chat, user_id = %user, "link_withdrawn"),
            Err(SendFailure::Refused(why) | SendFailure::Unreachable(why)) => {
                warn!(chat_id = %chat, user_id = %user, why, "link_not_withdrawn");
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    app.store.forget_links(user, chat).await?;
    Ok(())
}
