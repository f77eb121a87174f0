//! What somebody wants a promo code to be, checked.

use chrono::{DateTime, Utc};
use geobot_shared::money::Money;

use crate::catalog::MOST_EXPENSIVE;
use crate::store::micros;
use crate::store::promos::{self, Model};

/// The longest code, in characters.
pub const LONGEST_CODE: usize = 32;
/// The highest limit.
pub const MOST_USES: u32 = 1_000_000;

/// What somebody wants a code to be, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromoDraft {
    code: String,
    terms: PromoTerms,
}

/// What a code takes off, how often, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromoTerms {
    /// Percent off.
    pub percent: Option<u8>,
    /// Off the price.
    pub amount: Option<Money>,
    /// How often in all; without limit when absent.
    pub limit: Option<u32>,
    /// Once per person.
    pub once_per_person: bool,
    /// Valid from.
    pub starts_at: Option<DateTime<Utc>>,
    /// Valid until.
    pub ends_at: Option<DateTime<Utc>>,
    /// False: no longer taken.
    pub active: bool,
}

/// Why a draft can't be a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromoFault {
    /// The code is too short, too long, or has odd characters.
    #[error("code must have 2 to {LONGEST_CODE} letters, digits, - or _")]
    Code,
    /// Neither percent nor amount, or both.
    #[error("a code takes off either a percent or an amount")]
    Off,
    /// The percent is out of range.
    #[error("percent must be 1 to 100")]
    Percent,
    /// The amount is no amount, or out of range.
    #[error("amount must be above 0 and at most 1000000 rubles")]
    Amount,
    /// The limit is out of range.
    #[error("limit must be 1 to {MOST_USES}, or absent")]
    Limit,
    /// A time can't be read.
    #[error("starts_at and ends_at must be times")]
    Time,
    /// The end is not after the start.
    #[error("ends_at must be after starts_at")]
    Period,
}

impl PromoFault {
    /// The key of its text on the pages.
    pub fn key(self) -> &'static str {
        match self {
            PromoFault::Code => "wrong-promo-code",
            PromoFault::Off => "wrong-promo-off",
            PromoFault::Percent => "wrong-promo-percent",
            PromoFault::Amount => "wrong-promo-amount",
            PromoFault::Limit => "wrong-promo-limit",
            PromoFault::Time => "wrong-promo-time",
            PromoFault::Period => "wrong-promo-period",
        }
    }
}

impl PromoDraft {
    /// Checks what a code would be.
    ///
    /// # Errors
    /// [`PromoFault`] names the first fault.
    pub fn new(code: &str, terms: PromoTerms) -> Result<PromoDraft, PromoFault> {
        let code = code.trim();
        let fits = (2..=LONGEST_CODE).contains(&code.chars().count())
            && code
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        if !fits {
            return Err(PromoFault::Code);
        }
        match (terms.percent, terms.amount) {
            (Some(1..=100), None) => {}
            (Some(_), None) => return Err(PromoFault::Percent),
            (None, Some(amount)) if amount.is_positive() && amount <= MOST_EXPENSIVE => {}
            (None, Some(_)) => return Err(PromoFault::Amount),
            (None, None) | (Some(_), Some(_)) => return Err(PromoFault::Off),
        }
        if terms
            .limit
            .is_some_and(|limit| !(1..=MOST_USES).contains(&limit))
        {
            return Err(PromoFault::Limit);
        }
        if let (Some(start), Some(end)) = (terms.starts_at, terms.ends_at)
            && end <= start
        {
            return Err(PromoFault::Period);
        }
        Ok(PromoDraft {
            code: code.to_owned(),
            terms,
        })
    }

    /// The code itself.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// The row that it would be.
    pub(super) fn row(self, known: Option<&Model>, now: DateTime<Utc>) -> Model {
        let terms = self.terms;
        Model {
            code_key: promos::key(&self.code),
            // How it is written was decided when it was made.
            code: known.map_or(self.code, |known| known.code.clone()),
            version: known.map_or(1, |known| known.version + 1),
            percent: terms.percent.map(i32::from),
            amount: terms.amount.map(Money::kopecks),
            use_limit: terms.limit.map(i64::from),
            once_per_person: terms.once_per_person,
            starts_at: terms.starts_at.map(micros),
            ends_at: terms.ends_at.map(micros),
            active: terms.active,
            used: known.map_or(0, |known| known.used),
            used_version: known.map_or(0, |known| known.used_version),
            created_at: known.map_or(micros(now), |known| known.created_at),
            updated_at: micros(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn percent(percent: u8) -> PromoTerms {
        PromoTerms {
            percent: Some(percent),
            active: true,
            ..PromoTerms::default()
        }
    }

    #[test]
    fn each_fault_is_named() {
        for code in ["", "a", "a b", "<b>", "a/b", &"x".repeat(33), "10%"] {
            assert_eq!(
                PromoDraft::new(code, percent(10)),
                Err(PromoFault::Code),
                "{code}"
            );
        }
        let amount = |kopecks| PromoTerms {
            amount: Some(Money::from_kopecks(kopecks)),
            ..PromoTerms::default()
        };
        let now = Utc::now();
        for (terms, fault) in [
            (PromoTerms::default(), PromoFault::Off),
            (
                PromoTerms {
                    percent: Some(5),
                    ..amount(5)
                },
                PromoFault::Off,
            ),
            (percent(0), PromoFault::Percent),
            (percent(101), PromoFault::Percent),
            (amount(0), PromoFault::Amount),
            (amount(100_000_001), PromoFault::Amount),
            (
                PromoTerms {
                    limit: Some(0),
                    ..percent(1)
                },
                PromoFault::Limit,
            ),
            (
                PromoTerms {
                    starts_at: Some(now),
                    ends_at: Some(now),
                    ..percent(1)
                },
                PromoFault::Period,
            ),
        ] {
            assert_eq!(
                PromoDraft::new("AUTUMN", terms.clone()),
                Err(fault),
                "{terms:?}"
            );
        }
        let good = PromoTerms {
            starts_at: Some(now),
            ends_at: Some(now + TimeDelta::seconds(1)),
            limit: Some(1),
            ..percent(100)
        };
        assert!(PromoDraft::new(" Осень-2026_x ", good).is_ok());
    }
}
