//! What the bot keeps in Redis. Keys are `geobot:<kind>:<id>`; all of them are listed here:
//!
//! | key | value | kept for |
//! |---|---|---|
//! | `geobot:route:<user>` | the person's route, JSON with a revision ([`route`]) | 400 days |
//! | `geobot:person:<user>` | language, block, wishes, JSON with LK's version ([`people`]) | for ever |
//! | `geobot:filled` | that LK has sent all people ([`filling`]) | for ever |
//! | `geobot:filling` | which request for all people is under way ([`filling`]) | until it is answered |
//! | `geobot:flood:<user>` | hash: the updates of a person within a minute, numbered ([`pace`]) | 1 minute |
//! | `geobot:catalog` | hash: product id → product, JSON with ARM's version ([`catalog`]) | for ever |
//! | `geobot:maintenance` | JSON with a version ([`catalog`]) | for ever |
//! | `geobot:invoice:<invoice>` | the message with its pay button ([`payments`]) | 90 days |
//! | `geobot:links:<user>:<chat>` | set: links into a chat that the person was given ([`links`]) | 400 days |
//! | `geobot:routed:<invoice>` | when the payment was routed ([`payments`]) | 400 days |
//! | `geobot:update:<update_id>` | that the update was handled ([`updates`]) | 24 hours |
//! | `geobot:sent:<request>` | state of one sending ([`sends`]) | 7 days |
//! | `geobot:broadcast:<broadcast>` | `paused` or `cancelled` ([`broadcasts`]) | 400 days |
//! | `geobot:unreachable:<user>` | why a person can't be written to ([`reach`]) | 400 days, or until they come back |
//! | `geobot:seen:<user>` | when a person did something last ([`reach`]) | 1 minute |
//! | `geobot:moved:<chat>` | the number a group has now ([`reach`]) | 400 days |
//! | `geobot:file:<bot>:<photo or document>:<sha256>` | Telegram's file_id of uploaded bytes ([`files`]) | 90 days after its last use |
//! | `geobot:album:<user>:<album>` | which message of an album is acknowledged ([`albums`]) | 1 hour |
//! | `geobot:sent-files:<user>` | bytes of files that a person has sent ([`albums`]) | 24 hours |
//! | `geobot:digest…` | errors that staff will hear of, and when it heard last ([`digest`]) | until they are sent |
//! | `geobot:alert:<message-id>` | that an error was collected ([`digest`]) | 1 hour |
//! | `geobot:alive:<replica>` | that a replica of the bot lives ([`sends`]) | 5 seconds |
//! | `geobot:probe` | that Redis takes writes | 1 minute |
//! | `geobot:poller` | which replica polls Telegram ([`lease`]) | 3 seconds |
//! | `geobot:limit:…` | Telegram's allowance and its pauses ([`crate::telegram::limiter`]) | seconds |
//!
//! Lost and empty, all of it is filled again or done without: payments carry what their routing needs. Two things must be
//! done again by people: a broadcast that was paused or cancelled goes on, so staff pause or cancel it once more.

pub mod albums;
pub mod broadcasts;
pub mod catalog;
pub mod dialogue;
pub mod digest;
pub mod files;
pub mod filling;
pub mod lease;
pub mod links;
pub mod pace;
pub mod payments;
pub mod people;
pub mod reach;
pub mod route;
pub mod sends;
pub mod updates;

use std::time::Duration;

use geobot_shared::bus::HandleError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Script};
use uuid::Uuid;

/// Redis as the bot uses it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    connection: ConnectionManager,
    /// This process among its like.
    replica: Uuid,
}

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis is down or refuses.
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    /// What is stored is not what this version writes.
    #[error("the value of {key} can't be read: {source}")]
    Unreadable {
        /// Which key.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl From<StoreError> for HandleError {
    fn from(error: StoreError) -> HandleError {
        match error {
            StoreError::Redis(error) => HandleError::unavailable("redis", error),
            StoreError::Unreadable { .. } => HandleError::transient(error),
        }
    }
}

const DAY: u64 = 24 * 60 * 60;
const LONG: u64 = 400 * DAY;

/// How long a value is kept after its last change.
#[derive(Clone, Copy)]
enum Kept {
    ForEver,
    Seconds(u64),
}

/// Sets the value only if it is still what was read.
const COMPARE_AND_SET: &str = r"
local now = redis.call('GET', KEYS[1])
if (now or '') ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 1
";

impl Store {
    /// Connects when first used and again whenever the connection is lost.
    ///
    /// # Errors
    /// When the address is not one of Redis.
    pub fn open(url: &str) -> Result<Store, StoreError> {
        let client = redis::Client::open(url)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(Duration::from_secs(2)))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500));
        Ok(Store {
            connection: ConnectionManager::new_lazy_with_config(client, config)?,
            replica: Uuid::now_v7(),
        })
    }

    pub(crate) fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// Changes a value until nobody else has changed it meanwhile, and returns what stands there now.
    async fn change<T: serde::de::DeserializeOwned + serde::Serialize + Default>(
        &self,
        key: &str,
        kept: Kept,
        change: impl Fn(T) -> T,
    ) -> Result<T, StoreError> {
        let script = Script::new(COMPARE_AND_SET);
        let seconds = match kept {
            Kept::ForEver => 0,
            Kept::Seconds(seconds) => seconds,
        };
        loop {
            let mut connection = self.connection();
            let before: Option<String> = connection.get(key).await?;
            let next = change(read::<T>(key, before.clone())?.unwrap_or_default());
            let set: bool = script
                .key(key)
                .arg(before.unwrap_or_default())
                .arg(write(key, &next)?)
                .arg(seconds)
                .invoke_async(&mut connection)
                .await?;
            if set {
                return Ok(next);
            }
        }
    }

    /// Whether Redis answers now and takes writes: one that is full, or became a replica, still answers.
    ///
    /// # Errors
    /// What it says.
    pub async fn probe(&self) -> Result<(), String> {
        let mut connection = self.connection();
        let set: Result<(), _> = connection.set_ex("geobot:probe", 1, 60).await;
        set.map_err(|e| e.to_string())
    }
}

fn read<T: serde::de::DeserializeOwned>(
    key: &str,
    text: Option<String>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|source| StoreError::Unreadable {
            key: key.to_owned(),
            source,
        })
}

fn write<T: serde::Serialize>(key: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Unreadable {
        key: key.to_owned(),
        source,
    })
}
