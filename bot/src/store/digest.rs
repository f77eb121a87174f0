//! Errors that staff has not heard of yet, one line a kind, until they go out in a digest.
//!
//! Alerts are collected in one hash. When a digest is due, the hash becomes the one that is being sent; it stays until
//! it was sent, so that neither a crash nor a Telegram that is down loses it.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::{DateTime, Utc};
use geobot_shared::topics::tg_notify::StaffAlert;
use redis::{AsyncCommands, Script};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Store, StoreError, read, write};

const COLLECTED: &str = "geobot:digest";
const SENDING: &str = "geobot:digest:sending";
const LAST: &str = "geobot:digest:last";
const LEASE_KEY: &str = "geobot:digest:lease";

/// Kinds of error that are told apart; what comes beyond them is counted together.
pub const MOST_KINDS: u64 = 200;
/// Longer than a digest needs to go out.
const LEASE: Duration = Duration::from_secs(120);
/// How long an alert's mark is kept, in seconds: longer than Kafka takes to repeat a record.
const MARK: u64 = 60 * 60;
/// The field of the hash that names the digest.
const NAME: &str = "#name";
/// The field for what comes beyond [`MOST_KINDS`].
const BEYOND: &str = "#beyond";

/// Errors of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which service speaks.
    pub service: String,
    /// The event's name.
    pub action: String,
    /// The line for people, of the first of them.
    pub message: String,
    /// How many there were.
    pub count: u64,
    /// When the last of them was, in Unix milliseconds: Redis's JSON keeps 14 digits of a number.
    pub last: i64,
}

impl Line {
    /// When the last of them was.
    pub fn last_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.last).unwrap_or_default()
    }
}

/// Errors that go out together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Names the sending.
    pub name: String,
    /// The most frequent first.
    pub lines: Vec<Line>,
    /// How many errors came beyond the kinds that are told apart.
    pub beyond: u64,
}

/// KEYS: the alert's mark, the hash. ARGV: how long a mark is kept, the kind, the line, its count, its last time, the
/// most kinds, the field for what comes beyond.
const COLLECT: &str = r"
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then return 0 end
local now = redis.call('HGET', KEYS[2], ARGV[2])
if now then
  local line = cjson.decode(now)
  line.count = line.count + tonumber(ARGV[4])
  line.last = math.max(line.last, tonumber(ARGV[5]))
  redis.call('HSET', KEYS[2], ARGV[2], cjson.encode(line))
elseif redis.call('HLEN', KEYS[2]) < tonumber(ARGV[6]) then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
else
  redis.call('HINCRBY', KEYS[2], ARGV[7], ARGV[4])
end
return 1
";

/// KEYS: the collecting hash, the one being sent, when one was sent last, the lease. ARGV: now, the period, the new
/// digest's name, its field, the holder, the lease's length. Answers the hash that is to be sent now, or nothing.
const BEGIN: &str = r"
local last = tonumber(redis.call('GET', KEYS[3]) or '0')
if last + tonumber(ARGV[2]) > tonumber(ARGV[1]) then return {} end
if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[1]) == 0 then return {} end
if not redis.call('SET', KEYS[4], ARGV[5], 'NX', 'PX', ARGV[6]) then return {} end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[2], ARGV[4], ARGV[3])
end
return redis.call('HGETALL', KEYS[2])
";

/// KEYS: the hash being sent, when one was sent last, the lease. ARGV: now, whether it was sent, the holder.
const END: &str = r"
if redis.call('GET', KEYS[3]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
if ARGV[2] == '1' then redis.call('DEL', KEYS[1]) end
redis.call('DEL', KEYS[3])
return 1
";

impl Store {
    /// Collects an alert; false when this record of it was collected before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn collect_alert(
        &self,
        message_id: &str,
        alert: &StaffAlert,
    ) -> Result<bool, StoreError> {
        let kind = format!("{}\n{}", alert.service, alert.action);
        let line = Line {
            service: alert.service.clone(),
            action: alert.action.clone(),
            message: alert.message.clone(),
            count: alert.count,
            last: alert.last_at.timestamp_millis(),
        };
        Ok(Script::new(COLLECT)
            .key(format!("geobot:alert:{message_id}"))
            .key(COLLECTED)
            .arg(MARK)
            .arg(kind)
            .arg(write(COLLECTED, &line)?)
            .arg(line.count)
            .arg(line.last)
            .arg(MOST_KINDS)
            .arg(BEYOND)
            .invoke_async(&mut self.connection())
            .await?)
    }

    /// Takes the digest that is due, for this replica alone: the one that could not be sent before, or what was
    /// collected since. Nothing while the last one is younger than `period`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_digest(
        &self,
        now: DateTime<Utc>,
        period: Duration,
    ) -> Result<Option<Digest>, StoreError> {
        let fields: Vec<(String, String)> = Script::new(BEGIN)
            .key(COLLECTED)
            .key(SENDING)
            .key(LAST)
            .key(LEASE_KEY)
            .arg(now.timestamp_millis())
            .arg(period.as_millis() as u64)
            .arg(Uuid::now_v7().to_string())
            .arg(NAME)
            .arg(self.replica.to_string())
            .arg(LEASE.as_millis() as u64)
            .invoke_async(&mut self.connection())
            .await?;
        if fields.is_empty() {
            return Ok(None);
        }
        let mut digest = Digest {
            name: String::new(),
            lines: Vec::new(),
            beyond: 0,
        };
        for (field, value) in fields {
            match field.as_str() {
                NAME => digest.name = value,
                BEYOND => digest.beyond = value.parse().unwrap_or_default(),
                _ => digest.lines.extend(read::<Line>(SENDING, Some(value))?),
            }
        }
        digest
            .lines
            .sort_by_key(|line| Reverse((line.count, line.last)));
        Ok(Some(digest))
    }

    /// The digest is done with; one that was not sent is taken again after the period.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_digest(&self, now: DateTime<Utc>, sent: bool) -> Result<(), StoreError> {
        let _: bool = Script::new(END)
            .key(SENDING)
            .key(LAST)
            .key(LEASE_KEY)
            .arg(now.timestamp_millis())
            .arg(u8::from(sent))
            .arg(self.replica.to_string())
            .invoke_async(&mut self.connection())
            .await?;
        Ok(())
    }

    /// Whether errors wait for their digest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_alerts(&self) -> Result<bool, StoreError> {
        let mut connection = self.connection();
        let waiting: u64 = connection.exists(&[COLLECTED, SENDING]).await?;
        Ok(waiting > 0)
    }
}
