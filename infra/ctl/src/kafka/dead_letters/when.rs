//! A point in time on the command line.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use geobot_shared::envelope;

/// Reads `2026-11-23`, `2026-11-23T10:00:00` (UTC; a zone is honoured), or how long ago: `90s`, `15m`, `2h`, `7d`.
///
/// # Errors
/// In words, for anything else.
pub(super) fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    at(text, Utc::now())
}

fn at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let ago = |unit: char, length: fn(i64) -> Option<Duration>| {
        let number = text.strip_suffix(unit)?;
        let whole = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let length = whole
            .then(|| number.parse().ok())
            .flatten()
            .and_then(length)?;
        now.checked_sub_signed(length)
    };
    let found = ago('s', Duration::try_seconds)
        .or_else(|| ago('m', Duration::try_minutes))
        .or_else(|| ago('h', Duration::try_hours))
        .or_else(|| ago('d', Duration::try_days));
    if let Some(at) = found {
        return Ok(at);
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    envelope::parse_timestamp(text).map_err(|_| {
        "a time is 2026-11-23T10:00:00 (UTC), 2026-11-23, or how long ago: 15m, 2h, 7d".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_iso_8601_or_how_long_ago() {
        let now: DateTime<Utc> = "2026-11-23T10:00:00Z".parse().unwrap();
        for (text, wanted) in [
            ("90s", "2026-11-23T09:58:30Z"),
            ("15m", "2026-11-23T09:45:00Z"),
            ("2h", "2026-11-23T08:00:00Z"),
            ("7d", "2026-11-16T10:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T10:00:00", "2026-11-01T10:00:00Z"),
            ("2026-11-01T10:00:00+03:00", "2026-11-01T07:00:00Z"),
        ] {
            let wanted: DateTime<Utc> = wanted.parse().unwrap();
            assert_eq!(at(text, now), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "h",
            "-2h",
            "2w",
            "yesterday",
            "99999999999999999h",
            "2026-13-01",
        ] {
            assert!(at(text, now).is_err(), "{text}");
        }
    }
}
