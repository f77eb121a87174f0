//! Time as the stand-ins write it, and the first ids of a run.

use chrono::{SecondsFormat, Utc};

/// Unix time in seconds, the form of every `date` of the Bot API.
pub(crate) fn unix_now() -> i64 {
    Utc::now().timestamp()
}

/// Unix time in milliseconds.
pub(crate) fn unix_millis() -> i64 {
    Utc::now().timestamp_millis()
}

/// The moment now as text for the control API, for example `2026-11-23T10:00:00.123Z`.
pub(crate) fn stamp() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// 9 October 2025: ids count tenths of a second from here, so that they fit 31 bits for years.
const EPOCH: i64 = 1_760_000_000;

/// The first id of a run. Runs do not repeat one another's ids, even without a state file, as long as fewer than ten ids a
/// second are used on average. Clients keep message ids in 32 signed bits.
pub(crate) fn first_id(unix_seconds: i64) -> i64 {
    (unix_seconds - EPOCH).max(0) * 10 % 2_000_000_000 + 1
}

#[cfg(test)]
mod tests {
    use super::first_id;

    #[test]
    fn a_later_run_starts_above_an_earlier_one_and_fits_a_telegram_client() {
        assert!(first_id(1_795_000_060) > first_id(1_795_000_000) + 500);
        assert!(first_id(1_795_000_000) < i64::from(i32::MAX));
        assert!(first_id(4_000_000_000) <= i64::from(i32::MAX));
        assert!(first_id(0) > 0);
    }
}
