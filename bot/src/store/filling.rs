//! Whether Redis knows all people. LK sends them page by page; when Redis is emptied between two pages, the last page
//! answers a request that nobody remembers, and does not count.

use redis::{AsyncCommands, Script};
use uuid::Uuid;

use super::{Store, StoreError};

const FILLED: &str = "geobot:filled";
const FILLING: &str = "geobot:filling";

/// The request under way; this one when there is none.
const BEGIN: &str = r"
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
";

/// Marks the end, if it is the end of the request under way.
const END: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], 1)
redis.call('DEL', KEYS[1])
return 1
";

impl Store {
    /// Whether all people are known here: LK has sent them since Redis was empty.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_filled(&self) -> Result<bool, StoreError> {
        Ok(self.connection().exists(FILLED).await?)
    }

    /// The request for all people that is under way; `new` when there was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_filling(&self, new: Uuid) -> Result<Uuid, StoreError> {
        let text: String = Script::new(BEGIN)
            .key(FILLING)
            .arg(new.to_string())
            .invoke_async(&mut self.connection())
            .await?;
        // What can't be read is nobody's request: it is overwritten by none and answered by none.
        Ok(text.parse().unwrap_or(new))
    }

    /// All people of a request are here. False: Redis was emptied since it was made, so some of them may be missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_filling(&self, request: Uuid) -> Result<bool, StoreError> {
        Ok(Script::new(END)
            .key(FILLING)
            .key(FILLED)
            .arg(request.to_string())
            .invoke_async(&mut self.connection())
            .await?)
    }
}
