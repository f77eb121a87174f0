//! What staff decided about a broadcast as a whole. The records that say so and the broadcast's messages come by
//! different partitions, in no order, so this state decides, and the limiter looks at it when it gives a turn.

use redis::{AsyncCommands, Script};

use super::{LONG, Store, StoreError};

/// How a broadcast stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its messages go out.
    Running,
    /// They wait.
    Paused,
    /// Those that have not gone out never will.
    Cancelled,
}

/// KEYS: the broadcast. ARGV: the new word (empty: running), how long it is kept. The end is final.
const CHANGE: &str = r"
if redis.call('GET', KEYS[1]) == 'cancelled' then return 0 end
if ARGV[1] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
return 1
";

impl Store {
    /// Changes how a broadcast stands. False: it is cancelled, and stays so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_standing(&self, broadcast: &str, to: Standing) -> Result<bool, StoreError> {
        let word = match to {
            Standing::Running => "",
            Standing::Paused => "paused",
            Standing::Cancelled => "cancelled",
        };
        Ok(Script::new(CHANGE)
            .key(broadcast_key(broadcast))
            .arg(word)
            // Longer than any of its messages can wait in Kafka (30 days).
            .arg(LONG)
            .invoke_async(&mut self.connection())
            .await?)
    }

    /// How a broadcast stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn standing(&self, broadcast: &str) -> Result<Standing, StoreError> {
        let word: Option<String> = self.connection().get(broadcast_key(broadcast)).await?;
        Ok(match word.as_deref() {
            Some("paused") => Standing::Paused,
            Some("cancelled") => Standing::Cancelled,
            _ => Standing::Running,
        })
    }
}

pub(crate) fn broadcast_key(broadcast: &str) -> String {
    format!("geobot:broadcast:{broadcast}")
}
