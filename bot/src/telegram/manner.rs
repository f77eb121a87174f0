//! How a message is sent, besides what it says: with or without a sound, with a keyboard in place of the person's own.

use chrono::{DateTime, FixedOffset, NaiveTime, Utc};
use teloxide::types::{ButtonRequest, KeyboardButton, KeyboardMarkup, KeyboardRemove, ReplyMarkup};

/// How one message is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner<'a> {
    /// It can wait: in the quiet hours it makes no sound. It is sent at once all the same.
    pub can_wait: bool,
    /// Bot API: it can't be forwarded or saved.
    pub protected: bool,
    /// The keyboard in place of the person's own; only for texts without buttons.
    pub keyboard: Option<Keyboard<'a>>,
}

/// A keyboard in place of the person's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyboard<'a> {
    /// One button with this text, which sends the person's place.
    AskPlace(&'a str),
    /// The person's own again.
    Own,
}

impl Keyboard<'_> {
    /// As Telegram takes it.
    pub fn markup(self) -> ReplyMarkup {
        match self {
            Keyboard::AskPlace(text) => {
                let button = KeyboardButton::new(text).request(ButtonRequest::Location);
                let keyboard = KeyboardMarkup::new([[button]]);
                ReplyMarkup::Keyboard(keyboard.resize_keyboard().one_time_keyboard())
            }
            Keyboard::Own => ReplyMarkup::KeyboardRemove(KeyboardRemove::new()),
        }
    }
}

/// When messages that can wait make no sound. By default never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuietHours(Option<Span>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: NaiveTime,
    until: NaiveTime,
    offset: FixedOffset,
}

/// Why a setting is not a time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTime {
    /// Not two different times of a day.
    #[error("{0:?} must look like 22:00-09:00")]
    Hours(String),
    /// Not hours and minutes ahead of UTC.
    #[error("{0:?} must look like +03:00")]
    Offset(String),
}

impl QuietHours {
    /// From a setting such as `22:00-09:00`, in local time this far ahead of UTC. Empty: none.
    ///
    /// # Errors
    /// [`NoTime::Hours`].
    pub fn parse(text: &str, offset: FixedOffset) -> Result<QuietHours, NoTime> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(QuietHours(None));
        }
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
        let times = text.split_once('-').map(|(a, b)| (time(a), time(b)));
        match times {
            Some((Some(from), Some(until))) if from != until => Ok(QuietHours(Some(Span {
                from,
                until,
                offset,
            }))),
            _ => Err(NoTime::Hours(text.to_owned())),
        }
    }

    /// Whether this moment is one of them. The first minute is, the last is not.
    pub fn hold(&self, at: DateTime<Utc>) -> bool {
        self.0.is_some_and(|span| {
            let time = at.with_timezone(&span.offset).time();
            match span.from < span.until {
                true => span.from <= time && time < span.until,
                false => span.from <= time || time < span.until,
            }
        })
    }
}

/// Reads hours and minutes ahead of UTC: `+03:00`.
///
/// # Errors
/// [`NoTime::Offset`].
pub fn offset(text: &str) -> Result<FixedOffset, NoTime> {
    text.trim()
        .parse()
        .map_err(|_| NoTime::Offset(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(hours: &str, ahead: &str, at: &str) -> bool {
        let hours = QuietHours::parse(hours, offset(ahead).unwrap()).unwrap();
        hours.hold(format!("2026-11-25T{at}:00Z").parse().unwrap())
    }

    #[test]
    fn quiet_hours_reach_over_midnight_in_the_shops_own_time() {
        assert!(quiet("22:00-09:00", "+03:00", "19:00"));
        assert!(quiet("22:00-09:00", "+03:00", "23:30"));
        assert!(quiet("22:00-09:00", "+03:00", "05:59"));
        assert!(!quiet("22:00-09:00", "+03:00", "06:00"));
        assert!(!quiet("22:00-09:00", "+03:00", "18:59"));
        assert!(quiet("01:00-06:00", "-05:00", "06:30"));
        assert!(!quiet("01:00-06:00", "-05:00", "02:30"));
        assert!(!quiet("", "+03:00", "23:30"));
        assert!(!QuietHours::default().hold(Utc::now()));
    }

    #[test]
    fn what_is_no_time_is_named() {
        let zero = offset("+00:00").unwrap();
        for text in ["22-9", "22:00", "22:00-22:00", "25:00-09:00", "-", "a-b"] {
            let refused = QuietHours::parse(text, zero);
            assert_eq!(refused, Err(NoTime::Hours(text.to_owned())));
        }
        for text in ["", "3", "Moscow", "+25:00"] {
            assert_eq!(offset(text), Err(NoTime::Offset(text.to_owned())));
        }
    }

    #[test]
    fn a_keyboard_asks_for_the_place_and_goes_again() {
        let asked = serde_json::to_value(Keyboard::AskPlace("Here").markup()).unwrap();
        assert_eq!(asked["keyboard"][0][0]["request_location"], true);
        assert_eq!(asked["keyboard"][0][0]["text"], "Here");
        let removed = serde_json::to_value(Keyboard::Own.markup()).unwrap();
        assert_eq!(removed["remove_keyboard"], true);
    }
}
