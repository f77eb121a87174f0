//! Numbers of JSON as they stand in it: read digit by digit, never through floating point.

use serde_json::value::RawValue;

/// A number of at most `whole` digits before the dot and `places` after it, in units of its last place. A number in
/// quotes is read as well.
pub(crate) fn units(number: &RawValue, whole: usize, places: usize) -> Option<u64> {
    let text = number.get();
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    let (before, after) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    // Zeros at the end say nothing: some serialisers write six of them.
    let after = after.trim_end_matches('0');
    let well_formed = (1..=whole).contains(&before.len())
        && after.len() <= places
        && digits(before)
        && digits(after)
        && !text.ends_with('.');
    well_formed
        .then(|| format!("{before}{after:0<places$}").parse().ok())
        .flatten()
}

/// A sum in kopecks. Robokassa: 8 digits before the dot and 2 after it.
pub(crate) fn kopecks(number: &RawValue) -> Option<u64> {
    units(number, 8, 2)
}

/// A quantity in thousandths. Robokassa: 5 digits before the dot and 3 after it.
pub(crate) fn thousandths(number: &RawValue) -> Option<u64> {
    units(number, 5, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_read_exactly() {
        for (text, expected) in [
            ("299", 29_900),
            ("299.5", 29_950),
            ("0.29", 29),
            ("\"12.00\"", 1_200),
            ("1.000000", 100),
            ("99999999.99", 9_999_999_999),
            ("0", 0),
        ] {
            assert_eq!(kopecks(&raw(text)), Some(expected), "{text}");
        }
        assert_eq!(thousandths(&raw("1.125")), Some(1_125));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in [
            "-1",
            "1e3",
            "1.005",
            "123456789",
            "null",
            "true",
            "\"\"",
            "\"1.\"",
            "\"x\"",
            "[1]",
        ] {
            assert_eq!(kopecks(&raw(text)), None, "{text}");
        }
        assert_eq!(thousandths(&raw("100000")), None);
        assert_eq!(thousandths(&raw("0.0001")), None);
    }
}
