//! Checks this implementation against a file of test vectors made with other libraries.
//!
//! The file is a JSON array of `{id, kind, algorithm, inputs, base_string, expected_signature, valid}`; fields that are
//! not known are ignored. Where `valid` is false, `inputs.received_signature` is a forgery and must be refused.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::algorithm::{HashAlgorithm, digests_equal};
use super::base_string::{BaseString, Password};
use super::jwt::{self, JwtAlgorithm};
use super::link_base::LinkBase;
use super::signed_return::{self, SignedReturn};
use super::{op_state, refund, second_receipt, split};

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
    inputs: Map<String, Value>,
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
    /// Whether `received_signature` is accepted, if there is one.
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
        same(
            "token",
            &self.token,
            outcome.token.as_deref().unwrap_or_default(),
        )?;
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
        let received = self.text("received_signature");
        let password_name = match self.kind.as_str() {
            "result_url" | "op_state" => "password2",
            _ => "password1",
        };
        let secret = SecretString::from(self.required(password_name)?);
        let password = Password::new(&secret, "the password");
        let base = self.base_string(password)?;
        let accepted = received.map(|signature| match self.kind.as_str() {
            "result_url" | "success_url" => self.return_is_accepted(signature, password, algorithm),
            _ => hex::decode(signature).is_ok_and(|digest| base.matches(algorithm, &digest)),
        });
        Ok(Outcome {
            base: base.expose().to_owned(),
            signature: base.sign(algorithm),
            token: None,
            accepted,
        })
    }

    fn base_string(&self, password: Password<'_>) -> Result<BaseString, String> {
        let texts = Texts::of(&self.inputs);
        Ok(match self.kind.as_str() {
            "payment_link" => texts.link("inv_id").base_string(password),
            "recurring_child" | "hold_confirm" | "hold_cancel" => {
                texts.link("invoice_id").base_string(password)
            }
            "result_url" | "success_url" => signed_return::base_string(
                texts.get("out_sum"),
                texts.get("inv_id"),
                &self.shp(),
                password,
            ),
            "op_state" => op_state::base_string(
                texts.get("merchant_login"),
                texts.get("invoice_id"),
                password,
            ),
            "split" => split::base_string(&self.required("invoice_json")?, password),
            "second_receipt" => {
                second_receipt::base_string(&self.required("payload_base64url")?, password)
            }
            other => return Err(format!("unknown kind {other:?}")),
        })
    }

    /// Goes the way of a real callback: parsed from fields, then verified.
    fn return_is_accepted(
        &self,
        signature: String,
        password: Password<'_>,
        algorithm: HashAlgorithm,
    ) -> bool {
        let texts = Texts::of(&self.inputs);
        let mut fields = vec![
            ("OutSum".to_owned(), texts.get("out_sum").to_owned()),
            ("InvId".to_owned(), texts.get("inv_id").to_owned()),
            ("SignatureValue".to_owned(), signature),
        ];
        fields.extend(self.shp());
        SignedReturn::parse(fields)
            .is_ok_and(|received| received.check(password, algorithm).is_ok())
    }

    fn jwt(&self) -> Result<Outcome, String> {
        let hash: HashAlgorithm = self
            .algorithm
            .strip_prefix("hmac-")
            .unwrap_or(&self.algorithm)
            .parse()
            .map_err(|error| format!("{error}"))?;
        let header = self.required("header_json")?;
        let key = self.required("key")?;
        let base = jwt::signing_input(&header, &self.required("payload_json")?);
        let signature = jwt::signature(&base, &key, hash);
        let known: &[JwtAlgorithm] = if self.kind == "refund_jwt" {
            &refund::ALGORITHMS
        } else {
            &JwtAlgorithm::ALL
        };
        let token = format!("{base}.{signature}");
        if self.valid {
            jwt::verify(&token, &key, known).map_err(|error| error.to_string())?;
        }
        let accepted = self.text("received_signature").map(|received| {
            let ours = URL_SAFE_NO_PAD.decode(&signature).unwrap_or_default();
            let right = URL_SAFE_NO_PAD
                .decode(&received)
                .is_ok_and(|theirs| digests_equal(&ours, &theirs));
            right && jwt::verify(&format!("{base}.{received}"), &key, known).is_ok()
        });
        Ok(Outcome {
            base,
            signature,
            token: Some(token).filter(|_| self.token.is_some()),
            accepted,
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        self.inputs.get(name).and_then(as_text)
    }

    fn required(&self, name: &str) -> Result<String, String> {
        self.text(name).ok_or_else(|| format!("no inputs.{name}"))
    }

    fn shp(&self) -> Vec<(String, String)> {
        shp_of(&self.inputs)
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn shp_of(inputs: &Map<String, Value>) -> Vec<(String, String)> {
    inputs
        .get("shp")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), as_text(value).unwrap_or_default()))
        .collect()
}

/// The inputs as texts, numbers written as they stand.
struct Texts {
    pairs: Vec<(String, String)>,
    shp: Vec<(String, String)>,
}

impl Texts {
    fn of(inputs: &Map<String, Value>) -> Self {
        Self {
            pairs: inputs
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), as_text(value)?)))
                .collect(),
            shp: shp_of(inputs),
        }
    }

    fn find(&self, name: &str) -> Option<&str> {
        super::form::value(&self.pairs, name)
    }

    fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    fn link(&self, invoice: &str) -> LinkBase<'_> {
        LinkBase {
            merchant_login: self.get("merchant_login"),
            out_sum: self.get("out_sum"),
            inv_id: self.get(invoice),
            out_sum_currency: self.find("out_sum_currency"),
            user_ip: self.find("user_ip"),
            receipt: self.find("receipt_as_signed"),
            step_by_step: self.find("step_by_step"),
            result_url2: self.find("result_url2"),
            success_url2: self.find("success_url2"),
            success_url2_method: self.find("success_url2_method"),
            fail_url2: self.find("fail_url2"),
            fail_url2_method: self.find("fail_url2_method"),
            token: self.find("token"),
            shp: self.shp.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const VECTORS: &str = include_str!("../../tests/vectors/robokassa.json");

    #[test]
    fn every_vector_passes() {
        let report = check(VECTORS).unwrap();
        assert!(report.is_success(), "{report}");
        assert_eq!(report.to_string(), "69 passed, 0 failed");
    }

    #[test]
    fn forgeries_are_refused_and_would_be_noticed() {
        let mut vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        vectors.retain(|vector| vector["valid"] == json!(false));
        assert!(!vectors.is_empty());
        for vector in &mut vectors {
            vector["inputs"]["received_signature"] = vector["expected_signature"].clone();
        }
        let report = check(&Value::from(vectors.clone()).to_string()).unwrap();
        assert_eq!(report.failed.len(), vectors.len());
        assert!(
            report
                .failed
                .iter()
                .all(|failure| failure.reason == "a forgery is accepted")
        );
    }

    fn failure(vector: Value) -> String {
        let report = check(&Value::from(vec![vector]).to_string()).unwrap();
        assert!(report.passed.is_empty() && !report.is_success());
        report.failed[0].reason.clone()
    }

    #[test]
    fn a_vector_that_differs_fails_with_its_reason() {
        let vector = |change: fn(&mut Value)| {
            let mut vector = json!({
                "id": "x", "kind": "hold_cancel", "algorithm": "md5",
                "inputs": {"merchant_login": "demo", "invoice_id": 7, "password1": "p"},
                "base_string": "demo::7:p",
                "expected_signature": "00",
            });
            change(&mut vector);
            failure(vector)
        };
        assert!(vector(|_| ()).starts_with("signature: expected \"00\""));
        assert!(vector(|v| v["base_string"] = json!("x")).starts_with("base string"));
        assert!(vector(|v| v["kind"] = json!("x")).starts_with("unknown kind"));
        assert!(vector(|v| v["algorithm"] = json!("x")).contains("must be one of"));
        assert!(vector(|v| v["inputs"] = json!({})).contains("no inputs.password1"));
        assert!(failure(json!({})).starts_with("unreadable"));
        assert!(check("{}").is_err());
        assert!(!check("[]").unwrap().is_success());
    }

    #[test]
    fn hold_calls_pass_with_what_the_facts_say() {
        let cancel = "demo::7:p";
        let confirm = "demo:1.00:7:p";
        let vectors = json!([
            {"id": "a", "kind": "hold_cancel", "algorithm": "sha256",
             "inputs": {"merchant_login": "demo", "invoice_id": "7", "password1": "p", "surprise": [1]},
             "base_string": cancel,
             "expected_signature": hex::encode(HashAlgorithm::Sha256.digest(cancel.as_bytes()))},
            {"id": "b", "kind": "hold_confirm", "algorithm": "sha1",
             "inputs": {"merchant_login": "demo", "out_sum": "1.00", "invoice_id": "7", "password1": "p"},
             "base_string": confirm,
             "expected_signature": hex::encode(HashAlgorithm::Sha1.digest(confirm.as_bytes()))},
        ]);
        let report = check(&vectors.to_string()).unwrap();
        assert_eq!(report.to_string(), "2 passed, 0 failed");
    }

    #[test]
    fn a_forged_token_is_refused() {
        let vector = |header: &str, signature: &str| {
            json!([{
                "id": "j", "kind": "refund_jwt", "algorithm": "hmac-sha256", "valid": false,
                "inputs": {"header_json": header, "payload_json": "{}", "key": "k", "received_signature": signature},
            }])
            .to_string()
        };
        let md5 = r#"{"alg":"MD5"}"#;
        let signed = jwt::signature(&jwt::signing_input(md5, "{}"), "k", HashAlgorithm::Sha256);
        assert!(check(&vector(md5, &signed)).unwrap().is_success());
        assert!(
            check(&vector(r#"{"alg":"none"}"#, ""))
                .unwrap()
                .is_success()
        );
        assert!(
            check(&vector(r#"{"alg":"HS256"}"#, "AAAA"))
                .unwrap()
                .is_success()
        );
    }
}
