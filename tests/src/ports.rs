//! Free ports for the services.

use std::collections::BTreeSet;
use std::net::TcpListener;

use rand::Rng;

/// Below the ports that the kernel gives to outgoing connections: a service that is stopped for a moment must find
/// its port free again.
const RANGE: std::ops::Range<u16> = 24_000..32_000;

/// So many different ports on which nobody listens now.
///
/// # Panics
/// When there are not enough of them.
#[must_use]
pub fn free(count: usize) -> Vec<u16> {
    let mut found = BTreeSet::new();
    for _ in 0..10_000 {
        if found.len() == count {
            return found.into_iter().collect();
        }
        let port = rand::rng().random_range(RANGE);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            found.insert(port);
        }
    }
    panic!(
        "there are no {count} free ports between {} and {}",
        RANGE.start, RANGE.end
    )
}
