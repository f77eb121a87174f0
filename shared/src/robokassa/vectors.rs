//! Checks this implementation against a file of test vectors made with other libraries.
//!
//! The file is a JSON array of `{id, kind, algorithm, inputs, base_string, expected_signature, valid}`; fields that are
//! not known are ignored. Where `valid` is false, `inputs.received_signature` is a forgery and must be refused.
//!
//! Robokassa leaves the order of `Shp_` parameters open where the peers disagree (see [`ShpOrder`]). We never send such
//! names, and take them in every order; so does this check.
//!
//! [`ShpOrder`]: super::shp::ShpOrder

mod inputs;
mod tokens;

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use self::inputs::Inputs;
use super::algorithm::HashAlgorithm;
use super::base_string::{BaseString, Password};
use super::signed_return::{self, SignedReturn};
use super::{op_state, second_receipt, split};

/// The file as a whole cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON array of vectors: {0}")]
pub struct UnreadableVectors(#[from] serde_json::Error);

/// A vector that did not come out as the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The vector's id, or its place in the file where it has none.
    pub id: String,
    /// What differs.
    pub reason: String,
}

/// What became of each vector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The ids of those that came out right.
    pub passed: Vec<String>,
    /// The others.
    pub failed: Vec<Failure>,
}

impl Report {
    /// Whether there were vectors and none failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && !self.passed.is_empty()
    }
}

impl fmt::Display for Report {
    /// One line for each failure, then `N passed, N failed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failed {
            writeln!(f, "{}: {}", failure.id, failure.reason)?;
        }
        write!(
            f,
            "{} passed, {} failed",
            self.passed.len(),
            self.failed.len()
        )
    }
}

/// Checks every vector of a file.
///
/// # Errors
/// [`UnreadableVectors`] if the text is no JSON array. A vector that cannot be read counts as failed.
pub fn check(json: &str) -> Result<Report, UnreadableVectors> {
    let vectors: Vec<Value> = serde_json::from_str(json)?;
    let mut report = Report::default();
    for (place, value) in (1..).zip(vectors) {
        let id = match value.get("id") {
            Some(Value::String(id)) => id.clone(),
            Some(other) => other.to_string(),
            None => format!("#{place}"),
        };
        let outcome = serde_json::from_value::<Vector>(value)
            .map_err(|error| format!("unreadable: {error}"))
            .and_then(|vector| vector.check());
        match outcome {
            Ok(()) => report.passed.push(id),
            Err(reason) => report.failed.push(Failure { id, reason }),
        }
    }
    Ok(report)
}

#[derive(Deserialize)]
struct Vector {
    kind: String,
    algorithm: String,
    inputs: Inputs,
    base_string: Option<String>,
    expected_signature: Option<String>,
    #[serde(default = "yes")]
    valid: bool,
    token: Option<String>,
}

const fn yes() -> bool {
    true
}

/// What this implementation makes of a vector.
struct Outcome {
    base: String,
    signature: String,
    token: Option<String>,
    /// Whether what was received is accepted, if there is something.
    accepted: Option<bool>,
}

impl Vector {
    fn check(&self) -> Result<(), String> {
        let outcome = match self.kind.as_str() {
            "invoice_jwt" | "refund_jwt" => self.jwt()?,
            _ => self.hashed()?,
        };
        let same = |what: &str, expected: &Option<String>, actual: &str| match expected {
            Some(expected) if expected != actual => {
                Err(format!("{what}: expected {expected:?}, got {actual:?}"))
            }
            _ => Ok(()),
        };
        same("base string", &self.base_string, &outcome.base)?;
        same("signature", &self.expected_signature, &outcome.signature)?;
        if let Some(token) = &outcome.token {
            same("token", &self.token, token)?;
        }
        match (self.valid, outcome.accepted) {
            (true, Some(false)) => Err("a genuine signature is refused".to_owned()),
            (true, None) if self.expected_signature.is_none() => {
                Err("neither expected_signature nor received_signature".to_owned())
            }
            (false, Some(true)) => Err("a forgery is accepted".to_owned()),
            (false, None) => Err("a forgery without received_signature".to_owned()),
            _ => Ok(()),
        }
    }

    /// Kinds that are signed with a hash over a base string.
    fn hashed(&self) -> Result<Outcome, String> {
        let algorithm: HashAlgorithm =
            self.algorithm.parse().map_err(|error| format!("{error}"))?;
        let received = self.inputs.text("received_signature");
        let password_name = match self.kind.as_str() {
            "result_url" | "op_state" => "password2",
            _ => "password1",
        };
        let secret = SecretString::from(self.inputs.required(password_name)?);
        let password = Password::new(&secret, "the password");
        let bases = self.base_strings(password)?;
        let accepted = received.map(|signature| match self.kind.as_str() {
            "result_url" | "success_url" => self.return_is_accepted(signature, password, algorithm),
            _ => hex::decode(signature)
                .is_ok_and(|digest| bases.iter().any(|base| base.matches(algorithm, &digest))),
        });
        let base = self.as_expected(bases, algorithm)?;
        Ok(Outcome {
            base: base.expose().to_owned(),
            signature: base.sign(algorithm),
            token: None,
            accepted,
        })
    }

    /// The base string, under every order of the `Shp_` parameters that a verifier must take.
    fn base_strings(&self, password: Password<'_>) -> Result<Vec<BaseString>, String> {
        let inputs = &self.inputs;
        Ok(match self.kind.as_str() {
            "payment_link" => inputs.link()?.base_strings(password),
            "recurring_child" => inputs.recurring()?.base_strings(password),
            "hold_confirm" => inputs
                .hold(inputs.required("out_sum")?)?
                .base_strings(password),
            // Robokassa: the sum is sent, and its slot stays empty.
            "hold_cancel" => inputs.hold("")?.base_strings(password),
            "result_url" | "success_url" => signed_return::base_strings(
                inputs.required("out_sum")?,
                inputs.get("inv_id"),
                inputs.shp(),
                password,
            ),
            "op_state" => vec![op_state::base_string(
                inputs.required("merchant_login")?,
                inputs.required("invoice_id")?,
                password,
            )],
            "split" => vec![split::base_string(
                inputs.required("invoice_json")?,
                password,
            )],
            "second_receipt" => vec![second_receipt::base_string(
                inputs.required("payload_base64url")?,
                password,
            )],
            other => return Err(format!("unknown kind {other:?}")),
        })
    }

    /// The one that the file means, or else the one that we sign with.
    fn as_expected(
        &self,
        mut bases: Vec<BaseString>,
        algorithm: HashAlgorithm,
    ) -> Result<BaseString, String> {
        let meant =
            bases
                .iter()
                .position(|base| match (&self.base_string, &self.expected_signature) {
                    (Some(text), _) => text == base.expose(),
                    (None, Some(signature)) => *signature == base.sign(algorithm),
                    (None, None) => true,
                });
        if bases.is_empty() {
            return Err("no base string".to_owned());
        }
        Ok(bases.swap_remove(meant.unwrap_or(0)))
    }

    /// Goes the way of a real callback: parsed from fields, then verified.
    fn return_is_accepted(
        &self,
        signature: String,
        password: Password<'_>,
        algorithm: HashAlgorithm,
    ) -> bool {
        let mut fields = vec![
            ("OutSum".to_owned(), self.inputs.get("out_sum").to_owned()),
            ("InvId".to_owned(), self.inputs.get("inv_id").to_owned()),
            ("SignatureValue".to_owned(), signature),
        ];
        fields.extend_from_slice(self.inputs.shp());
        SignedReturn::parse(fields)
            .is_ok_and(|received| received.check(password, algorithm).is_ok())
    }
}

#[cfg(test)]
mod tests;
