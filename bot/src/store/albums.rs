//! Files that people send: an album is acknowledged once, and nobody fills the disk.

use geobot_shared::ids::TelegramUserId;
use redis::{AsyncCommands, Script};

use super::{DAY, Store, StoreError};

/// How many bytes of files one person may send within a day.
pub const FILES_A_DAY: u64 = 200 * 1024 * 1024;

/// How long an album is known, in seconds. Its messages come within one.
const ALBUM: u64 = 60 * 60;

/// Answers who was first; the first one again at a repeat.
const FIRST: &str = r"
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])
return redis.call('GET', KEYS[1])
";

/// Counts what came within a day from the first on.
const COUNT: &str = r"
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if sum == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return sum
";

impl Store {
    /// Whether a message is the one of its album that is acknowledged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn first_of_album(
        &self,
        user: TelegramUserId,
        album: &str,
        message_id: i32,
    ) -> Result<bool, StoreError> {
        let first: i32 = Script::new(FIRST)
            .key(format!("geobot:album:{user}:{album}"))
            .arg(message_id)
            .arg(ALBUM)
            .invoke_async(&mut self.connection())
            .await?;
        Ok(first == message_id)
    }

    /// Whether a person may send a file of so many bytes now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn may_send_file(
        &self,
        user: TelegramUserId,
        bytes: u64,
    ) -> Result<bool, StoreError> {
        let sum: Option<u64> = self.connection().get(sent_key(user)).await?;
        Ok(sum.unwrap_or_default() + bytes <= FILES_A_DAY)
    }

    /// Counts a file that a person has sent. Only one that is kept: a Telegram that is down must use nothing up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_file(&self, user: TelegramUserId, bytes: u64) -> Result<(), StoreError> {
        let _: u64 = Script::new(COUNT)
            .key(sent_key(user))
            .arg(bytes)
            .arg(DAY)
            .invoke_async(&mut self.connection())
            .await?;
        Ok(())
    }
}

fn sent_key(user: TelegramUserId) -> String {
    format!("geobot:sent-files:{user}")
}
