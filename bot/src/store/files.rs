//! Telegram's names for bytes that this bot has uploaded. A cache: what is lost is uploaded again.

use redis::{AsyncCommands, Expiry};

use super::{DAY, Store, StoreError};

/// How long a name is kept after its last use.
const KEPT_DAYS: u64 = 90;

impl Store {
    /// The file_id under this key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn file_id(&self, key: &str) -> Result<Option<String>, StoreError> {
        let expiry = Expiry::EX(KEPT_DAYS * DAY);
        Ok(self.connection().get_ex(key, expiry).await?)
    }

    /// Remembers a file_id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_file_id(&self, key: &str, file_id: &str) -> Result<(), StoreError> {
        let _: () = self
            .connection()
            .set_ex(key, file_id, KEPT_DAYS * DAY)
            .await?;
        Ok(())
    }

    /// Forgets a file_id that Telegram refuses.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_file_id(&self, key: &str) -> Result<(), StoreError> {
        let _: () = self.connection().del(key).await?;
        Ok(())
    }
}
