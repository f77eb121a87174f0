//! What ResultURL and SuccessURL have in common: `OutSum`, `InvId`, `SignatureValue` and `Shp_` parameters, signed as
//! `OutSum:InvId:Password[:Shp_a=1:Shp_b=2…]`.

use super::algorithm::HashAlgorithm;
use super::base_string::{BaseString, Password};
use super::form::Fields;
use super::shp::{self, ShpOrder};
use crate::ids::InvoiceId;
use crate::money::{Money, MoneyError};

/// More fields than Robokassa ever sends are not looked at.
const MAX_FIELDS: usize = 100;
/// The longest `OutSum` text that is looked at.
const MAX_OUT_SUM_CHARS: usize = 32;
/// Robokassa: an `InvId` fits a signed 64-bit number.
const MAX_INV_ID: u64 = i64::MAX.unsigned_abs();

/// Why received fields cannot be a message of Robokassa, whatever the passwords. Answer 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReturn {
    /// A required field is missing or empty.
    #[error("{0} is missing or empty")]
    Missing(&'static str),
    /// A signed field came twice, so that two readers could see two values.
    #[error("{0:?} came more than once")]
    Duplicate(String),
    /// `OutSum` is not `digits` or `digits.digits`.
    #[error("OutSum is not a decimal")]
    BadOutSum,
    /// `InvId` is not a number of Robokassa's range.
    #[error("InvId is not a number that Robokassa could send")]
    BadInvId,
    /// `SignatureValue` is not the hex text of any of the six algorithms.
    #[error("SignatureValue is not a digest in hex")]
    BadSignatureText,
    /// More than 100 fields.
    #[error("more than 100 fields came")]
    TooManyFields,
}

/// The signature is not that of these fields under that password and algorithm. Answer 400; `explain` tells why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not that of {password} with {algorithm}")]
pub struct BadSignature {
    /// The password that was tried, by name.
    pub password: &'static str,
    /// The algorithm that was tried.
    pub algorithm: HashAlgorithm,
}

/// Fields that have the right form and are not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignedReturn {
    pub(super) out_sum_text: String,
    pub(super) inv_id_text: String,
    pub(super) inv_id: u64,
    pub(super) shp: Vec<(String, String)>,
    pub(super) signature: Vec<u8>,
    pub(super) raw: Fields,
}

impl SignedReturn {
    /// Takes fields that were decoded exactly once.
    ///
    /// Only a repeated *signed* field is refused: a payment must not be lost over a repeated one that nobody reads.
    /// `OutSum` must be a decimal even before its signature is checked, because OpState requests are signed as
    /// `MerchantLogin:InvoiceID:Password#2`: whoever saw one could otherwise present the login as a sum.
    pub(super) fn parse(raw: Fields) -> Result<Self, MalformedReturn> {
        if raw.len() > MAX_FIELDS {
            return Err(MalformedReturn::TooManyFields);
        }
        let shp = shp::select(&raw);
        for (index, (name, _)) in shp.iter().enumerate() {
            if shp.iter().skip(index + 1).any(|(other, _)| other == name) {
                return Err(MalformedReturn::Duplicate(name.clone()));
            }
        }
        let out_sum_text = single(&raw, "OutSum")?;
        let inv_id_text = single(&raw, "InvId")?;
        let signature_text = single(&raw, "SignatureValue")?;
        if !is_decimal(&out_sum_text) {
            return Err(MalformedReturn::BadOutSum);
        }
        let inv_id = parse_inv_id(&inv_id_text).ok_or(MalformedReturn::BadInvId)?;
        let signature = hex::decode(signature_text)
            .ok()
            .filter(|digest| {
                HashAlgorithm::ALL
                    .iter()
                    .any(|algorithm| algorithm.digest_len() == digest.len())
            })
            .ok_or(MalformedReturn::BadSignatureText)?;
        Ok(Self {
            out_sum_text,
            inv_id_text,
            inv_id,
            shp,
            signature,
            raw,
        })
    }

    pub(super) fn invoice(&self) -> Option<InvoiceId> {
        InvoiceId::new(self.inv_id).ok()
    }

    pub(super) fn amount(&self) -> Result<Money, MoneyError> {
        Money::parse_rubles(&self.out_sum_text)
    }

    /// The base string, the `Shp_` parameters in that order.
    pub(super) fn base_string(&self, password: Password<'_>, order: ShpOrder) -> BaseString {
        with_pairs(
            &self.out_sum_text,
            &self.inv_id_text,
            &order.arrange(&self.shp),
            password,
        )
    }

    /// Compares in constant time, under each order of the `Shp_` parameters that differs.
    pub(super) fn check(
        &self,
        password: Password<'_>,
        algorithm: HashAlgorithm,
    ) -> Result<ShpOrder, BadSignature> {
        ShpOrder::arrangements(&self.shp)
            .into_iter()
            .find(|(_, pairs)| {
                with_pairs(&self.out_sum_text, &self.inv_id_text, pairs, password)
                    .matches(algorithm, &self.signature)
            })
            .map(|(order, _)| order)
            .ok_or(BadSignature {
                password: password.label(),
                algorithm,
            })
    }
}

/// The base string of a return, the `Shp_` parameters in the order that we sign with.
pub(super) fn base_string(
    out_sum: &str,
    inv_id: &str,
    shp: &[(String, String)],
    password: Password<'_>,
) -> BaseString {
    with_pairs(out_sum, inv_id, &ShpOrder::WholePair.arrange(shp), password)
}

/// The base strings of a return under every order of the `Shp_` parameters that differs.
pub(super) fn base_strings(
    out_sum: &str,
    inv_id: &str,
    shp: &[(String, String)],
    password: Password<'_>,
) -> Vec<BaseString> {
    ShpOrder::arrangements(shp)
        .iter()
        .map(|(_, pairs)| with_pairs(out_sum, inv_id, pairs, password))
        .collect()
}

fn with_pairs(out_sum: &str, inv_id: &str, pairs: &[String], password: Password<'_>) -> BaseString {
    BaseString::joined(
        [out_sum, inv_id],
        password,
        pairs.iter().map(String::as_str),
    )
}

/// The one value of a required field.
pub(super) fn single(
    fields: &[(String, String)],
    name: &'static str,
) -> Result<String, MalformedReturn> {
    let mut values = fields.iter().filter(|(field, _)| field == name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(MalformedReturn::Duplicate(name.to_owned())),
        (Some((_, value)), None) if !value.is_empty() => Ok(value.clone()),
        _ => Err(MalformedReturn::Missing(name)),
    }
}

/// Digits only, at most what Robokassa's signed 64 bits hold.
pub(super) fn parse_inv_id(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 20 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|&number| number <= MAX_INV_ID)
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    text.len() <= MAX_OUT_SUM_CHARS && digits(whole) && digits(decimals)
}
