//! One answer to one update: who it goes to, in which language, and how its parts are named.

use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::i18n::Language;
use geobot_shared::i18n::Value;
use geobot_shared::ids::{ChatId, TelegramUserId};
use geobot_shared::topics::states::NotifySettings;
use geobot_shared::topics::tg_send::{Button, Markup, Priority};
use geobot_shared::topics::{ArmSyncTg, LkSyncTg};
use teloxide::types::User;
use tracing::info;

use super::{keyboard, spoken};
use crate::app::App;
use crate::store::pace::Pace;
use crate::store::route::{Route, Step};
use crate::telegram::failure::SendFailure;
use crate::telegram::manner::Manner;
use crate::telegram::sender::{Content, SendError, unless_unreachable};

/// An answer in the making.
pub(super) struct Answer<'a> {
    pub(super) app: &'a App,
    pub(super) user: TelegramUserId,
    pub(super) chat: ChatId,
    pub(super) language: Language,
    /// What the person wanted to be told when the answer began.
    pub(super) settings: NotifySettings,
    pub(super) cause: &'a Cause,
    sent: u32,
}

/// How an answer begins.
pub(super) enum Begun<'a> {
    /// The person is served.
    Served(Answer<'a>),
    /// The person is blocked or the shop is closed.
    TurnedAway(Answer<'a>),
    /// The person writes too fast.
    Flooding,
}

impl<'a> Answer<'a> {
    /// Begins an answer. Whoever is not served has been told so.
    pub(super) async fn begin(
        app: &'a App,
        user: &User,
        chat: ChatId,
        cause: &'a Cause,
    ) -> Result<Begun<'a>, HandleError> {
        let id = TelegramUserId(user.id.0 as i64);
        let person = app.store.meet(id, spoken(user)).await?;
        let mut answer = Answer {
            app,
            user: id,
            chat,
            language: person.language,
            settings: person.settings,
            cause,
            sent: 0,
        };
        let pace = app.store.pace(id, &cause.message_id).await?;
        if pace == Pace::TooFast {
            return Ok(Begun::Flooding);
        }
        let refusal = match person.blocked {
            true => Some("blocked"),
            false if pace == Pace::JustTooFast => Some("too-fast"),
            false if app.store.is_closed().await? => Some("maintenance"),
            false => None,
        };
        let Some(key) = refusal else {
            return Ok(Begun::Served(answer));
        };
        answer.say(key, &[]).await?;
        match pace {
            Pace::Usual => Ok(Begun::TurnedAway(answer)),
            Pace::JustTooFast | Pace::TooFast => Ok(Begun::Flooding),
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

    /// Sends one of our texts with the way back to the menu.
    pub(super) async fn say_with_menu(&mut self, key: &str) -> Handled {
        let back = keyboard::back(&self.app.texts, self.language);
        self.show(key, &[], vec![back]).await
    }

    /// Turns a message of ours into this one; where it can't be edited any more (Bot API: it was deleted or is too
    /// old), the person gets a new one.
    pub(super) async fn turn(
        &mut self,
        message_id: i32,
        key: &str,
        buttons: Vec<Vec<Button>>,
    ) -> Handled {
        let edit = Content::Edit {
            message_id,
            text: self.app.texts.get(self.language, key),
            markup: Some(Markup::Html),
            buttons: buttons.clone(),
        };
        match self.try_send(&edit, Manner::default()).await {
            Err(SendError::Telegram(SendFailure::Refused(why))) => {
                info!(user_id = %self.user, why, "old_message_not_edited");
                self.show(key, &[], buttons).await
            }
            other => Ok(other?),
        }
    }

    /// Whoever was asked for a promo code and wants something else is asked no longer: what they type next is for staff.
    pub(super) async fn leave_promo(&self) -> Handled {
        let store = &self.app.store;
        if matches!(store.route(self.user).await?, Route::EnteringPromo { .. }) {
            store.step(self.user, Step::Leave).await?;
        }
        Ok(())
    }

    /// Sends a message.
    pub(super) async fn send(&mut self, content: Content) -> Handled {
        self.send_in(content, Manner::default()).await
    }

    /// Sends a message in a manner of its own.
    pub(super) async fn send_in(&mut self, content: Content, manner: Manner<'_>) -> Handled {
        Ok(self.try_send(&content, manner).await?)
    }

    /// Sends a message. A person who can't be reached is no fault of the update: it is done with that.
    async fn try_send(&mut self, content: &Content, manner: Manner<'_>) -> Result<(), SendError> {
        let request = format!("{}-answer-{}", self.cause.message_id, self.sent);
        self.sent += 1;
        let (chat, priority) = (self.chat.get(), Priority::Interactive);
        let sender = &self.app.sender;
        let sent = sender.send_in(&request, chat, content, priority, manner);
        unless_unreachable(sent.await)
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
