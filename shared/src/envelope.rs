//! The form of every record's value (docs/architecture.md, "The wire").
//!
//! Written: `{"service", "action", "payload": {"message", "timestamp", "data"}}`. Read: the same, and the older form
//! in which `payload` is missing and `data`, `message` and `timestamp` stand beside `action`.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How much a record matters to whoever reads the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Only of interest while looking for a fault.
    Debug,
    /// The normal course of things.
    #[default]
    Info,
    /// Somebody should look when there is time.
    Warn,
    /// Somebody should look now.
    Error,
}

impl Level {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }

    /// Reads a level in any letter case, with the names that Python's logging uses. A name nobody knows is
    /// [`Level::Info`]: a level is never a reason to refuse a record.
    pub fn from_name(name: &str) -> Level {
        match name.to_ascii_lowercase().as_str() {
            "debug" | "trace" => Level::Debug,
            "warn" | "warning" => Level::Warn,
            "error" | "critical" | "fatal" => Level::Error,
            _ => Level::Info,
        }
    }
}

/// A record's value after reading. `data` is kept as text: the handler's type decides how it is read.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Who wrote it; any name is taken.
    pub service: String,
    /// What happened or is asked for.
    pub action: String,
    /// The line for people.
    pub message: String,
    /// When it happened; absent when the sender did not say.
    pub timestamp: Option<DateTime<Utc>>,
    /// How much it matters.
    pub level: Level,
    /// The action's own fields, as JSON text; `{}` when absent.
    pub data: Box<RawValue>,
}

/// Why a value is not a record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// The bytes are not UTF-8.
    #[error("the value is not UTF-8 text")]
    NotUtf8,
    /// The text is not JSON, or not an object of the agreed form.
    #[error("the value is not a record: {0}")]
    NotARecord(String),
    /// `action` is missing or empty.
    #[error("the record has no `action`")]
    NoAction,
    /// The time is not ISO 8601.
    #[error("the timestamp `{0}` is not ISO 8601")]
    BadTimestamp(String),
}

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow, default)]
    service: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payload: Option<IncomingPayload<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    level: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
struct IncomingPayload<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    level: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    service: &'a str,
    action: &'a str,
    payload: OutgoingPayload<'a>,
}

#[derive(Serialize)]
struct OutgoingPayload<'a> {
    message: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "is_info")]
    level: Level,
    data: &'a RawValue,
}

fn is_info(level: &Level) -> bool {
    *level == Level::Info
}

/// The `data` of a record that has none.
pub fn no_data() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_default()
}

impl Envelope {
    /// Reads a record's value, in the present or the older form. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`EnvelopeError`] says in words what is wrong; such a value can never be read, so it is not worth a second try.
    pub fn parse(value: &[u8]) -> Result<Envelope, EnvelopeError> {
        let text = std::str::from_utf8(value).map_err(|_| EnvelopeError::NotUtf8)?;
        let incoming: Incoming<'_> =
            serde_json::from_str(text).map_err(|e| EnvelopeError::NotARecord(e.to_string()))?;
        let payload = incoming.payload.unwrap_or_default();
        let action = incoming
            .action
            .filter(|a| !a.is_empty())
            .ok_or(EnvelopeError::NoAction)?;
        let timestamp = match payload.timestamp.or(incoming.timestamp) {
            Some(text) => Some(parse_timestamp(&text)?),
            None => None,
        };
        let data = match payload.data.or(incoming.data) {
            Some(data) if data.get() != "null" => data.to_owned(),
            _ => no_data(),
        };
        Ok(Envelope {
            service: incoming.service.map(Cow::into_owned).unwrap_or_default(),
            message: payload
                .message
                .or(incoming.message)
                .map(Cow::into_owned)
                .unwrap_or_default(),
            level: payload
                .level
                .or(incoming.level)
                .map_or(Level::Info, |l| Level::from_name(&l)),
            action: action.into_owned(),
            timestamp,
            data,
        })
    }
}

/// Writes a record's value in the agreed form.
///
/// # Errors
/// Only when `data` can't be written as JSON, which is a programming error of the caller.
pub fn write(
    service: &str,
    action: &str,
    message: &str,
    at: DateTime<Utc>,
    level: Level,
    data: &RawValue,
) -> Result<Vec<u8>, serde_json::Error> {
    let record = Outgoing {
        service,
        action,
        payload: OutgoingPayload {
            message,
            timestamp: format_timestamp(at),
            level,
            data,
        },
    };
    let rest = 160 + service.len() + action.len() + message.len();
    let mut value = Vec::with_capacity(data.get().len() + rest);
    serde_json::to_writer(&mut value, &record)?;
    Ok(value)
}

/// The wire's time: UTC with microseconds and without a zone.
pub fn format_timestamp(at: DateTime<Utc>) -> String {
    let at = at.naive_utc();
    let micros = at.nanosecond() / 1_000;
    let Some(year) = u32::try_from(at.year())
        .ok()
        .filter(|year| *year <= 9_999 && micros <= 999_999)
    else {
        return at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    };
    // Every record carries one, so it is not left to the general formatter, which is twenty times as slow.
    let mut text = String::with_capacity(26);
    let mut number = |mut rest: u32, mut unit: u32, end: &str| {
        while unit > 0 {
            text.push(char::from(b'0' + (rest / unit) as u8));
            rest %= unit;
            unit /= 10;
        }
        text.push_str(end);
    };
    number(year, 1_000, "-");
    number(at.month(), 10, "-");
    number(at.day(), 10, "T");
    number(at.hour(), 10, ":");
    number(at.minute(), 10, ":");
    number(at.second(), 10, ".");
    number(micros, 100_000, "");
    text
}

/// The form that [`format_timestamp`] writes, read as fast as it is written.
fn parse_own_form(text: &[u8]) -> Option<DateTime<Utc>> {
    let form: &[u8; 26] = text.try_into().ok()?;
    let number = |from: usize, to: usize| {
        form[from..to].iter().try_fold(0, |number: u32, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let marks = [4, 7, 10, 13, 16, 19].map(|at| form[at]);
    if marks != *b"--T::." {
        return None;
    }
    let day = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(5, 7)?, number(8, 10)?)?;
    let time = day.and_hms_micro_opt(
        number(11, 13)?,
        number(14, 16)?,
        number(17, 19)?,
        number(20, 26)?,
    )?;
    Some(time.and_utc())
}

/// Reads the wire's time. Without a zone it is UTC; a zone that comes in is honoured.
///
/// # Errors
/// [`EnvelopeError::BadTimestamp`] for anything that is not ISO 8601.
pub fn parse_timestamp(text: &str) -> Result<DateTime<Utc>, EnvelopeError> {
    if let Some(at) = parse_own_form(text.as_bytes()) {
        return Ok(at);
    }
    let text = text.trim();
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Ok(zoned.with_timezone(&Utc));
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(naive) = NaiveDateTime::parse_from_str(text, form) {
            return Ok(naive.and_utc());
        }
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"] {
        if let Ok(zoned) = DateTime::parse_from_str(text, form) {
            return Ok(zoned.with_timezone(&Utc));
        }
    }
    Err(EnvelopeError::BadTimestamp(text.chars().take(64).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agreed_form_is_read_and_written_byte_for_byte() {
        let text = r#"{"service":"LK","action":"update_user","payload":{"message":"It is update_user","timestamp":"2026-11-23T10:00:00.123456","data":{}}}"#;
        let read = Envelope::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (read.service.as_str(), read.action.as_str()),
            ("LK", "update_user")
        );
        let at = read.timestamp.unwrap();
        let written = write(
            &read.service,
            &read.action,
            &read.message,
            at,
            read.level,
            &read.data,
        )
        .unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), text);
    }

    #[test]
    fn the_older_form_without_payload_is_read() {
        let text = r#"{"action":"create_user","service":"LK","data":{"id":7},"timestamp":"2026-11-23 10:00:00"}"#;
        let read = Envelope::parse(text.as_bytes()).unwrap();
        assert_eq!(read.data.get(), r#"{"id":7}"#);
        assert_eq!(
            format_timestamp(read.timestamp.unwrap()),
            "2026-11-23T10:00:00.000000"
        );
    }

    #[test]
    fn a_zone_is_honoured_and_extremes_are_kept() {
        let msk = parse_timestamp("2026-11-23T13:00:00.5+03:00").unwrap();
        assert_eq!(format_timestamp(msk), "2026-11-23T10:00:00.500000");
        assert_eq!(
            parse_timestamp("2026-11-23T13:00:00+0300")
                .unwrap()
                .to_rfc3339(),
            "2026-11-23T10:00:00+00:00"
        );
        assert!(parse_timestamp("1970-01-01T00:00:00").is_ok());
        assert!(parse_timestamp("9999-12-31T23:59:59.999999Z").is_ok());
    }

    #[test]
    fn a_time_is_written_as_the_general_formatter_writes_it_and_read_back() {
        for micros in [
            0,
            1,
            -1,
            1_764_000_000_123_456,
            253_402_300_799_999_999,
            -62_167_219_200_000_000,
        ] {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            let text = format_timestamp(at);
            assert_eq!(text, at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string());
            assert_eq!(parse_timestamp(&text).unwrap(), at, "{text}");
        }
        for wrong in ["2026-02-30T10:00:00.000000", "2026-11-23T25:00:00.000000"] {
            assert!(parse_timestamp(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_a_record_is_named() {
        assert_eq!(
            Envelope::parse(&[0xff, 0xfe]).unwrap_err(),
            EnvelopeError::NotUtf8
        );
        assert!(matches!(
            Envelope::parse(b"junk").unwrap_err(),
            EnvelopeError::NotARecord(_)
        ));
        assert!(matches!(
            Envelope::parse(b"[1]").unwrap_err(),
            EnvelopeError::NotARecord(_)
        ));
        assert_eq!(
            Envelope::parse(b"{\"service\":\"LK\"}").unwrap_err(),
            EnvelopeError::NoAction
        );
        let bad_time = br#"{"service":"LK","action":"a","payload":{"timestamp":"yesterday"}}"#;
        assert_eq!(
            Envelope::parse(bad_time).unwrap_err(),
            EnvelopeError::BadTimestamp("yesterday".into())
        );
    }

    #[test]
    fn deep_nesting_is_not_a_crash() {
        let deep = format!(
            r#"{{"service":"X","action":"a","payload":{{"data":{}{}}}}}"#,
            "[".repeat(50_000),
            "]".repeat(50_000)
        );
        let _ = Envelope::parse(deep.as_bytes());
    }

    #[test]
    fn levels_of_other_languages_are_known() {
        assert_eq!(Level::from_name("WARNING"), Level::Warn);
        assert_eq!(Level::from_name("critical"), Level::Error);
        assert_eq!(Level::from_name("loud"), Level::Info);
    }
}
