//! Why a callback is refused, in plain words: what a shop's owner needs on the first day.

use std::fmt;

use super::algorithm::HashAlgorithm;
use super::alterations;
use super::base_string::{BaseString, Password};
use super::form::{self, Fields};
use super::link_base::LinkBase;
use super::op_state;
use super::secrets::{Credentials, ShopSecrets};
use super::signed_return::{self, SignedReturn};
use super::signer::find_signer;
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

/// Explains a callback as it was received: a query, a form body, a whole address, or a line of an access log.
#[must_use]
pub fn explain(received: &str, shop: &ShopSecrets, known: Known) -> Explanation {
    let fields = form::decode(&parameters(received));
    let modes: Vec<Mode> = match known.mode {
        Some(mode) => vec![mode],
        None => vec![Mode::Live, Mode::Test],
    };
    let mut explanation = Explanation {
        received_signature: form::value(&fields, "SignatureValue").map(str::to_owned),
        expected: Vec::new(),
        accepted: None,
        findings: Vec::new(),
        fields,
    };
    let tried: Vec<Credentials<'_>> = modes
        .iter()
        .filter_map(|&mode| shop.credentials(mode).ok())
        .collect();
    if tried.is_empty() {
        explanation
            .findings
            .push("The settings hold no passwords for this mode.".to_owned());
    }
    let parsed = match SignedReturn::parse(explanation.fields.clone()) {
        Ok(parsed) => parsed,
        Err(malformed) => {
            explanation.findings.push(format!(
                "It has not the form of a ResultURL call: {malformed}."
            ));
            explanation
                .findings
                .extend(malformed_hint(&explanation.fields));
            return explanation;
        }
    };
    explanation.expected = tried
        .iter()
        .map(|credentials| expected(&parsed, credentials))
        .collect();
    explanation.accepted = tried
        .iter()
        .find(|credentials| {
            parsed
                .check(credentials.password2(), credentials.hash())
                .is_ok()
        })
        .map(Credentials::mode);
    let findings = match explanation.accepted {
        Some(mode) => accepted(&parsed, mode, known),
        None => refused(&parsed, shop, &tried, known),
    };
    explanation.findings.extend(findings);
    explanation
}

/// Cuts the parameters out of what people paste.
fn parameters(pasted: &str) -> String {
    let line = pasted
        .lines()
        .find(|line| line.contains("SignatureValue=") || line.contains("OutSum="))
        .unwrap_or(pasted)
        .trim();
    let query = match line.split_once('?') {
        Some((address, query)) if !address.contains('=') => query,
        _ => line,
    };
    let end = query
        .find(|c: char| c.is_whitespace() || c == '"' || c == '\'' || c == '#')
        .unwrap_or(query.len());
    query[..end].replace("&amp;", "&")
}

fn malformed_hint(fields: &[(String, String)]) -> Option<String> {
    let hint = if form::value(fields, "MerchantLogin").is_some() {
        "It carries MerchantLogin: this is a payment request, not a callback."
    } else if form::value(fields, "InvId").is_some()
        && form::value(fields, "SignatureValue").is_none()
    {
        "It carries no signature: this may be a FailURL redirect, which proves nothing."
    } else if fields.is_empty() {
        "No parameters were found in the text."
    } else {
        return None;
    };
    Some(hint.to_owned())
}

fn expected(parsed: &SignedReturn, credentials: &Credentials<'_>) -> Expected {
    let base = base_of(parsed, credentials.password2());
    Expected {
        mode: credentials.mode(),
        algorithm: credentials.hash(),
        base_string: base.masked().to_owned(),
        signature: base.sign(credentials.hash()),
    }
}

fn base_of(parsed: &SignedReturn, password: Password<'_>) -> BaseString {
    signed_return::base_string(
        &parsed.out_sum_text,
        &parsed.inv_id_text,
        &parsed.shp,
        password,
    )
}

fn accepted(parsed: &SignedReturn, mode: Mode, known: Known) -> Vec<String> {
    let mut findings = vec![format!("The signature is right: this is a {mode} payment.")];
    if known.mode.is_none() && mode == Mode::Test {
        findings.push("It pays a test invoice only, never a live one.".to_owned());
    }
    match (parsed.amount(), known.amount) {
        (Err(error), _) => findings.push(format!("OutSum cannot be ours: {error}.")),
        (Ok(paid), Some(price)) if paid != price => findings.push(format!(
            "{} was paid and the invoice says {}: it becomes a mismatch, and a person decides.",
            paid.to_out_sum(),
            price.to_out_sum()
        )),
        _ => {}
    }
    if parsed.invoice().is_none() {
        findings.push("InvId is no number of ours: paid in Robokassa's own pages?".to_owned());
    }
    findings
}

/// Looks for the one thing that is wrong: first with the parameters as they came, then with each way in which they
/// may have been altered.
fn refused(
    parsed: &SignedReturn,
    shop: &ShopSecrets,
    tried: &[Credentials<'_>],
    known: Known,
) -> Vec<String> {
    if let Some(signer) = find_signer(parsed, shop, tried) {
        return signer.words(tried);
    }
    for alteration in alterations::candidates(parsed, known.amount) {
        if let Some(signer) = find_signer(&alteration.original, shop, tried) {
            let mut findings = vec![alteration.words];
            if !signer.is_right(tried) {
                findings.extend(signer.words(tried));
            }
            return findings;
        }
    }
    if let Some(words) = other_message(parsed, shop) {
        return vec![words];
    }
    let mut findings = Vec::new();
    let length = parsed.signature.len();
    if !tried.is_empty() && tried.iter().all(|c| c.hash().digest_len() != length) {
        let fitting: Vec<&str> = HashAlgorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithm.digest_len() == length)
            .map(HashAlgorithm::as_str)
            .collect();
        findings.push(format!(
            "A signature of {} hex digits is made with {}, and the settings say {}: compare the hash in the cabinet.",
            length * 2,
            fitting.join(" or "),
            tried
                .iter()
                .map(|credentials| credentials.hash().as_str())
                .collect::<Vec<_>>()
                .join(" and ")
        ));
    }
    findings.push(
        "No password in the settings gives this signature, with any algorithm. Either Password#2 in the settings \
         is not the one in the cabinet, or OutSum, InvId or a Shp_ parameter was changed, or it is a forgery."
            .to_owned(),
    );
    findings
}

/// Signatures of other messages of the same shop that people take for a callback's.
fn other_message(parsed: &SignedReturn, shop: &ShopSecrets) -> Option<String> {
    [Mode::Live, Mode::Test]
        .into_iter()
        .filter_map(|mode| shop.credentials(mode).ok())
        .find_map(|credentials| {
            let link = LinkBase {
                merchant_login: credentials.login(),
                out_sum: &parsed.out_sum_text,
                inv_id: &parsed.inv_id_text,
                shp: parsed.shp.clone(),
                ..LinkBase::default()
            };
            let state = op_state::base_string(
                credentials.login(),
                &parsed.inv_id_text,
                credentials.password2(),
            );
            let fits = |base: &BaseString| {
                HashAlgorithm::ALL
                    .into_iter()
                    .any(|algorithm| base.matches(algorithm, &parsed.signature))
            };
            if link.base_strings(credentials.password1()).iter().any(fits) {
                Some("It is the signature of the payment request, copied: no proof of payment.")
            } else if fits(&state) {
                Some("It is the signature of an OpStateExt question, copied: no proof of payment.")
            } else {
                None
            }
        })
        .map(str::to_owned)
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
