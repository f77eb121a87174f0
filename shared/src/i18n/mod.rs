//! What people read: Fluent texts in Russian and English. Each service brings its own files.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use serde::{Deserialize, Serialize};

use crate::money::Money;

/// A language that people can read us in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Russian, the default.
    #[default]
    Ru,
    /// English.
    En,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::Ru, Language::En];

    /// The two-letter code.
    pub fn code(self) -> &'static str {
        match self {
            Language::Ru => "ru",
            Language::En => "en",
        }
    }

    /// The best of ours for an IETF tag such as `en-US`; Russian for what we don't speak.
    pub fn from_tag(tag: &str) -> Language {
        match tag.split(['-', '_']).next() {
            Some(code) if code.eq_ignore_ascii_case("en") => Language::En,
            _ => Language::Ru,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The texts of one service.
pub struct Texts {
    ru: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
}

/// What a text is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Stands as it is.
    Text(String),
    /// Also chooses the plural form.
    Number(i64),
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Value {
        Value::Number(number.into())
    }
}

/// Why texts can't be used; found by each service's tests.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    /// A file is not Fluent, or names a text twice.
    #[error("the {0} texts are not valid Fluent: {1}")]
    Invalid(Language, String),
}

impl Texts {
    /// Reads both languages' files.
    ///
    /// # Errors
    /// [`TextsError`] names the language and the fault.
    pub fn new(ru: &str, en: &str) -> Result<Texts, TextsError> {
        Ok(Texts {
            ru: bundle(Language::Ru, ru)?,
            en: bundle(Language::En, en)?,
        })
    }

    fn bundle(&self, language: Language) -> &FluentBundle<FluentResource> {
        match language {
            Language::Ru => &self.ru,
            Language::En => &self.en,
        }
    }

    /// A text without parameters.
    pub fn get(&self, language: Language, key: &str) -> String {
        self.format(language, key, &[])
    }

    /// A text with parameters. A text that is missing is shown as its key, and logged.
    pub fn format(
        &self,
        language: Language,
        key: &str,
        parameters: &[(&'static str, Value)],
    ) -> String {
        let bundle = self.bundle(language);
        let Some(pattern) = bundle.get_message(key).and_then(|m| m.value()) else {
            tracing::error!(key, %language, "text_missing");
            return key.to_owned();
        };
        let mut args = FluentArgs::with_capacity(parameters.len());
        for (name, value) in parameters {
            match value {
                Value::Text(text) => args.set(*name, text.as_str()),
                Value::Number(number) => args.set(*name, *number),
            }
        }
        let mut errors = Vec::new();
        let text = bundle
            .format_pattern(pattern, Some(&args), &mut errors)
            .into_owned();
        if !errors.is_empty() {
            tracing::error!(key, %language, ?errors, "text_incomplete");
        }
        text
    }
}

fn bundle(language: Language, source: &str) -> Result<FluentBundle<FluentResource>, TextsError> {
    let invalid = |e: String| TextsError::Invalid(language, e);
    let id = FromStr::from_str(language.code()).map_err(|_| invalid("language".to_owned()))?;
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Isolation marks are invisible characters that break links and are copied along.
    bundle.set_use_isolating(false);
    let resource =
        FluentResource::try_new(source.to_owned()).map_err(|(_, e)| invalid(format!("{e:?}")))?;
    bundle
        .add_resource(resource)
        .map_err(|e| invalid(format!("{e:?}")))?;
    Ok(bundle)
}

/// The keys of a Fluent file, for tests that compare languages.
pub fn keys(source: &str) -> BTreeSet<String> {
    source
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()))
        .filter_map(|line| line.split_once('=').map(|(key, _)| key.trim().to_owned()))
        .collect()
}

/// An amount as people write it: `1 234,50 ₽` or `₽1,234.50`; whole rubles without kopecks.
pub fn rubles(language: Language, amount: Money) -> String {
    let kopecks = amount.kopecks();
    let sign = if kopecks < 0 { "−" } else { "" };
    let (whole, rest) = (kopecks.unsigned_abs() / 100, kopecks.unsigned_abs() % 100);
    let digits = whole.to_string();
    let (gap, point) = match language {
        Language::Ru => ('\u{a0}', ','),
        Language::En => (',', '.'),
    };
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(gap);
        }
        grouped.push(digit);
    }
    let cents = if rest == 0 {
        String::new()
    } else {
        format!("{point}{rest:02}")
    };
    match language {
        Language::Ru => format!("{sign}{grouped}{cents}\u{a0}₽"),
        Language::En => format!("{sign}₽{grouped}{cents}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_chosen_by_language_with_plurals() {
        let texts = Texts::new(
            "days = { $n ->\n    [one] { $n } день\n    [few] { $n } дня\n   *[many] { $n } дней\n}",
            "days = { $n ->\n    [one] { $n } day\n   *[other] { $n } days\n}",
        )
        .unwrap();
        assert_eq!(
            texts.format(Language::Ru, "days", &[("n", 3.into())]),
            "3 дня"
        );
        assert_eq!(
            texts.format(Language::Ru, "days", &[("n", 11.into())]),
            "11 дней"
        );
        assert_eq!(
            texts.format(Language::En, "days", &[("n", 1.into())]),
            "1 day"
        );
        assert_eq!(texts.get(Language::En, "missing"), "missing");
    }

    #[test]
    fn a_language_we_do_not_speak_is_russian() {
        assert_eq!(Language::from_tag("en-US"), Language::En);
        assert_eq!(Language::from_tag("EN"), Language::En);
        assert_eq!(Language::from_tag("de"), Language::Ru);
        assert_eq!(Language::from_tag(""), Language::Ru);
    }

    #[test]
    fn amounts_look_as_people_write_them() {
        assert_eq!(
            rubles(Language::Ru, Money::from_kopecks(123_450)),
            "1\u{a0}234,50\u{a0}₽"
        );
        assert_eq!(
            rubles(Language::Ru, Money::from_kopecks(29_900)),
            "299\u{a0}₽"
        );
        assert_eq!(
            rubles(Language::En, Money::from_kopecks(123_456_789)),
            "₽1,234,567.89"
        );
    }
}
