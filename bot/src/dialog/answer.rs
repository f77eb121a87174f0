//! One answer to one update: who it goes to, in which language, and how its parts are named.

use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::i18n::Language;
use geobot_shared::i18n::Value;
use geobot_shared::ids::{ChatId, TelegramUserId};
use geobot_shared::topics::tg_send::{Button, Priority};
use geobot_shared::topics::{ArmSyncTg, LkSyncTg};
use teloxide::types::User;

use super::spoken;
use crate::app::App;
use crate::store::pace::Pace;
use crate::telegram::failure::SendFailure;
use crate::telegram::manner::Manner;
use crate::telegram::sender::{Content, SendError};

/// An answer in the making.
pub(super) struct Answer<'a> {
    pub(super) app: &'a App,
    pub(super) user: TelegramUserId,
    pub(super) chat: ChatId,
    pub(super) language: Language,
    pub(super) cause: &'a Cause,
    sent: u32,
}

impl<'a> Answer<'a> {
    /// Begins an answer. `None`: the person is blocked or the shop is closed, and has been told so.
    pub(super) async fn begin(
        app: &'a App,
        user: &User,
        chat: ChatId,
        cause: &'a Cause,
    ) -> Result<Option<Answer<'a>>, HandleError> {
        let id = TelegramUserId(user.id.0 as i64);
        let person = app.store.meet(id, spoken(user)).await?;
        let mut answer = Answer {
            app,
            user: id,
            chat,
            language: person.language,
            cause,
            sent: 0,
        };
        let pace = app.store.pace(id).await?;
        if pace == Pace::TooFast {
            return Ok(None);
        }
        let refusal = match person.blocked {
            true => Some("blocked"),
            false if pace == Pace::JustTooFast => Some("too-fast"),
            false if app.store.is_closed().await? => Some("maintenance"),
            false => None,
        };
        match refusal {
            Some(key) => {
                answer.say(key, &[]).await?;
                Ok(None)
            }
            None => Ok(Some(answer)),
        }
    }

    /// Sends one of our texts.
    pub(super) async fn say(&mut self, key: &str, parameters: &[(&'static str, Value)]) -> Handled {
        self.show(key, parameters, Vec::new()).await
    }

    /// Sends one of our texts with buttons.
    pub(super) async fn show(
        &mut self,
        key: &str,
        parameters: &[(&'static str, Value)],
        buttons: Vec<Vec<Button>>,
    ) -> Handled {
        let text = self.app.texts.format(self.language, key, parameters);
        self.send(Content::html(text).with_buttons(buttons)).await
    }

    /// Sends a message.
    pub(super) async fn send(&mut self, content: Content) -> Handled {
        self.send_in(content, Manner::default()).await
    }

    /// Sends a message in a manner of its own. A person who can't be reached is no fault of the update: it is done with that.
    pub(super) async fn send_in(&mut self, content: Content, manner: Manner<'_>) -> Handled {
        let request = format!("{}-answer-{}", self.cause.message_id, self.sent);
        self.sent += 1;
        match self
            .app
            .sender
            .send_in(
                &request,
                self.chat.get(),
                &content,
                Priority::Interactive,
                manner,
            )
            .await
        {
            Ok(_) | Err(SendError::Telegram(SendFailure::Unreachable(_))) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells LK.
    pub(super) async fn tell_lk(&self, event: impl Into<LkSyncTg>) -> Handled {
        Ok(self
            .app
            .producer
            .publish_caused(event, self.cause, 0)
            .await?)
    }

    /// Tells ARM.
    pub(super) async fn tell_arm(&self, event: impl Into<ArmSyncTg>) -> Handled {
        Ok(self
            .app
            .producer
            .publish_caused(event, self.cause, 0)
            .await?)
    }
}
