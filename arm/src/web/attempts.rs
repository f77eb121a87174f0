//! Slows down whoever guesses passwords: after a few failures of one address or one login, the next attempt has to
//! wait, twice as long each time.
//!
//! An attempt counts as failed when it begins, so that many at once don't slip through together. Kept in memory: a
//! restart forgets, which costs an attacker more than it gives.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rule: how many failures are free, and how long the wait may grow.
#[derive(Clone, Copy, Debug)]
struct Rule {
    free: u32,
    longest: Duration,
}

/// Many people may sit behind one address, so it gets more tries, and then waits longer.
const ADDRESS: Rule = Rule {
    free: 10,
    longest: Duration::from_secs(15 * 60),
};
/// Anybody can name a login, so its wait stays short enough for the owner to get in.
const LOGIN: Rule = Rule {
    free: 5,
    longest: Duration::from_secs(5 * 60),
};
/// Failures are forgotten after this long without a new one.
const FORGET: Duration = Duration::from_secs(60 * 60);
/// So many addresses or logins are remembered, at most.
const MOST_KEYS: usize = 10_000;

/// The attempts of late.
#[derive(Default)]
pub struct Attempts {
    addresses: Mutex<Failures<IpAddr>>,
    logins: Mutex<Failures<String>>,
}

impl Attempts {
    /// Begins an attempt.
    ///
    /// # Errors
    /// How long the next attempt has to wait; this one must not be made.
    pub fn begin(&self, address: IpAddr, login: &str, now: Instant) -> Result<(), Duration> {
        let address = network(address);
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = addresses.wait(&address, now).max(logins.wait(login, now));
        if !wait.is_zero() {
            return Err(wait);
        }
        addresses.count(address, ADDRESS, now);
        logins.count(login.chars().take(64).collect(), LOGIN, now);
        Ok(())
    }

    /// The attempt that began succeeded after all. The address keeps its other failures: an account of one's own is
    /// no way to guess another's.
    pub fn succeeded(&self, address: IpAddr, login: &str) {
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        addresses.take_one_back(&network(address));
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.0.remove(login);
    }
}

/// Whoever has one IPv6 address has its whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

struct Failed {
    times: u32,
    last: Instant,
    blocked_until: Instant,
}

struct Failures<K>(HashMap<K, Failed>);

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Failures(HashMap::new())
    }
}

impl<K: Eq + Hash + Clone> Failures<K> {
    fn wait<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Instant) -> Duration
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.get(key).map_or(Duration::ZERO, |failed| {
            failed.blocked_until.saturating_duration_since(now)
        })
    }

    fn count(&mut self, key: K, rule: Rule, now: Instant) {
        if self.0.len() >= MOST_KEYS && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        let failed = self.0.entry(key).or_insert(Failed {
            times: 0,
            last: now,
            blocked_until: now,
        });
        if now.saturating_duration_since(failed.last) > FORGET {
            failed.times = 0;
        }
        failed.times += 1;
        failed.last = now;
        if failed.times >= rule.free {
            let doublings = (failed.times - rule.free).min(16);
            let wait = Duration::from_secs(1 << doublings).min(rule.longest);
            failed.blocked_until = now + wait;
        }
    }

    fn take_one_back(&mut self, key: &K) {
        if let Some(failed) = self.0.get_mut(key) {
            failed.times = failed.times.saturating_sub(1);
            failed.blocked_until = failed.last;
        }
    }

    fn make_room(&mut self, now: Instant) {
        self.0
            .retain(|_, failed| now.saturating_duration_since(failed.last) <= FORGET);
        if self.0.len() >= MOST_KEYS {
            let quietest = self
                .0
                .iter()
                .min_by_key(|(_, failed)| failed.blocked_until.max(failed.last));
            if let Some(key) = quietest.map(|(key, _)| key.clone()) {
                self.0.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_login_waits_twice_as_long_after_each_failure() {
        let attempts = Attempts::default();
        let mut now = Instant::now();
        for n in 0..5 {
            assert_eq!(attempts.begin(ip(n), "owner", now), Ok(()), "{n}");
        }
        for seconds in [1, 2, 4, 8] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(attempts.begin(ip(9), "owner", now), Err(wait));
            assert_eq!(
                attempts.begin(ip(8), "other", now),
                Ok(()),
                "others don't wait"
            );
            attempts.succeeded(ip(8), "other");
            now += wait;
            assert_eq!(attempts.begin(ip(9), "owner", now), Ok(()));
        }
    }

    #[test]
    fn the_wait_does_not_grow_for_ever() {
        let attempts = Attempts::default();
        let mut now = Instant::now();
        for n in 0..40 {
            if let Err(wait) = attempts.begin(ip(n), "owner", now) {
                assert!(wait <= LOGIN.longest);
                now += wait;
            }
        }
    }

    #[test]
    fn an_address_waits_whatever_logins_it_tries() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for n in 0..10 {
            assert_eq!(attempts.begin(ip(1), &format!("login{n}"), now), Ok(()));
        }
        assert!(attempts.begin(ip(1), "fresh", now).is_err());
        assert!(attempts.begin(ip(2), "fresh", now).is_ok());
    }

    #[test]
    fn success_frees_the_login_but_not_the_addresss_other_failures() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for n in 0..9 {
            attempts.begin(ip(1), &format!("guess{n}"), now).unwrap();
        }
        attempts.begin(ip(1), "mine", now).unwrap();
        attempts.succeeded(ip(1), "mine");
        attempts.begin(ip(1), "guess", now).unwrap();
        assert!(attempts.begin(ip(1), "mine", now).is_err());
    }

    #[test]
    fn an_hour_of_quiet_forgets() {
        let attempts = Attempts::default();
        let mut now = Instant::now();
        for _ in 0..5 {
            attempts.begin(ip(1), "owner", now).unwrap();
        }
        now += FORGET + Duration::from_secs(1);
        for _ in 0..4 {
            assert_eq!(attempts.begin(ip(1), "owner", now), Ok(()));
        }
    }

    #[test]
    fn one_v6_network_is_one_address() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for n in 0..10_u16 {
            let address = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
            attempts.begin(address, &format!("l{n}"), now).unwrap();
        }
        let next = IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]);
        assert!(attempts.begin(next, "x", now).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for n in 0..MOST_KEYS as u32 + 50 {
            let address = IpAddr::from(n.to_be_bytes());
            attempts.begin(address, &format!("l{n}"), now).unwrap();
        }
        assert!(attempts.addresses.lock().unwrap().0.len() <= MOST_KEYS);
        assert!(attempts.logins.lock().unwrap().0.len() <= MOST_KEYS);
    }
}
