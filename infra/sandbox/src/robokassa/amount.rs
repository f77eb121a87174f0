//! Amounts as Robokassa writes them: decimal text, six places live and two in test.

use serde::{Deserialize, Serialize};

/// Millionths of a rouble.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Amount(u64);

const MILLION: u64 = 1_000_000;

impl Amount {
    /// Reads `10`, `10.5`, `10.00` or `10.000000`; nothing for zero, parts of a kopeck, or anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let well_formed = (1..=12).contains(&whole.len())
            && fraction.len() <= 6
            && digits(whole)
            && digits(fraction);
        if !well_formed || text.ends_with('.') {
            return None;
        }
        let millionths: u64 = format!("{fraction:0<6}").parse().ok()?;
        let amount = whole.parse::<u64>().ok()? * MILLION + millionths;
        (amount > 0 && amount.is_multiple_of(10_000)).then_some(Self(amount))
    }

    /// Six decimals for live payments, two for test payments.
    pub(crate) fn text(self, is_test: bool) -> String {
        match is_test {
            true => format!("{}.{:02}", self.0 / MILLION, self.0 % MILLION / 10_000),
            false => format!("{}.{:06}", self.0 / MILLION, self.0 % MILLION),
        }
    }

    /// A sum of whole kopecks, which may be zero.
    pub(crate) fn of_kopecks(kopecks: u64) -> Self {
        Self(kopecks.saturating_mul(10_000))
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left when `other` is taken away; zero when that is more.
    pub(crate) fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// What Robokassa keeps: 3.5 %, down to a kopeck.
    pub(crate) fn fee(self) -> Self {
        Self(self.0 * 35 / 1_000 / 10_000 * 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_amount_has_six_decimals_and_a_test_amount_two() {
        for text in ["299", "299.0", "299.00", "299.000000"] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!(
                (amount.text(false), amount.text(true)),
                ("299.000000".into(), "299.00".into())
            );
        }
        assert_eq!(Amount::parse("0.05").unwrap().text(true), "0.05");
        assert_eq!(Amount::parse("100").unwrap().fee().text(true), "3.50");
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in [
            "",
            "0",
            "0.00",
            "-1",
            "+1",
            "1,5",
            "1.",
            ".5",
            "1e3",
            "1.005",
            "1.0000001",
            " 1",
            "9999999999999",
            "١",
        ] {
            assert!(Amount::parse(text).is_none(), "{text:?}");
        }
    }
}
