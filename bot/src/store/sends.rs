//! The state of each sending, so that a repeated record does not send a message twice.
//!
//! A sending is claimed with a lease before Telegram is called and marked with the message's number afterwards. A
//! lease that ran out means that a process died in between: the message may or may not have gone out (promise D4).

use std::time::Duration;

use redis::{AsyncCommands, Script};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{DAY, Store, StoreError};

/// Longer than any call to Telegram may take, an upload of the longest file included.
pub const LEASE: Duration = Duration::from_secs(360);

/// How long a sign of life counts.
const LIFE: Duration = Duration::from_secs(5);

/// What claiming a sending found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has tried yet: send.
    Fresh,
    /// Somebody tried and did not come back: the message may have gone out.
    Abandoned,
    /// This process has claimed it before; how far it came, only the process itself knows.
    Mine,
    /// Somebody else is at it now.
    Busy,
    /// It was sent under this number (0 where Telegram gives none).
    Sent(i32),
    /// It was given up: Telegram may or may not have taken it.
    Unknown,
}

/// KEYS: the sending. ARGV: now, lease, how long the key is kept, the claimer.
/// The value is `sending <until> <claimer>`, `sent <number>` or `unknown 0`; the key outlives the lease so that an
/// abandoned try is known. A claimer without a sign of life is dead: nobody waits for the end of its lease.
const CLAIM: &str = r"
local now = redis.call('GET', KEYS[1])
local mine = 'sending ' .. (tonumber(ARGV[1]) + tonumber(ARGV[2])) .. ' ' .. ARGV[4]
if not now then
  redis.call('SET', KEYS[1], mine, 'EX', ARGV[3])
  return {'fresh', '0'}
end
local word, number, claimer = string.match(now, '^(%a+) (%d+) ?(.*)$')
if word == 'sent' or word == 'unknown' then return {word, number} end
if word == 'sending' and claimer == ARGV[4] then
  redis.call('SET', KEYS[1], mine, 'EX', ARGV[3])
  return {'mine', '0'}
end
local alive = claimer and redis.call('EXISTS', 'geobot:alive:' .. claimer) == 1
if word == 'sending' and alive and tonumber(number) > tonumber(ARGV[1]) then return {'busy', '0'} end
redis.call('SET', KEYS[1], mine, 'EX', ARGV[3])
return {'abandoned', '0'}
";

impl Store {
    /// Claims a sending for [`LEASE`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_send(&self, request: &str, now_ms: i64) -> Result<Claim, StoreError> {
        let mut connection = self.connection();
        let (word, number): (String, String) = Script::new(CLAIM)
            .key(key(request))
            .arg(now_ms)
            .arg(LEASE.as_millis() as u64)
            .arg(7 * DAY)
            .arg(self.replica.to_string())
            .invoke_async(&mut connection)
            .await?;
        Ok(match word.as_str() {
            "fresh" => Claim::Fresh,
            "mine" => Claim::Mine,
            "busy" => Claim::Busy,
            "unknown" => Claim::Unknown,
            "sent" => Claim::Sent(number.parse().unwrap_or_default()),
            _ => Claim::Abandoned,
        })
    }

    /// Gives a sign of life, without which this process's claims count as abandoned.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn show_life(&self) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let _: () = redis::cmd("SET")
            .arg(format!("geobot:alive:{}", self.replica))
            .arg(1)
            .arg("PX")
            .arg(LIFE.as_millis() as u64)
            .query_async(&mut connection)
            .await?;
        Ok(())
    }

    /// Gives signs of life until `stop`.
    pub async fn live(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.show_life().await {
                warn!(%error, "sign_of_life_failed");
            }
            tokio::select! {
                () = tokio::time::sleep(LIFE / 5) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// How a sending ended, if it has: [`Claim::Sent`] or [`Claim::Unknown`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ended_send(&self, request: &str) -> Result<Option<Claim>, StoreError> {
        let state: Option<String> = self.connection().get(key(request)).await?;
        Ok(state.and_then(|state| match state.split_once(' ')? {
            ("sent", number) => Some(Claim::Sent(number.parse().unwrap_or_default())),
            ("unknown", _) => Some(Claim::Unknown),
            _ => None,
        }))
    }

    /// Whether it was sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_sent(&self, request: &str) -> Result<bool, StoreError> {
        let ended = self.ended_send(request).await?;
        Ok(matches!(ended, Some(Claim::Sent(_))))
    }

    /// Remembers that it was sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_sent(&self, request: &str, message_id: i32) -> Result<(), StoreError> {
        let _: () = self
            .connection()
            .set_ex(key(request), format!("sent {message_id}"), 7 * DAY)
            .await?;
        Ok(())
    }

    /// Gives a sending up: Telegram may or may not have taken it, and it is not worth a duplicate.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_unknown(&self, request: &str) -> Result<(), StoreError> {
        let _: () = self
            .connection()
            .set_ex(key(request), "unknown 0", 7 * DAY)
            .await?;
        Ok(())
    }

    /// Gives a claim back: Telegram did not take the message, or it is worth a duplicate.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_send(&self, request: &str) -> Result<(), StoreError> {
        let _: () = self.connection().del(key(request)).await?;
        Ok(())
    }
}

fn key(request: &str) -> String {
    format!("geobot:sent:{request}")
}
