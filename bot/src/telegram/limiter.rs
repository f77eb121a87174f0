//! Telegram's allowance, shared by all replicas through Redis.
//!
//! Each limit is a theoretical arrival time (GCRA): a message may go when that time is not further ahead of now than
//! the limit's burst. One Lua script looks at the chat's limit, the limit of all chats and the pauses that Telegram has
//! asked for, and takes the turn in all of them or in none. Redis's clock counts, so replicas need not agree on time.
//!
//! Priorities share one allowance: bulk goes only while nobody is ahead of the pace, so an answer finds room at once;
//! a trickle of bulk goes on even when answers alone would use everything.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use geobot_shared::topics::tg_send::Priority;
use redis::Script;
use tokio::sync::{Mutex, MutexGuard};

use crate::store::broadcasts::{Standing, broadcast_key};
use crate::store::{Store, StoreError};

/// The allowance. Telegram publishes no numbers; these are the usual ones, and a 429 overrides them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Messages a second to all chats together.
    pub all_per_second: f64,
    /// Messages a second to one private chat.
    pub private_per_second: f64,
    /// Messages that may go to one private chat at once.
    pub private_burst: u32,
    /// Messages a minute to one group.
    pub group_per_minute: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            all_per_second: 30.0,
            private_per_second: 1.0,
            private_burst: 5,
            group_per_minute: 20.0,
        }
    }
}

/// How far ahead of the pace of all chats each priority may go, in messages: room that bulk leaves for answers.
const AHEAD_INTERACTIVE: f64 = 8.0;
const AHEAD_NOTIFY: f64 = 5.0;
/// Some slack, so that a turn that is taken late (Redis writes each to the disk first) is no allowance lost.
const AHEAD_BULK: f64 = 3.0;
/// Bulk that has not moved for this long goes before everybody, once: nobody starves.
const BULK_STARVES_AFTER: Duration = Duration::from_secs(1);
/// Whoever must pause longer is told so and asks again then: its place is needed by others meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// So many chats refused within [`STORM_WINDOW`] are a storm: then all chats pause.
const STORM_CHATS: u32 = 3;
const STORM_WINDOW: Duration = Duration::from_secs(10);

/// KEYS: all, chat, pause of all, pause of chat, last bulk, and the broadcast, if it belongs to one.
/// ARGV: step of all, tolerance of all, step of chat, tolerance of chat (all in microseconds), is bulk (0 or 1),
/// starving after, tolerance while starving.
/// Answers {0, 0} for a turn taken, {1, µs} to wait for the chat, {2, µs} to wait for all, {3, 0} when the broadcast is
/// paused, {4, 0} when it is cancelled, {5, µs} when Telegram wants a pause.
/// A time that is further ahead than turns can have put it is no time: a clock was set back, and must not stop everything.
const TAKE_TURN: &str = r"
if KEYS[6] then
  local standing = redis.call('GET', KEYS[6])
  if standing == 'paused' then return {3, 0} end
  if standing == 'cancelled' then return {4, 0} end
end
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local pause = math.max(redis.call('PTTL', KEYS[4]), redis.call('PTTL', KEYS[3]))
if pause > 0 then return {5, pause * 1000} end
local chat = tonumber(redis.call('GET', KEYS[2]) or 0)
if chat - now > tonumber(ARGV[4]) + tonumber(ARGV[3]) + 1000000 then chat = 0 end
local chat_wait = chat - tonumber(ARGV[4]) - now
if chat_wait > 0 then return {1, math.ceil(chat_wait)} end
local tolerance = tonumber(ARGV[2])
if ARGV[5] == '1' then
  local last = tonumber(redis.call('GET', KEYS[5]) or now)
  if now - last > tonumber(ARGV[6]) then tolerance = tonumber(ARGV[7]) end
  redis.call('SET', KEYS[5], last, 'NX', 'PX', 60000)
end
local all = tonumber(redis.call('GET', KEYS[1]) or 0)
if all - now > tonumber(ARGV[7]) + tonumber(ARGV[1]) + 1000000 then all = 0 end
local all_wait = all - tolerance - now
if all_wait > 0 then return {2, math.ceil(all_wait)} end
all = math.max(all, now) + tonumber(ARGV[1])
chat = math.max(chat, now) + tonumber(ARGV[3])
redis.call('SET', KEYS[1], string.format('%.0f', all), 'PX', math.ceil((all - now) / 1000) + 1000)
redis.call('SET', KEYS[2], string.format('%.0f', chat), 'PX', math.ceil((chat - now) / 1000) + 1000)
if ARGV[5] == '1' then redis.call('SET', KEYS[5], string.format('%.0f', now), 'PX', 60000) end
return {0, 0}
";

/// KEYS: pause of the chat, refused chats, pause of all. ARGV: chat, pause in ms, window in ms, chats of a storm.
/// Answers 1 when it has become a storm.
const REMEMBER_REFUSAL: &str = r"
redis.call('SET', KEYS[1], 1, 'PX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[1])
if redis.call('PTTL', KEYS[2]) < 0 then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
if redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[4]) then
  redis.call('SET', KEYS[3], 1, 'PX', ARGV[2])
  return 1
end
return 0
";

const ALL: &str = "geobot:limit:all";
const PAUSE_ALL: &str = "geobot:limit:pause";
const REFUSED: &str = "geobot:limit:refused";
const LAST_BULK: &str = "geobot:limit:bulk";

/// What stands in the way of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Answer(Turn),
    ChatBusy(Duration),
    AllBusy(Duration),
    Pause(Duration),
}

/// What came of waiting for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The message may go.
    Taken,
    /// Its broadcast is paused; no turn is used up.
    Paused,
    /// Its broadcast is cancelled; no turn is used up.
    Cancelled,
    /// Telegram wants a pause of this length; no turn is used up.
    Later(Duration),
}

impl From<Standing> for Turn {
    fn from(standing: Standing) -> Turn {
        match standing {
            Standing::Running => Turn::Taken,
            Standing::Paused => Turn::Paused,
            Standing::Cancelled => Turn::Cancelled,
        }
    }
}

/// A line of waiters; the lock is fair.
#[derive(Default)]
struct Line {
    waiters: AtomicUsize,
    first: Mutex<()>,
}

/// A place in a line; leaving it lets the next one ask.
struct Place<'a> {
    line: &'a Line,
    _first: MutexGuard<'a, ()>,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.waiters.load(Ordering::Acquire) == 0
    }

    async fn stand(&self) -> Place<'_> {
        self.waiters.fetch_add(1, Ordering::AcqRel);
        let waiter = Waiter(&self.waiters);
        let first = self.first.lock().await;
        std::mem::forget(waiter);
        Place {
            line: self,
            _first: first,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.line.waiters.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts a waiter out again that gives up before its turn.
struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Hands out turns.
pub struct Limiter {
    store: Store,
    limits: Option<Limits>,
    take: Script,
    refuse: Script,
    /// Waiters of one priority ask one after the other: the first in line asks Redis, the others wait here.
    lines: [Line; 3],
}

impl Limiter {
    /// A limiter over this allowance; none at all for `None`, which is for measurements.
    pub fn new(store: Store, limits: Option<Limits>) -> Limiter {
        Limiter {
            store,
            limits,
            take: Script::new(TAKE_TURN),
            refuse: Script::new(REMEMBER_REFUSAL),
            lines: Default::default(),
        }
    }

    /// Waits until a message of this priority, of this broadcast if of any, may go to this chat. The turn is taken then.
    /// A long pause that Telegram asked for is not waited for.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn turn(
        &self,
        chat: i64,
        priority: Priority,
        broadcast: Option<&str>,
    ) -> Result<Turn, StoreError> {
        let Some(limits) = self.limits else {
            return match broadcast {
                Some(broadcast) => Ok(self.store.standing(broadcast).await?.into()),
                None => Ok(Turn::Taken),
            };
        };
        let line = match priority {
            Priority::Interactive => &self.lines[0],
            Priority::Notify => &self.lines[1],
            Priority::Bulk => &self.lines[2],
        };
        loop {
            // With nobody in line there is no need to stand in one: many chats ask Redis at once then.
            let mut place = None;
            if !line.is_empty() {
                place = Some(line.stand().await);
            }
            let chat_pause = loop {
                match self.ask(&limits, chat, priority, broadcast).await? {
                    Asked::Answer(turn) => return Ok(turn),
                    Asked::ChatBusy(pause) => break pause,
                    Asked::Pause(pause) if pause > LONGEST_WAIT => return Ok(Turn::Later(pause)),
                    Asked::Pause(pause) => break pause,
                    Asked::AllBusy(pause) if place.is_some() => tokio::time::sleep(pause).await,
                    Asked::AllBusy(_) => place = Some(line.stand().await),
                }
            };
            // This chat must wait; the next in line need not.
            drop(place);
            tokio::time::sleep(chat_pause).await;
        }
    }

    async fn ask(
        &self,
        limits: &Limits,
        chat: i64,
        priority: Priority,
        broadcast: Option<&str>,
    ) -> Result<Asked, StoreError> {
        let all_step = 1e6 / limits.all_per_second;
        // Bot API: groups and channels have negative ids.
        let (chat_step, chat_burst) = if chat < 0 {
            (60e6 / limits.group_per_minute, 1)
        } else {
            (1e6 / limits.private_per_second, limits.private_burst)
        };
        let ahead = match priority {
            Priority::Interactive => AHEAD_INTERACTIVE,
            Priority::Notify => AHEAD_NOTIFY,
            Priority::Bulk => AHEAD_BULK,
        };
        let mut script = self.take.key(ALL);
        script
            .key(format!("geobot:limit:chat:{chat}"))
            .key(PAUSE_ALL)
            .key(format!("geobot:limit:pause:{chat}"))
            .key(LAST_BULK);
        if let Some(broadcast) = broadcast {
            script.key(broadcast_key(broadcast));
        }
        let (kind, wait): (u8, u64) = script
            .arg(all_step)
            .arg(all_step * ahead)
            .arg(chat_step)
            .arg(chat_step * f64::from(chat_burst.saturating_sub(1)))
            .arg(u8::from(priority == Priority::Bulk))
            .arg(BULK_STARVES_AFTER.as_micros() as u64)
            .arg(all_step * (AHEAD_INTERACTIVE + 1.0))
            .invoke_async(&mut self.store.connection())
            .await?;
        let wait = Duration::from_micros(wait);
        Ok(match kind {
            0 => Asked::Answer(Turn::Taken),
            1 => Asked::ChatBusy(wait),
            3 => Asked::Answer(Turn::Paused),
            4 => Asked::Answer(Turn::Cancelled),
            5 => Asked::Pause(wait),
            _ => Asked::AllBusy(wait),
        })
    }

    /// Remembers that Telegram wants a pause for this chat (429). When many chats are refused, all of them pause.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn refused(&self, chat: i64, pause: Duration) -> Result<bool, StoreError> {
        let storm: bool = self
            .refuse
            .key(format!("geobot:limit:pause:{chat}"))
            .key(REFUSED)
            .key(PAUSE_ALL)
            .arg(chat)
            .arg((pause.as_millis() as u64).max(1))
            .arg(STORM_WINDOW.as_millis() as u64)
            .arg(STORM_CHATS)
            .invoke_async(&mut self.store.connection())
            .await?;
        Ok(storm)
    }
}
