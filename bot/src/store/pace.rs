//! One person can't flood the bot: so many updates a minute, the rest is passed over.

use geobot_shared::ids::TelegramUserId;
use redis::Script;

use super::{Store, StoreError};

/// Updates of one person a minute that are answered.
pub const A_MINUTE: u32 = 40;

/// Counts and answers how many came within the minute.
const COUNT: &str = r"
local count = redis.call('INCR', KEYS[1])
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
    /// Counts an update of a person.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pace(&self, user: TelegramUserId) -> Result<Pace, StoreError> {
        let count: u32 = Script::new(COUNT)
            .key(format!("geobot:pace:{user}"))
            .invoke_async(&mut self.connection())
            .await?;
        Ok(match count {
            0..=A_MINUTE => Pace::Usual,
            count if count == A_MINUTE + 1 => Pace::JustTooFast,
            _ => Pace::TooFast,
        })
    }
}
