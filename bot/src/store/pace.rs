//! One person can't flood the bot: so many updates a minute, the rest is passed over.

use geobot_shared::ids::TelegramUserId;
use redis::Script;

use super::{Store, StoreError};

/// Updates of one person a minute that are answered.
pub const A_MINUTE: u32 = 40;

/// Counts an update once, however often its record is handled, and answers which one of the minute it is. What is too
/// much is not remembered.
const COUNT: &str = r"
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then return tonumber(known) end
local count = redis.call('HLEN', KEYS[1]) + 1
if count > tonumber(ARGV[2]) then return count end
redis.call('HSET', KEYS[1], ARGV[1], count)
if count == 1 then redis.call('EXPIRE', KEYS[1], 60) end
return count
";

/// How somebody's pace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As people are.
    Usual,
    /// This update is one too many: say so, once.
    JustTooFast,
    /// Still too fast.
    TooFast,
}

impl Store {
    /// Counts an update of a person, named by its record's message-id: one that waits for Telegram or Redis and is
    /// handled again is no flood.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pace(&self, user: TelegramUserId, update: &str) -> Result<Pace, StoreError> {
        let count: u32 = Script::new(COUNT)
            .key(format!("geobot:flood:{user}"))
            .arg(update)
            .arg(A_MINUTE + 1)
            .invoke_async(&mut self.connection())
            .await?;
        Ok(match count {
            0..=A_MINUTE => Pace::Usual,
            count if count == A_MINUTE + 1 => Pace::JustTooFast,
            _ => Pace::TooFast,
        })
    }
}
