//! Base strings and hashes, written from Robokassa's rules alone: the shop has its own, and the two must agree.

use std::str::FromStr;

use md5::Md5;
use ripemd::Ripemd160;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::form::Form;

/// Robokassa: the hash is the shop's setting, one for live and one for test payments. Never an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Ripemd160,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// Not one of Robokassa's hashes.
#[derive(Debug)]
pub(crate) struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name.to_ascii_lowercase().as_str() {
            "md5" => Ok(Self::Md5),
            "ripemd160" => Ok(Self::Ripemd160),
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(UnknownAlgorithm),
        }
    }
}

impl Algorithm {
    /// Lower-case hex of the hash of the base string's UTF-8 bytes.
    pub(crate) fn hex(self, base: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(base)),
            Self::Ripemd160 => hex::encode(Ripemd160::digest(base)),
            Self::Sha1 => hex::encode(Sha1::digest(base)),
            Self::Sha256 => hex::encode(Sha256::digest(base)),
            Self::Sha384 => hex::encode(Sha384::digest(base)),
            Self::Sha512 => hex::encode(Sha512::digest(base)),
        }
    }

    /// Robokassa: hex in any letter case is taken.
    pub(crate) fn accepts(self, base: &str, received: &str) -> bool {
        self.hex(base).eq_ignore_ascii_case(received)
    }
}

/// Robokassa: what may stand between InvId and Password#1, in this order. One that is not sent takes no place.
const MODIFIERS: [&str; 10] = [
    "OutSumCurrency",
    "UserIp",
    "Receipt",
    "StepByStep",
    "ResultUrl2",
    "SuccessUrl2",
    "SuccessUrl2Method",
    "FailUrl2",
    "FailUrl2Method",
    "Token",
];

/// `MerchantLogin:OutSum:InvId[:modifiers]:Password#1[:Shp_…]`; InvId keeps its place when it is not sent.
pub(crate) fn link_base(form: &Form, password1: &str) -> String {
    let mut base = format!(
        "{}:{}:{}",
        form.merchant_login().unwrap_or_default(),
        form.get("OutSum").unwrap_or_default(),
        form.get("InvId").unwrap_or_default()
    );
    for value in MODIFIERS.iter().filter_map(|name| form.sent(name)) {
        base.push(':');
        base.push_str(value);
    }
    base.push(':');
    base.push_str(password1);
    push_shp(&mut base, &form.shp());
    base
}

/// `OutSum:InvId:Password[:Shp_…]`: Password#2 for ResultURL, Password#1 for SuccessURL.
pub(crate) fn notice_base(
    out_sum: &str,
    inv_id: &str,
    password: &str,
    shp: &[(String, String)],
) -> String {
    let mut base = format!("{out_sum}:{inv_id}:{password}");
    push_shp(&mut base, shp);
    base
}

/// `MerchantLogin:InvoiceID:Password#2`.
pub(crate) fn state_base(login: &str, invoice_id: &str, password2: &str) -> String {
    format!("{login}:{invoice_id}:{password2}")
}

/// Robokassa: `name=value`, sorted, names and values exactly as sent.
fn push_shp(base: &mut String, shp: &[(String, String)]) {
    let mut pairs: Vec<String> = shp
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.sort_unstable();
    for pair in pairs {
        base.push(':');
        base.push_str(&pair);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn shp(inputs: &Value) -> Vec<(String, String)> {
        let pairs = inputs["shp"].as_object().into_iter().flatten();
        pairs
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect()
    }

    fn base(vector: &Value) -> String {
        let inputs = &vector["inputs"];
        let text = |name: &str| inputs[name].as_str().unwrap_or_default();
        match vector["kind"].as_str().unwrap() {
            "payment_link" => {
                let mut pairs = vec![(
                    "MerchantLogin".to_owned(),
                    text("merchant_login").to_owned(),
                )];
                for (name, input) in [
                    ("OutSum", "out_sum"),
                    ("InvId", "inv_id"),
                    ("UserIp", "user_ip"),
                    ("Receipt", "receipt_as_signed"),
                    ("StepByStep", "step_by_step"),
                    ("ResultUrl2", "result_url2"),
                    ("SuccessUrl2", "success_url2"),
                    ("SuccessUrl2Method", "success_url2_method"),
                    ("FailUrl2", "fail_url2"),
                    ("FailUrl2Method", "fail_url2_method"),
                    ("OutSumCurrency", "out_sum_currency"),
                    ("Token", "token"),
                ] {
                    if let Some(value) = inputs[input].as_str() {
                        pairs.push((name.to_owned(), value.to_owned()));
                    }
                }
                pairs.extend(shp(inputs));
                link_base(&Form::new(pairs), text("password1"))
            }
            "result_url" => notice_base(
                text("out_sum"),
                text("inv_id"),
                text("password2"),
                &shp(inputs),
            ),
            "success_url" => notice_base(
                text("out_sum"),
                text("inv_id"),
                text("password1"),
                &shp(inputs),
            ),
            "op_state" => state_base(
                text("merchant_login"),
                text("invoice_id"),
                text("password2"),
            ),
            kind => panic!("unknown kind {kind}"),
        }
    }

    #[test]
    fn the_protocols_test_vectors_agree() {
        let vectors: Vec<Value> =
            serde_json::from_str(include_str!("../../tests/signatures.json")).unwrap();
        assert!(vectors.len() > 40);
        for vector in &vectors {
            let id = &vector["id"];
            let algorithm: Algorithm = vector["algorithm"].as_str().unwrap().parse().unwrap();
            let base = base(vector);
            assert_eq!(base, vector["base_string"].as_str().unwrap(), "{id}");
            assert_eq!(
                algorithm.hex(&base),
                vector["expected_signature"].as_str().unwrap(),
                "{id}"
            );
            if let Some(received) = vector["inputs"]["received_signature"].as_str() {
                assert_eq!(
                    algorithm.accepts(&base, received),
                    vector["valid"].as_bool().unwrap(),
                    "{id}"
                );
            }
        }
    }

    #[test]
    fn modifiers_stand_in_the_documented_order_whatever_order_they_came_in() {
        let pairs = [
            ("Shp_b", "2"),
            ("Token", "T"),
            ("FailUrl2Method", "GET"),
            ("FailUrl2", "F"),
            ("SuccessUrl2Method", "POST"),
            ("SuccessUrl2", "S"),
            ("ResultUrl2", "R"),
            ("StepByStep", "true"),
            ("Receipt", "%7B%7D"),
            ("UserIp", "203.0.113.7"),
            ("OutSumCurrency", "USD"),
            ("OutSum", "10.00"),
            ("MerchantLogin", "shop"),
            ("Shp_a", "1"),
        ];
        let form = Form::new(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        );
        assert_eq!(
            link_base(&form, "p1"),
            "shop:10.00::USD:203.0.113.7:%7B%7D:true:R:S:POST:F:GET:T:p1:Shp_a=1:Shp_b=2"
        );
    }
}
