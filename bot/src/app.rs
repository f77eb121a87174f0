//! What every handler of the bot needs.

use chrono::FixedOffset;
use geobot_shared::bus::Producer;
use geobot_shared::i18n::{Language, Texts};
use geobot_shared::ids::TelegramUserId;
use geobot_shared::robokassa::ShopSecrets;
use geobot_shared::route_token::RouteKeys;

use crate::reports::Reports;
use crate::store::{Store, StoreError};
use crate::telegram::download::Downloads;
use crate::telegram::sender::Sender;

/// The bot's parts.
pub struct App {
    /// Redis.
    pub store: Store,
    /// Telegram, outwards.
    pub sender: Sender,
    /// Kafka, outwards.
    pub producer: Producer,
    /// Delivery reports for ARM.
    pub reports: Reports,
    /// Files that people send.
    pub downloads: Downloads,
    /// What the bot says.
    pub texts: Texts,
    /// Passwords that verify Robokassa's signatures.
    pub shop: ShopSecrets,
    /// Keys that verify route tokens and grants.
    pub keys: RouteKeys,
    /// Whether people may have their city found.
    pub location: bool,
    /// Hours ahead of UTC in which times are shown.
    pub offset: FixedOffset,
    /// Whether there is a chat in which staff hears of errors.
    pub staff_is_told: bool,
}

impl App {
    /// Whether a broadcast may go to a person: not blocked, and has not opted out.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn wants_news(&self, user: TelegramUserId) -> Result<bool, StoreError> {
        let person = self.store.person(user).await?.unwrap_or_default();
        Ok(person.settings.news && !person.blocked)
    }

    /// The language a person reads; Russian while nothing is known.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn language_of(&self, user: TelegramUserId) -> Result<Language, StoreError> {
        Ok(self.store.person(user).await?.unwrap_or_default().language)
    }
}
