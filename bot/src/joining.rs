//! Requests to join a chat: LK knows who has bought access, the bot asks it and answers the person.

use geobot_shared::bus::{Cause, Handled};
use geobot_shared::ids::{ChatId, TelegramUserId};
use geobot_shared::topics::LkSyncTg;
use geobot_shared::topics::lk_sync_tg::JoinRequested;
use geobot_shared::topics::tg_notify::JoinAnswered;
use geobot_shared::topics::tg_send::Priority;
use teloxide::types::ChatJoinRequest;
use tracing::info;

use crate::app::App;
use crate::dialog::keyboard::{self, Click};
use crate::store::pace::Pace;
use crate::telegram::alert;
use crate::telegram::failure::SendFailure;
use crate::telegram::joining::{self, Answered};
use crate::telegram::sender::{Content, unless_unreachable};

/// A person asks to be let in.
///
/// # Errors
/// What the bus is to do with the update.
pub async fn ask(app: &App, request: &ChatJoinRequest, cause: &Cause) -> Handled {
    let user = TelegramUserId(request.from.id.0.cast_signed());
    if app.store.pace(user, &cause.message_id).await? != Pace::Usual {
        // The request stays open; an admin can answer it, or the person asks again.
        return Ok(());
    }
    let spoken = request.from.language_code.as_deref().unwrap_or_default();
    let language = geobot_shared::i18n::Language::from_tag(spoken);
    app.store.meet(user, language).await?;
    let asked = JoinRequested {
        user_id: user,
        chat_id: ChatId(request.chat.id.0),
    };
    app.producer
        .publish_caused::<LkSyncTg>(asked, cause, 0)
        .await?;
    Ok(())
}

/// LK has decided.
///
/// # Errors
/// What the bus is to do with the record.
pub async fn answer(app: &App, decided: &JoinAnswered, cause: &Cause) -> Handled {
    let JoinAnswered {
        user_id,
        chat_id,
        approved,
    } = *decided;
    // Bot API: who never wrote to the bot can be written to until the request is answered, and not longer.
    if !approved {
        tell(app, decided, "join-declined", cause).await?;
    }
    match joining::answer(app.sender.api(), chat_id, user_id, approved).await {
        Ok(answered) => {
            info!(%user_id, %chat_id, approved, ?answered, "join_answered");
            match approved && answered != Answered::NoRequest {
                true => tell(app, decided, "join-approved", cause).await,
                false => Ok(()),
            }
        }
        Err(SendFailure::Refused(why) | SendFailure::Unreachable(why)) => {
            alert::join_not_answered(&app.producer, decided, &why, cause).await?;
            Ok(())
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Whoever can't be written to is let in, or not, all the same.
async fn tell(app: &App, decided: &JoinAnswered, key: &str, cause: &Cause) -> Handled {
    let language = app.language_of(decided.user_id).await?;
    let mut content = Content::html(app.texts.get(language, key));
    if !decided.approved {
        let buy = keyboard::button(&app.texts, language, "button-buy", &Click::Products);
        content = content.with_buttons(vec![vec![buy]]);
    }
    let user = decided.user_id.get();
    let sent = app
        .sender
        .send(&cause.message_id, user, &content, Priority::Interactive)
        .await;
    Ok(unless_unreachable(sent)?)
}
