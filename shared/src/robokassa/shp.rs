//! `Shp_` parameters: the shop's own data, echoed by Robokassa and signed after the password.

use std::cmp::Ordering;

use super::link::LinkError;

/// In which order `Shp_` parameters stand in a base string.
///
/// Robokassa's documents say "alphabetically" and no more, and its own modules disagree. We send only `Shp_route`,
/// where every order is the same; but a payment made in Robokassa's own pages carries more, and its callback must
/// not be lost over a comparator. So a verifier tries [`ShpOrder::ALL`] in turn. That gives nothing away: each is a
/// permutation of the same received pairs, hashed with the same password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShpOrder {
    /// By the bytes of the whole `name=value`; what Robokassa's PHP SDK does, and what we sign with.
    WholePair,
    /// By the bytes of the name; what PHP's `ksort` gives. Differs where one name begins another (`Shp_item`, `Shp_item2`).
    Name,
    /// By the name without regard to ASCII letter case; the order in Robokassa's WordPress module. Differs where the
    /// prefixes do (`shp_label`, `Shp_merchant_id`).
    NameIgnoringCase,
}

impl ShpOrder {
    /// All orders, the likeliest first.
    pub const ALL: [Self; 3] = [Self::WholePair, Self::Name, Self::NameIgnoringCase];

    /// The pairs as `name=value`, in this order.
    #[must_use]
    pub fn arrange(self, shp: &[(String, String)]) -> Vec<String> {
        let mut pairs: Vec<(&str, String)> = shp
            .iter()
            .map(|(name, value)| (name.as_str(), format!("{name}={value}")))
            .collect();
        pairs.sort_by(|(left_name, left), (right_name, right)| match self {
            Self::WholePair => left.cmp(right),
            Self::Name => left_name.cmp(right_name).then_with(|| left.cmp(right)),
            Self::NameIgnoringCase => {
                ignoring_case(left_name, right_name).then_with(|| left.cmp(right))
            }
        });
        pairs.into_iter().map(|(_, pair)| pair).collect()
    }

    /// The orders that differ for these pairs, the likeliest first, each with what it gives.
    #[must_use]
    pub fn arrangements(shp: &[(String, String)]) -> Vec<(Self, Vec<String>)> {
        let mut distinct: Vec<(Self, Vec<String>)> = Vec::with_capacity(1);
        for order in Self::ALL {
            let pairs = order.arrange(shp);
            if !distinct.iter().any(|(_, seen)| *seen == pairs) {
                distinct.push((order, pairs));
            }
        }
        distinct
    }
}

fn ignoring_case(left: &str, right: &str) -> Ordering {
    let lower = |text: &str| text.to_ascii_lowercase();
    lower(left).cmp(&lower(right))
}

/// Whether a parameter is the shop's own. Robokassa: the prefix is `Shp_`, `shp_` or `SHP_`.
#[must_use]
pub fn is_shp(name: &str) -> bool {
    name.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("shp_"))
}

/// The shop's own parameters among all, in the order received.
#[must_use]
pub fn select(fields: &[(String, String)]) -> Vec<(String, String)> {
    fields
        .iter()
        .filter(|(name, _)| is_shp(name))
        .cloned()
        .collect()
}

/// Robokassa's rules on order and encoding of `Shp_` are open to readings; what is let through here means the
/// same under every reading.
///
/// # Errors
/// [`LinkError`] names the parameter.
pub(super) fn check(shp: &[(String, String)]) -> Result<(), LinkError> {
    for (index, (name, value)) in shp.iter().enumerate() {
        let well_named = name.strip_prefix("Shp_").is_some_and(|rest| {
            !rest.is_empty()
                && rest
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        });
        if !well_named {
            return Err(LinkError::ShpName(name.clone()));
        }
        if !value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
        {
            return Err(LinkError::ShpValue(name.clone()));
        }
        let overlaps = shp
            .iter()
            .enumerate()
            .any(|(other, (longer, _))| other != index && longer.starts_with(name.as_str()));
        if overlaps {
            return Err(LinkError::ShpNamesOverlap(name.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shp(names: &[&str]) -> Vec<(String, String)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), "1".to_owned()))
            .collect()
    }

    #[test]
    fn the_prefix_counts_in_any_case() {
        assert!(is_shp("Shp_a") && is_shp("shp_") && is_shp("SHP_a") && is_shp("sHp_a"));
        assert!(!is_shp("Shp") && !is_shp("xShp_a") && !is_shp("") && !is_shp("шр_"));
    }

    #[test]
    fn one_parameter_has_one_order() {
        assert_eq!(ShpOrder::arrangements(&shp(&["Shp_route"])).len(), 1);
        assert_eq!(
            ShpOrder::arrangements(&[]),
            vec![(ShpOrder::WholePair, vec![])]
        );
    }

    #[test]
    fn orders_differ_where_peers_disagree() {
        let prefixed = shp(&["Shp_item", "Shp_item2"]);
        assert_eq!(
            ShpOrder::WholePair.arrange(&prefixed),
            ["Shp_item2=1", "Shp_item=1"]
        );
        assert_eq!(
            ShpOrder::Name.arrange(&prefixed),
            ["Shp_item=1", "Shp_item2=1"]
        );
        let cased = shp(&["Shp_merchant_id", "shp_label"]);
        assert_eq!(
            ShpOrder::WholePair.arrange(&cased),
            ["Shp_merchant_id=1", "shp_label=1"]
        );
        assert_eq!(
            ShpOrder::NameIgnoringCase.arrange(&cased),
            ["shp_label=1", "Shp_merchant_id=1"]
        );
    }
}
