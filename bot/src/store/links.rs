//! The links into a chat that a person was given, so that they can be withdrawn with the right to be there.

use geobot_shared::ids::{ChatId, TelegramUserId};
use redis::AsyncCommands;

use super::{LONG, Store, StoreError};

impl Store {
    /// Remembers a link before the person gets it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_link(
        &self,
        user: TelegramUserId,
        chat: ChatId,
        link: &str,
    ) -> Result<(), StoreError> {
        let key = key(user, chat);
        let _: () = redis::pipe()
            .atomic()
            .sadd(&key, link)
            .expire(&key, LONG.cast_signed())
            .query_async(&mut self.connection())
            .await?;
        Ok(())
    }

    /// The links that a person was given into a chat and that were not withdrawn.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn links(
        &self,
        user: TelegramUserId,
        chat: ChatId,
    ) -> Result<Vec<String>, StoreError> {
        Ok(self.connection().smembers(key(user, chat)).await?)
    }

    /// The links of a person into a chat are withdrawn.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_links(&self, user: TelegramUserId, chat: ChatId) -> Result<(), StoreError> {
        let _: () = self.connection().del(key(user, chat)).await?;
        Ok(())
    }
}

fn key(user: TelegramUserId, chat: ChatId) -> String {
    format!("geobot:links:{user}:{chat}")
}
