//! Which updates were handled: Telegram and Kafka may both repeat one.

use redis::AsyncCommands;

use super::{DAY, Store, StoreError};

impl Store {
    /// Whether an update was handled to its end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_handled(&self, update_id: i64) -> Result<bool, StoreError> {
        Ok(self.connection().exists(key(update_id)).await?)
    }

    /// Remembers for 24 h, as long as Telegram keeps updates, that an update was handled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_handled(&self, update_id: i64) -> Result<(), StoreError> {
        let _: () = self.connection().set_ex(key(update_id), 1, DAY).await?;
        Ok(())
    }
}

fn key(update_id: i64) -> String {
    format!("geobot:update:{update_id}")
}
