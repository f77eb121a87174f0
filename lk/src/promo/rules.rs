//! What a code may be, and what it leaves of a price.

use geobot_shared::money::Money;
use geobot_shared::topics::lk_sync_orm::PromoUpserted;

use crate::store::promos::{self, Model};

/// A longer text is no code.
pub const LONGEST_CODE: usize = 64;

/// Why a code of ARM's can't be; `None` for a good one.
pub(super) fn fault(promo: &PromoUpserted) -> Option<&'static str> {
    let code = promos::key(&promo.code);
    if code.is_empty() || code.chars().count() > LONGEST_CODE {
        return Some("the code is empty or too long");
    }
    match (promo.percent, promo.amount) {
        (Some(1..=100), None) => None,
        (Some(_), None) => Some("the percent is not 1 to 100"),
        (None, Some(amount)) if amount.is_positive() => None,
        (None, Some(_)) => Some("the amount is not above zero"),
        _ => Some("a code takes off either a percent or an amount"),
    }
}

/// What is left of a price: never below zero; a part of a kopeck is the person's.
#[must_use]
pub fn discounted(promo: &Model, price: Money) -> Money {
    let price = price.kopecks();
    let off = match (promo.percent, promo.amount) {
        // i128: no price is too high to be multiplied by a hundred.
        (Some(percent), _) => {
            let left = i128::from(price) * i128::from(100 - percent.clamp(0, 100)) / 100;
            return Money::from_kopecks(i64::try_from(left).unwrap_or(price));
        }
        (None, Some(amount)) => amount,
        (None, None) => 0,
    };
    Money::from_kopecks(price.saturating_sub(off).max(0))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn promo(percent: Option<i64>, amount: Option<i64>) -> Model {
        Model {
            code_key: "autumn".into(),
            code: "AUTUMN".into(),
            version: 1,
            percent,
            amount,
            use_limit: None,
            once_per_person: false,
            starts_at: None,
            ends_at: None,
            active: true,
            used: 0,
            used_version: 0,
        }
    }

    #[test]
    fn a_part_of_a_kopeck_is_the_persons() {
        for (price, percent, left) in [
            (29_900, 15, 25_415),
            (1, 50, 0),
            (3, 50, 1),
            (99, 1, 98),
            (29_900, 100, 0),
            (i64::MAX, 1, 9_131_138_316_486_228_048),
        ] {
            let price = Money::from_kopecks(price);
            assert_eq!(
                discounted(&promo(Some(percent), None), price).kopecks(),
                left
            );
        }
    }

    #[test]
    fn an_amount_takes_off_no_more_than_the_price() {
        for (price, amount, left) in [(29_900, 5_000, 24_900), (100, 100, 0), (100, 101, 0)] {
            let price = Money::from_kopecks(price);
            assert_eq!(
                discounted(&promo(None, Some(amount)), price).kopecks(),
                left
            );
        }
    }

    #[test]
    fn a_code_is_taken_within_its_period_only() {
        let now = Utc::now();
        let at = |seconds: i64| Some(now.timestamp_micros() + seconds * 1_000_000);
        for (starts_at, ends_at, valid) in [
            (None, None, true),
            (at(-1), at(1), true),
            (at(0), at(1), true),
            (at(1), None, false),
            (None, at(0), false),
        ] {
            let promo = Model {
                starts_at,
                ends_at,
                ..promo(Some(1), None)
            };
            assert_eq!(promo.is_valid(now), valid, "{starts_at:?} {ends_at:?}");
        }
        let off = Model {
            active: false,
            ..promo(Some(1), None)
        };
        assert!(!off.is_valid(now));
    }

    #[test]
    fn a_code_that_can_not_be_is_refused() {
        let good = PromoUpserted {
            code: "AUTUMN".into(),
            version: 1,
            percent: Some(10),
            amount: None,
            limit: None,
            once_per_person: false,
            starts_at: None,
            ends_at: None,
            active: true,
        };
        assert_eq!(fault(&good), None);
        let amount = Some(Money::from_kopecks(1));
        for bad in [
            PromoUpserted {
                code: " ".into(),
                ..good.clone()
            },
            PromoUpserted {
                code: "x".repeat(65),
                ..good.clone()
            },
            PromoUpserted {
                percent: Some(0),
                ..good.clone()
            },
            PromoUpserted {
                percent: Some(101),
                ..good.clone()
            },
            PromoUpserted {
                percent: None,
                ..good.clone()
            },
            PromoUpserted {
                amount,
                ..good.clone()
            },
            PromoUpserted {
                percent: None,
                amount: Some(Money::ZERO),
                ..good.clone()
            },
        ] {
            assert!(fault(&bad).is_some(), "{bad:?}");
        }
    }
}
