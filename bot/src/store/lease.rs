//! One of several replicas polls Telegram: a lease in Redis says which.

use std::time::Duration;

use redis::Script;

use super::{Store, StoreError};

/// Who polls.
const POLLER: &str = "geobot:poller";
/// How long a lease holds; a killed holder is replaced after it.
pub const LEASE: Duration = Duration::from_secs(3);
/// How often its holder renews it.
pub const RENEW: Duration = Duration::from_secs(1);

/// Takes the lease if it is free or ours.
const TAKE: &str = r"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
";

/// Gives the lease back if it is ours.
const GIVE_BACK: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
";

impl Store {
    /// Takes or renews the lease for this replica; false while another holds it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_poll_lease(&self) -> Result<bool, StoreError> {
        Ok(Script::new(TAKE)
            .key(POLLER)
            .arg(self.replica.to_string())
            .arg(LEASE.as_millis() as u64)
            .invoke_async(&mut self.connection())
            .await?)
    }

    /// Gives the lease back, so that another replica need not wait for its end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_poll_lease_back(&self) -> Result<(), StoreError> {
        let _: bool = Script::new(GIVE_BACK)
            .key(POLLER)
            .arg(self.replica.to_string())
            .invoke_async(&mut self.connection())
            .await?;
        Ok(())
    }
}
