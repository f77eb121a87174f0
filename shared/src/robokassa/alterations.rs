//! The ways in which a genuine callback gets altered on its way to a verifier, each tried to see whether the signature
//! fits then.

use super::form;
use super::signed_return::SignedReturn;
use crate::money::Money;

/// What was altered, in words, and the callback as it would have been without that.
pub(super) struct Alteration {
    pub(super) words: String,
    pub(super) original: SignedReturn,
}

/// Every alteration that would make a difference for this callback. `expected` is the invoice's amount, if known.
pub(super) fn candidates(received: &SignedReturn, expected: Option<Money>) -> Vec<Alteration> {
    let mut found = Vec::new();
    out_sums(received, expected, &mut found);
    shp_pairs(received, &mut found);
    shp_values(received, &mut found);
    shp_names(received, &mut found);
    found
}

fn out_sums(received: &SignedReturn, expected: Option<Money>, found: &mut Vec<Alteration>) {
    let mut add = |text: String, words: &str| {
        if text != received.out_sum_text {
            found.push(Alteration {
                words: format!(
                    "The signature is that of OutSum {text}, and {} came: {words}",
                    received.out_sum_text
                ),
                original: SignedReturn {
                    out_sum_text: text,
                    ..received.clone()
                },
            });
        }
    };
    let rewritten = "the text was rewritten on the way. It must be hashed exactly as received, never formatted anew.";
    if let Ok(amount) = received.amount() {
        for text in writings(amount) {
            add(text, rewritten);
        }
    }
    if let Some(expected) = expected.filter(|&amount| received.amount() != Ok(amount)) {
        for text in writings(expected) {
            add(text, "the sum was tampered with.");
        }
    }
}

/// One amount as Robokassa and others write it: two, six, one, no decimals.
pub(super) fn writings(amount: Money) -> Vec<String> {
    let two = amount.to_out_sum();
    let six = format!("{two}0000");
    let short = two.trim_end_matches('0').trim_end_matches('.').to_owned();
    let one = two.strip_suffix('0').unwrap_or(&two).to_owned();
    vec![two, six, short, one]
}

fn shp_pairs(received: &SignedReturn, found: &mut Vec<Alteration>) {
    for (index, (name, _)) in received.shp.iter().enumerate() {
        let mut shp = received.shp.clone();
        shp.remove(index);
        found.push(with_shp(
            received,
            shp,
            format!("The signature fits without {name}: that parameter was added afterwards."),
        ));
    }
    if received.shp.len() > 1 {
        found.push(with_shp(
            received,
            Vec::new(),
            "The signature fits without any Shp_ parameter: all of them were added afterwards."
                .to_owned(),
        ));
    }
}

fn shp_values(received: &SignedReturn, found: &mut Vec<Alteration>) {
    type Change = fn(&str) -> String;
    let changes: [(Change, &str); 4] = [
        (
            |value| form::percent_encode(value),
            "The signature fits the Shp_ values percent-encoded: they were decoded twice. Decode the request once.",
        ),
        (
            |value| form::encode(&[(String::new(), value.to_owned())])[1..].to_owned(),
            "The signature fits the Shp_ values form-encoded: they were decoded twice. Decode the request once.",
        ),
        (
            |value| {
                form::decode(&format!("v={value}"))
                    .pop()
                    .map(|(_, value)| value)
                    .unwrap_or_default()
            },
            "The signature fits the Shp_ values decoded once more: they were not decoded, or were encoded twice.",
        ),
        (
            |value| value.replace(' ', "+"),
            "The signature fits the Shp_ values with + for a space: the request was decoded once too often.",
        ),
    ];
    for (change, words) in changes {
        let all: Vec<usize> = (0..received.shp.len()).collect();
        // All of them, or one alone: not every value is touched by the same mistake.
        for places in std::iter::once(all.as_slice()).chain(all.chunks(1)) {
            let mut shp = received.shp.clone();
            for &place in places {
                shp[place].1 = change(&shp[place].1);
            }
            if shp != received.shp {
                found.push(with_shp(received, shp, words.to_owned()));
            }
        }
    }
}

fn shp_names(received: &SignedReturn, found: &mut Vec<Alteration>) {
    type Change = fn(&str) -> String;
    let changes: [Change; 4] = [
        str::to_owned,
        str::to_lowercase,
        str::to_uppercase,
        capitalised,
    ];
    for prefix in ["Shp_", "shp_", "SHP_"] {
        for change in changes {
            let renamed =
                |name: &str| format!("{prefix}{}", change(name.get(4..).unwrap_or_default()));
            let shp: Vec<(String, String)> = received
                .shp
                .iter()
                .map(|(name, value)| (renamed(name), value.clone()))
                .collect();
            if shp != received.shp {
                found.push(with_shp(
                    received,
                    shp,
                    "The signature fits the Shp_ names in another letter case: names are signed exactly as sent."
                        .to_owned(),
                ));
            }
        }
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| {
            first
                .to_uppercase()
                .chain(letters.flat_map(char::to_lowercase))
                .collect()
        })
        .unwrap_or_default()
}

fn with_shp(received: &SignedReturn, shp: Vec<(String, String)>, words: String) -> Alteration {
    Alteration {
        words,
        original: SignedReturn {
            shp,
            ..received.clone()
        },
    }
}
