//! Who can't be written to, and where groups have moved: what Telegram said once need not be asked again.
//!
//! Both are only shortcuts. Lost, or in doubt, the message is sent, and Telegram's answer says it anew.

use chrono::{DateTime, Utc};
use geobot_shared::ids::TelegramUserId;
use redis::{AsyncCommands, Script};

use super::{LONG, Store, StoreError};

/// How long after a sign of life a refusal does not count, in seconds: it may answer a call made before. Longer than a
/// call to Telegram takes.
const FRESH: u64 = 60;

/// KEYS: the mark, the sign of life. ARGV: why, how long the mark is kept. A refusal that was on its way when the person
/// came back must not stand.
const MARK_REFUSED: &str = r"
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
";

/// KEYS: the mark, the sign of life. ARGV: why, how long the mark is kept, when the person left, in Unix seconds.
/// Telegram may tell of leaving and coming back in the wrong order.
const MARK_LEFT: &str = r"
if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
";

/// KEYS: the mark, the sign of life. ARGV: when it was given, in Unix seconds, how long it counts.
const SEEN: &str = r"
local last = tonumber(redis.call('GET', KEYS[2]) or 0)
redis.call('SET', KEYS[2], math.max(last, tonumber(ARGV[1])), 'EX', ARGV[2])
return redis.call('DEL', KEYS[1])
";

impl Store {
    /// Why a person can't be written to, if that is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unreachable(&self, user: TelegramUserId) -> Result<Option<String>, StoreError> {
        Ok(self.connection().get(mark(user)).await?)
    }

    /// Telegram refuses messages to a person. False: a sign of life came meanwhile, and the refusal does not count.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_unreachable(
        &self,
        user: TelegramUserId,
        why: &str,
    ) -> Result<bool, StoreError> {
        Ok(Script::new(MARK_REFUSED)
            .key(mark(user))
            .key(sign_of_life(user))
            .arg(why)
            .arg(LONG)
            .invoke_async(&mut self.connection())
            .await?)
    }

    /// A person blocked the bot at this time. False: they came back since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_left(
        &self,
        user: TelegramUserId,
        why: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(Script::new(MARK_LEFT)
            .key(mark(user))
            .key(sign_of_life(user))
            .arg(why)
            .arg(LONG)
            .arg(at.timestamp())
            .invoke_async(&mut self.connection())
            .await?)
    }

    /// A person wrote, pressed a button or let the bot in again at this time: they can be written to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn seen(&self, user: TelegramUserId, at: DateTime<Utc>) -> Result<(), StoreError> {
        let _: u8 = Script::new(SEEN)
            .key(mark(user))
            .key(sign_of_life(user))
            .arg(at.timestamp())
            .arg(FRESH)
            .invoke_async(&mut self.connection())
            .await?;
        Ok(())
    }

    /// A message reached a person after all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reached(&self, user: TelegramUserId) -> Result<(), StoreError> {
        let _: () = self.connection().del(mark(user)).await?;
        Ok(())
    }

    /// The number a chat has now. Bot API: a group that becomes a supergroup gets another one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_now(&self, chat: i64) -> Result<i64, StoreError> {
        // Nobody else moves.
        if chat >= 0 {
            return Ok(chat);
        }
        let moved: Option<i64> = self.connection().get(moved(chat)).await?;
        Ok(moved.unwrap_or(chat))
    }

    /// Remembers that a group has another number now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_moved(&self, chat: i64, to: i64) -> Result<(), StoreError> {
        let _: () = self.connection().set_ex(moved(chat), to, LONG).await?;
        Ok(())
    }
}

fn mark(user: TelegramUserId) -> String {
    format!("geobot:unreachable:{user}")
}

fn sign_of_life(user: TelegramUserId) -> String {
    format!("geobot:seen:{user}")
}

fn moved(chat: i64) -> String {
    format!("geobot:moved:{chat}")
}
