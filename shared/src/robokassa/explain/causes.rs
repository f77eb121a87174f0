//! What is wrong with a callback, in plain words.

use super::Known;
use crate::ids::Mode;
use crate::robokassa::algorithm::HashAlgorithm;
use crate::robokassa::alterations::{self, writings};
use crate::robokassa::base_string::BaseString;
use crate::robokassa::form;
use crate::robokassa::link_base::LinkBase;
use crate::robokassa::op_state;
use crate::robokassa::secrets::{Credentials, ShopSecrets};
use crate::robokassa::signed_return::{MalformedReturn, SignedReturn};
use crate::robokassa::signer::find_signer;

/// Names under which the same values are met elsewhere, and what to say of them.
const OTHER_NAMES: [(&str, &str); 5] = [
    ("out_summ", "OutSum"),
    ("inv_id", "InvId"),
    ("crc", "SignatureValue"),
    ("InvoiceID", "InvId"),
    ("Signature", "SignatureValue"),
];

/// Of what has not the form of a callback.
pub(super) fn malformed(
    why: &MalformedReturn,
    fields: &[(String, String)],
    tried: &[Credentials<'_>],
) -> Vec<String> {
    let mut findings = vec![format!("It has not the form of a ResultURL call: {why}.")];
    let hint = match why {
        _ if form::value(fields, "MerchantLogin").is_some() => {
            "It carries MerchantLogin: this is a payment request, not a callback.".to_owned()
        }
        MalformedReturn::Missing(name) => missing(name, fields),
        MalformedReturn::Duplicate(_) => {
            "By POST only the body counts, by GET only the query: were both pasted together, or is a parameter added \
             on the way?"
                .to_owned()
        }
        MalformedReturn::BadOutSum => {
            "OutSum must be plain digits with a dot, as Robokassa sends it (100.000000); a comma or an exponent means \
             that it was rewritten on the way."
                .to_owned()
        }
        MalformedReturn::BadInvId => {
            "InvId must be digits, at most 9223372036854775807.".to_owned()
        }
        MalformedReturn::BadSignatureText => signature_text(fields, tried),
        MalformedReturn::TooManyFields => "Robokassa sends some twenty.".to_owned(),
    };
    findings.push(hint);
    findings
}

fn missing(name: &str, fields: &[(String, String)]) -> String {
    if fields.is_empty() || fields.iter().all(|(_, value)| value.is_empty()) {
        return match fields {
            [(token, _)] if token.split('.').count() == 3 && token.starts_with("ey") => {
                "This looks like a ResultURL2 notification (a signed token), which has an address of its own."
            }
            _ => "No parameters were found in the text.",
        }
        .to_owned();
    }
    let cased = fields
        .iter()
        .find(|(field, _)| field.eq_ignore_ascii_case(name) && field != name);
    let renamed = fields.iter().find(|(field, _)| {
        OTHER_NAMES
            .iter()
            .any(|&(other, meant)| meant == name && field == other)
    });
    if let Some((field, _)) = cased {
        format!(
            "{field} came: something on the way changes the letter case of names, which must stay as they are."
        )
    } else if name == "SignatureValue" && form::value(fields, "InvId").is_some() {
        "It carries no signature: this may be a FailURL redirect, which proves nothing.".to_owned()
    } else if let Some((field, _)) = renamed {
        format!(
            "{field} came, which other messages of Robokassa carry; a ResultURL call has {name}."
        )
    } else {
        "Was only a part of it copied?".to_owned()
    }
}

fn signature_text(fields: &[(String, String)], tried: &[Credentials<'_>]) -> String {
    let text = form::value(fields, "SignatureValue").unwrap_or_default();
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return "It holds characters other than 0-9 and A-F (a space, 0x, base64?), so it was not made or not passed \
                on as Robokassa does."
            .to_owned();
    }
    let lengths: Vec<String> = tried
        .iter()
        .map(|c| format!("{} for {}", c.hash().digest_len() * 2, c.hash()))
        .collect();
    format!(
        "It has {} hex digits ({} are right): was it cut off?",
        text.len(),
        lengths.join(", ")
    )
}

/// Of a right signature.
pub(super) fn accepted(parsed: &SignedReturn, mode: Mode, known: Known) -> Vec<String> {
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

/// Of a wrong signature. Looks for the one thing that is wrong: first with the parameters as they came, then with each
/// way in which they may have been altered.
pub(super) fn refused(
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
    let mut findings: Vec<String> = test_payment(parsed, shop)
        .into_iter()
        .chain(wrong_length(parsed, tried))
        .collect();
    if let Some((name, _)) = parsed
        .shp
        .iter()
        .find(|(_, value)| value.contains('\u{fffd}'))
    {
        findings.push(format!(
            "The value of {name} is no UTF-8: it was re-encoded on the way (windows-1251?). Robokassa signs and sends UTF-8."
        ));
    }
    if tried.is_empty() {
        return findings;
    }
    findings.push(
        "No password in the settings gives this signature, with any algorithm. Either Password#2 in the settings \
         is not the one in the cabinet, or OutSum, InvId or a Shp_ parameter was changed or lost on the way, or it is \
         a forgery."
            .to_owned(),
    );
    findings
}

/// `IsTest` is not signed and decides nothing, but says where to look.
fn test_payment(parsed: &SignedReturn, shop: &ShopSecrets) -> Option<String> {
    let word = form::value(&parsed.raw, "IsTest")?;
    if !(word == "1" || word.eq_ignore_ascii_case("true")) {
        return None;
    }
    Some(match shop.credentials(Mode::Test) {
        Ok(_) => {
            "IsTest=1 came with it: compare the test Password#2 and the test hash with the cabinet."
                .to_owned()
        }
        Err(_) => format!(
            "IsTest=1 came with it: a test payment, signed with the test Password#2. {}",
            super::no_passwords(Mode::Test)
        ),
    })
}

fn wrong_length(parsed: &SignedReturn, tried: &[Credentials<'_>]) -> Option<String> {
    let length = parsed.signature.len();
    if tried.is_empty() || tried.iter().any(|c| c.hash().digest_len() == length) {
        return None;
    }
    let fitting: Vec<&str> = HashAlgorithm::ALL
        .into_iter()
        .filter(|algorithm| algorithm.digest_len() == length)
        .map(HashAlgorithm::as_str)
        .collect();
    let settings: Vec<&str> = tried.iter().map(|c| c.hash().as_str()).collect();
    Some(format!(
        "A signature of {} hex digits is made with {}, and the settings say {}: compare the hash in the cabinet.",
        length * 2,
        fitting.join(" or "),
        settings.join(" and ")
    ))
}

/// Signatures of other messages of the same shop that people take for a callback's.
fn other_message(parsed: &SignedReturn, shop: &ShopSecrets) -> Option<String> {
    let mut sums = vec![parsed.out_sum_text.clone()];
    sums.extend(parsed.amount().into_iter().flat_map(writings));
    [Mode::Live, Mode::Test]
        .into_iter()
        .filter_map(|mode| shop.credentials(mode).ok())
        .find_map(|credentials| {
            let fits = |base: &BaseString| {
                HashAlgorithm::ALL
                    .into_iter()
                    .any(|algorithm| base.matches(algorithm, &parsed.signature))
            };
            let is_link = sums.iter().any(|out_sum| {
                let link = LinkBase {
                    merchant_login: credentials.login(),
                    out_sum,
                    inv_id: &parsed.inv_id_text,
                    shp: parsed.shp.clone(),
                    ..LinkBase::default()
                };
                link.base_strings(credentials.password1()).iter().any(fits)
            });
            let state = op_state::base_string(
                credentials.login(),
                &parsed.inv_id_text,
                credentials.password2(),
            );
            if is_link {
                Some("It is the signature of the payment request, copied: no proof of payment.")
            } else if fits(&state) {
                Some("It is the signature of an OpStateExt question, copied: no proof of payment.")
            } else {
                None
            }
        })
        .map(str::to_owned)
}
