//! Money as whole kopecks. No floating point anywhere.

use serde::{Deserialize, Serialize};

/// The longest whole part, in digits, that [`Money::parse_rubles`] reads.
const MAX_RUBLE_DIGITS: usize = 12;
/// The most decimals that are read. Robokassa: live callbacks carry six (`100.000000`).
const MAX_DECIMALS: usize = 6;

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Something other than `digits` or `digits.digits`: a sign, a space, a comma, an exponent, nothing.
    #[error("the amount is not a plain decimal like 123.45")]
    NotADecimal,
    /// More than six digits after the dot.
    #[error("the amount has more than six decimals")]
    TooManyDecimals,
    /// A digit other than 0 below the kopeck.
    #[error("the amount has a fraction of a kopeck")]
    FractionOfKopeck,
    /// More than 999,999,999,999.99 rubles.
    #[error("the amount is too large")]
    TooLarge,
}

/// An amount or a change of a balance in kopecks; negative for what is taken away. In JSON: a whole number of kopecks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From whole kopecks.
    #[must_use]
    pub const fn from_kopecks(kopecks: i64) -> Self {
        Self(kopecks)
    }

    /// Whole kopecks.
    #[must_use]
    pub const fn kopecks(self) -> i64 {
        self.0
    }

    /// Above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Reads rubles, strictly: 1 to 12 digits, then optionally a dot and 1 to 6 digits, of which those
    /// below the kopeck must be 0. Never negative.
    ///
    /// # Errors
    /// A [`MoneyError`] that says what is wrong.
    pub fn parse_rubles(text: &str) -> Result<Self, MoneyError> {
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (text, None),
        };
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !decimals.is_none_or(all_digits) {
            return Err(MoneyError::NotADecimal);
        }
        let decimals = decimals.unwrap_or_default().as_bytes();
        if decimals.len() > MAX_DECIMALS {
            return Err(MoneyError::TooManyDecimals);
        }
        if decimals.iter().skip(2).any(|&digit| digit != b'0') {
            return Err(MoneyError::FractionOfKopeck);
        }
        if whole.len() > MAX_RUBLE_DIGITS {
            return Err(MoneyError::TooLarge);
        }
        let digit = |index: usize| decimals.get(index).copied().unwrap_or(b'0');
        let kopecks = whole
            .bytes()
            .chain([digit(0), digit(1)])
            .fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Ok(Self(kopecks))
    }

    /// Rubles with exactly two decimals and a dot, `123.45`: Robokassa's `OutSum`.
    #[must_use]
    pub fn to_out_sum(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let kopecks = self.0.unsigned_abs();
        format!("{sign}{}.{:02}", kopecks / 100, kopecks % 100)
    }

    /// The sum, or `None` beyond what fits.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(kopecks) => Some(Self(kopecks)),
            None => None,
        }
    }

    /// The difference, or `None` beyond what fits.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(kopecks) => Some(Self(kopecks)),
            None => None,
        }
    }

    /// The sum of many amounts, or `None` beyond what fits.
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_that_robokassa_sends_are_read() {
        for (text, kopecks) in [
            ("10", 1000),
            ("10.5", 1050),
            ("100.00", 10_000),
            ("100.000000", 10_000),
            ("8.960000", 896),
            ("0.01", 1),
            ("0", 0),
            ("007.10", 710),
            ("999999999999.99", 99_999_999_999_999),
        ] {
            assert_eq!(Money::parse_rubles(text), Ok(Money(kopecks)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_amounts() {
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", " 1", "1 ", "1,00", "1.2.3", "1_000", "٣",
            "NaN", "0x10", "1\n",
        ] {
            assert_eq!(
                Money::parse_rubles(text),
                Err(MoneyError::NotADecimal),
                "{text:?}"
            );
        }
    }

    #[test]
    fn each_refusal_has_its_name() {
        assert_eq!(
            Money::parse_rubles("1.0000000"),
            Err(MoneyError::TooManyDecimals)
        );
        assert_eq!(
            Money::parse_rubles("1.001"),
            Err(MoneyError::FractionOfKopeck)
        );
        assert_eq!(
            Money::parse_rubles("100.000001"),
            Err(MoneyError::FractionOfKopeck)
        );
        assert_eq!(
            Money::parse_rubles("1000000000000"),
            Err(MoneyError::TooLarge)
        );
    }

    #[test]
    fn sums_do_not_wrap() {
        let most = Money(i64::MAX);
        assert_eq!(most.checked_add(Money(1)), None);
        assert_eq!(Money(i64::MIN).checked_sub(Money(1)), None);
        assert_eq!(Money::checked_sum([most, Money(1)]), None);
        assert_eq!(Money::checked_sum([Money(1), Money(2)]), Some(Money(3)));
        assert_eq!(Money(i64::MIN).to_out_sum(), "-92233720368547758.08");
    }

    #[test]
    fn money_is_kopecks_in_json() {
        assert_eq!(serde_json::to_string(&Money(29_900)).unwrap(), "29900");
        assert!(serde_json::from_str::<Money>("299.5").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(kopecks in 0_i64..100_000_000_000_000) {
            let money = Money(kopecks);
            let text = money.to_out_sum();
            prop_assert_eq!(Money::parse_rubles(&text), Ok(money));
            prop_assert_eq!(Money::parse_rubles(&format!("{text}0000")), Ok(money));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            if let Ok(money) = Money::parse_rubles(&text) {
                prop_assert!(money.kopecks() >= 0);
            }
        }

        #[test]
        fn reading_agrees_with_a_decimal_library(text in "[0-9]{1,12}(\\.[0-9]{1,6})?") {
            use rust_decimal::Decimal;
            let exact: Decimal = text.parse().unwrap();
            let kopecks = exact * Decimal::from(100);
            match Money::parse_rubles(&text) {
                Ok(money) => prop_assert_eq!(Decimal::from(money.kopecks()), kopecks),
                Err(error) => {
                    prop_assert_eq!(error, MoneyError::FractionOfKopeck);
                    prop_assert!(!kopecks.is_integer());
                }
            }
        }
    }
}
