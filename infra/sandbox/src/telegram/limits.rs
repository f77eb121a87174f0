//! Telegram's send limits: about one message a second in a private chat with short bursts, 20 a minute in a group, 30 a second
//! over all chats. They are soft and unpublished there; here they are exact and settable.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::settings::Settings;

const GROUP_WINDOW: Duration = Duration::from_secs(60);
/// Above this many remembered chats those that are at rest are forgotten.
const REMEMBERED: usize = 10_000;

/// The limits in force; also the form of `POST /control/limits`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rates {
    pub(crate) enabled: bool,
    pub(crate) private_per_second: f64,
    pub(crate) private_burst: u32,
    pub(crate) group_per_minute: u32,
    pub(crate) all_per_second: f64,
    /// Over all chats for messages sent with `allow_paid_broadcast`.
    pub(crate) paid_per_second: f64,
}

/// What `POST /control/limits` may change; the rest stays.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateChange {
    enabled: Option<bool>,
    private_per_second: Option<f64>,
    private_burst: Option<u32>,
    group_per_minute: Option<u32>,
    all_per_second: Option<f64>,
    paid_per_second: Option<f64>,
}

impl Rates {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            enabled: settings.limits,
            private_per_second: settings.limit_private_per_second,
            private_burst: settings.limit_private_burst,
            group_per_minute: settings.limit_group_per_minute,
            all_per_second: settings.limit_all_per_second,
            paid_per_second: 1_000.0,
        }
    }

    /// The changed limits, or why they make no sense.
    pub(crate) fn changed(&self, change: RateChange) -> Result<Self, &'static str> {
        let rates = Self {
            enabled: change.enabled.unwrap_or(self.enabled),
            private_per_second: change.private_per_second.unwrap_or(self.private_per_second),
            private_burst: change.private_burst.unwrap_or(self.private_burst),
            group_per_minute: change.group_per_minute.unwrap_or(self.group_per_minute),
            all_per_second: change.all_per_second.unwrap_or(self.all_per_second),
            paid_per_second: change.paid_per_second.unwrap_or(self.paid_per_second),
        };
        let positive = [
            rates.private_per_second,
            rates.all_per_second,
            rates.paid_per_second,
        ]
        .iter()
        .all(|rate| rate.is_finite() && *rate > 0.0);
        match positive && rates.private_burst > 0 && rates.group_per_minute > 0 {
            true => Ok(rates),
            false => Err("every limit must be greater than zero"),
        }
    }
}

/// How much of the limits is used up.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) rates: Rates,
    private: HashMap<i64, Instant>,
    groups: HashMap<i64, VecDeque<Instant>>,
    all: Option<Instant>,
    paid: Option<Instant>,
}

impl Limits {
    pub(crate) fn new(rates: Rates) -> Self {
        Self {
            rates,
            private: HashMap::new(),
            groups: HashMap::new(),
            all: None,
            paid: None,
        }
    }

    /// Takes one message to `chat_id` (negative: group or channel), or says how many seconds to wait.
    pub(crate) fn spend(&mut self, chat_id: i64, paid: bool, now: Instant) -> Result<(), u64> {
        if !self.rates.enabled {
            return Ok(());
        }
        let all_rate = if paid {
            self.rates.paid_per_second
        } else {
            self.rates.all_per_second
        };
        let all_free_at = if paid { self.paid } else { self.all };
        let all_next = step(all_free_at, all_rate, all_rate.ceil().max(1.0), now)?;

        if chat_id >= 0 {
            let (rate, burst) = (
                self.rates.private_per_second,
                f64::from(self.rates.private_burst),
            );
            let next = step(self.private.get(&chat_id).copied(), rate, burst, now)?;
            if self.private.len() >= REMEMBERED {
                self.private.retain(|_, free_at| *free_at > now);
            }
            self.private.insert(chat_id, next);
        } else {
            let sent = self.groups.entry(chat_id).or_default();
            while sent
                .front()
                .is_some_and(|at| now.duration_since(*at) >= GROUP_WINDOW)
            {
                sent.pop_front();
            }
            if sent.len() >= self.rates.group_per_minute as usize
                && let Some(first) = sent.front()
            {
                return Err(seconds(
                    GROUP_WINDOW.saturating_sub(now.duration_since(*first)),
                ));
            }
            sent.push_back(now);
        }
        *(if paid { &mut self.paid } else { &mut self.all }) = Some(all_next);
        Ok(())
    }
}

/// One step of a leaky bucket: `free_at` is when everything taken so far would have flowed off at `rate` a second.
fn step(free_at: Option<Instant>, rate: f64, burst: f64, now: Instant) -> Result<Instant, u64> {
    let interval = Duration::from_secs_f64(1.0 / rate);
    let tolerance = Duration::from_secs_f64((burst - 1.0).max(0.0) / rate);
    let free_at = free_at.map_or(now, |at| at.max(now));
    let ahead = free_at.duration_since(now);
    match ahead > tolerance {
        true => Err(seconds(ahead - tolerance)),
        false => Ok(free_at + interval),
    }
}

/// Telegram: `retry_after` is in whole seconds, at least one.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(Rates {
            enabled: true,
            private_per_second: 1.0,
            private_burst: 3,
            group_per_minute: 20,
            all_per_second: 30.0,
            paid_per_second: 1_000.0,
        })
    }

    #[test]
    fn a_private_chat_takes_a_short_burst_then_one_a_second() {
        let (mut limits, now) = (limits(), Instant::now());
        assert_eq!(
            (0..3)
                .map(|_| limits.spend(5, false, now))
                .collect::<Vec<_>>(),
            vec![Ok(()); 3]
        );
        assert_eq!(limits.spend(5, false, now), Err(1));
        assert_eq!(limits.spend(6, false, now), Ok(()));
        assert_eq!(limits.spend(5, false, now + Duration::from_secs(1)), Ok(()));
        assert_eq!(limits.spend(5, false, now + Duration::from_secs(1)), Err(1));
    }

    #[test]
    fn a_group_takes_twenty_a_minute() {
        let (mut limits, now) = (limits(), Instant::now());
        for sent in 0..20 {
            assert_eq!(
                limits.spend(-100, false, now + Duration::from_secs(sent)),
                Ok(())
            );
        }
        assert_eq!(
            limits.spend(-100, false, now + Duration::from_secs(20)),
            Err(40)
        );
        assert_eq!(
            limits.spend(-100, false, now + Duration::from_secs(60)),
            Ok(())
        );
    }

    #[test]
    fn all_chats_together_take_thirty_a_second() {
        let (mut limits, now) = (limits(), Instant::now());
        for chat in 0..30 {
            assert_eq!(limits.spend(chat, false, now), Ok(()));
        }
        assert_eq!(limits.spend(99, false, now), Err(1));
        assert_eq!(limits.spend(99, true, now), Ok(()));
        for chat in 100..130 {
            assert_eq!(
                limits.spend(chat, false, now + Duration::from_secs(1)),
                Ok(()),
                "{chat}"
            );
        }
    }

    #[test]
    fn a_refused_message_uses_nothing_up() {
        let (mut limits, now) = (limits(), Instant::now());
        for _ in 0..100 {
            let _ = limits.spend(5, false, now);
        }
        assert_eq!(
            limits.spend(5, false, now + Duration::from_millis(1_001)),
            Ok(())
        );
    }

    #[test]
    fn limits_can_be_switched_off_and_must_make_sense() {
        let mut limits = limits();
        limits.rates = limits
            .rates
            .changed(RateChange {
                enabled: Some(false),
                ..RateChange::default()
            })
            .unwrap();
        let now = Instant::now();
        assert!((0..1_000).all(|_| limits.spend(5, false, now).is_ok()));
        assert!(
            limits
                .rates
                .changed(RateChange {
                    all_per_second: Some(0.0),
                    ..RateChange::default()
                })
                .is_err()
        );
    }
}
