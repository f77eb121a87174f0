//! Why a callback is refused, in plain words: what a shop's owner needs on the first day.

mod causes;
mod pasted;

use std::fmt;

use self::pasted::Pasted;
use super::algorithm::HashAlgorithm;
use super::form::{self, Fields};
use super::secrets::{Credentials, ShopSecrets};
use super::shp::ShpOrder;
use super::signed_return::SignedReturn;
use crate::ids::Mode;
use crate::money::Money;

/// What is known about the invoice; each makes the explanation sharper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// The mode of the invoice. `None`: both modes are tried.
    pub mode: Option<Mode>,
    /// The price of the invoice.
    pub amount: Option<Money>,
}

/// What a genuine callback with these parameters would carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The mode.
    pub mode: Mode,
    /// The algorithm in the settings of that mode.
    pub algorithm: HashAlgorithm,
    /// The base string, with the password masked.
    pub base_string: String,
    /// The signature, lower-case hex.
    pub signature: String,
}

/// The outcome. Its `Display` is what a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The parameters after one decoding.
    pub fields: Fields,
    /// What would have been right, for each mode that was tried.
    pub expected: Vec<Expected>,
    /// The signature that came.
    pub received_signature: Option<String>,
    /// The mode in which the callback is genuine; `None` if it is refused.
    pub accepted: Option<Mode>,
    /// Plain words, the most useful first.
    pub findings: Vec<String>,
}

/// Explains a callback as it was received: a query, a form body, a whole address, a line of an access log, a list of
/// parameters.
#[must_use]
pub fn explain(received: &str, shop: &ShopSecrets, known: Known) -> Explanation {
    let Pasted { fields, note } = pasted::read(received);
    let modes = known
        .mode
        .map_or_else(|| vec![Mode::Live, Mode::Test], |mode| vec![mode]);
    let tried: Vec<Credentials<'_>> = modes
        .iter()
        .filter_map(|&mode| shop.credentials(mode).ok())
        .collect();
    let (parsed, malformed) = match SignedReturn::parse(fields.clone()) {
        Ok(parsed) => (Some(parsed), None),
        Err(why) => (with_any_signature(&fields), Some(why)),
    };
    let mut expected = Vec::new();
    let mut accepted = None;
    for credentials in &tried {
        let Some(parsed) = &parsed else { break };
        let order = parsed
            .check(credentials.password2(), credentials.hash())
            .ok();
        expected.push(expected_of(
            parsed,
            credentials,
            order.unwrap_or(ShpOrder::WholePair),
        ));
        if order.is_some() && malformed.is_none() {
            accepted = accepted.or(Some(credentials.mode()));
        }
    }
    let mut findings = Vec::new();
    if tried.is_empty() {
        findings.push(no_passwords(modes[0]));
    }
    findings.extend(match (&malformed, &parsed, accepted) {
        (None, Some(parsed), Some(mode)) => causes::accepted(parsed, mode, known),
        (None, Some(parsed), None) => causes::refused(parsed, shop, &tried, known),
        (Some(why), _, _) => causes::malformed(why, &fields, &tried),
        (None, None, _) => Vec::new(),
    });
    findings.extend(note.map(str::to_owned));
    let explanation = Explanation {
        received_signature: form::value(&fields, "SignatureValue").map(str::to_owned),
        fields,
        expected,
        accepted,
        findings,
    };
    explanation.masked(shop)
}

/// The rest of a callback whose signature can't be read: it can still be said what it should have been.
fn with_any_signature(fields: &[(String, String)]) -> Option<SignedReturn> {
    let name = "SignatureValue";
    let mut fields: Fields = fields
        .iter()
        .filter(|(field, _)| field != name)
        .cloned()
        .collect();
    let any = "00".repeat(HashAlgorithm::Sha256.digest_len());
    fields.push((name.to_owned(), any));
    SignedReturn::parse(fields).ok()
}

fn no_passwords(mode: Mode) -> String {
    let names = match mode {
        Mode::Live => "ROBOKASSA_PASSWORD1 and ROBOKASSA_PASSWORD2",
        Mode::Test => "ROBOKASSA_TEST_PASSWORD1 and ROBOKASSA_TEST_PASSWORD2",
    };
    format!("The settings hold no passwords for {mode} payments: set {names} as in the cabinet.")
}

fn expected_of(parsed: &SignedReturn, credentials: &Credentials<'_>, order: ShpOrder) -> Expected {
    let base = parsed.base_string(credentials.password2(), order);
    Expected {
        mode: credentials.mode(),
        algorithm: credentials.hash(),
        base_string: base.masked().to_owned(),
        signature: base.sign(credentials.hash()),
    }
}

/// A shorter password could be part of anything, and is none.
const SHORTEST_MASKED: usize = 6;

impl Explanation {
    /// People paste more than the callback: a password among it is not shown either.
    fn masked(mut self, shop: &ShopSecrets) -> Explanation {
        let passwords = shop.passwords();
        let mask = |text: &mut String| {
            for (secret, label) in &passwords {
                if secret.len() >= SHORTEST_MASKED && text.contains(secret) {
                    *text = text.replace(secret, &format!("<{label}>"));
                }
            }
        };
        for (name, value) in &mut self.fields {
            mask(name);
            mask(value);
        }
        self.received_signature.iter_mut().for_each(mask);
        self.expected
            .iter_mut()
            .for_each(|expected| mask(&mut expected.base_string));
        self.findings.iter_mut().for_each(mask);
        self
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Received, decoded once:")?;
        for (name, value) in &self.fields {
            writeln!(f, "  {name} = {value}")?;
        }
        for expected in &self.expected {
            writeln!(f, "Expected of a {} payment:", expected.mode)?;
            writeln!(f, "  base string: {}", expected.base_string)?;
            writeln!(f, "  {}: {}", expected.algorithm, expected.signature)?;
        }
        if let Some(signature) = &self.received_signature {
            writeln!(f, "Signature received: {}", signature.to_lowercase())?;
        }
        match self.accepted {
            Some(mode) => writeln!(f, "Accepted ({mode}).")?,
            None => writeln!(f, "Refused.")?,
        }
        for finding in &self.findings {
            writeln!(f, "- {finding}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
