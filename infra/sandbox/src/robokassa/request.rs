//! A payment link opened: checked as Robokassa checks it, refused with the page's error codes.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::form::Form;
use super::receipt::{Receipt, ReceiptError, json_of_value};
use super::shop;
use super::signature;
use crate::settings::Settings;

/// Robokassa: longest Description.
const LONGEST_DESCRIPTION: usize = 100;

/// Why the payment page is not shown. Robokassa: the codes of the error page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageError {
    pub(crate) code: u16,
    pub(crate) reason: Cow<'static, str>,
}

impl PageError {
    pub(crate) const TEST_NOT_SET: Self = Self {
        code: 23,
        reason: Cow::Borrowed("The shop's test settings are not filled in"),
    };
    pub(crate) const NOT_ACTIVE: Self = Self {
        code: 25,
        reason: Cow::Borrowed("The shop is not active"),
    };
    pub(crate) const NO_SHOP: Self = Self {
        code: 26,
        reason: Cow::Borrowed("The shop was not found: check MerchantLogin"),
    };
    pub(crate) const BAD_SIGNATURE: Self = Self {
        code: 29,
        reason: Cow::Borrowed("Wrong SignatureValue"),
    };
    pub(crate) const BAD_SUM: Self = Self {
        code: 31,
        reason: Cow::Borrowed("Wrong payment sum: check OutSum"),
    };
    pub(crate) const EXPIRED: Self = Self {
        code: 33,
        reason: Cow::Borrowed("The time for this payment is up"),
    };
    pub(crate) const REPEATED: Self = Self {
        code: 40,
        reason: Cow::Borrowed("A payment with this InvId was already made"),
    };

    pub(crate) const fn bad_parameter(reason: &'static str) -> Self {
        Self {
            code: 30,
            reason: Cow::Borrowed(reason),
        }
    }
}

impl From<ReceiptError> for PageError {
    fn from(cause: ReceiptError) -> Self {
        Self {
            code: 30,
            reason: Cow::Owned(cause.to_string()),
        }
    }
}

/// Where the browser goes afterwards, when the link says so.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReturnTo {
    pub(crate) url: String,
    pub(crate) by_post: bool,
}

/// A link that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct PaymentRequest {
    /// Absent: Robokassa gives its own number.
    pub(crate) inv_id: Option<i64>,
    pub(crate) out_sum: String,
    pub(crate) description: String,
    pub(crate) is_test: bool,
    pub(crate) shp: Vec<(String, String)>,
    pub(crate) email: String,
    pub(crate) culture: String,
    /// JSON, decoded and checked.
    pub(crate) receipt: Option<String>,
    pub(crate) success: Option<ReturnTo>,
    pub(crate) fail: Option<ReturnTo>,
    /// Stands for the shop's ResultURL2.
    pub(crate) result_url2: Option<String>,
}

/// Checks everything in the order in which the real page was seen to complain.
///
/// # Errors
/// The code and reason of the error page.
pub(crate) fn check(
    form: &Form,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<PaymentRequest, PageError> {
    let login = form.merchant_login().ok_or(PageError::NO_SHOP)?;
    if settings.robokassa_login.is_empty() {
        return Err(PageError::NOT_ACTIVE);
    }
    if login != settings.robokassa_login {
        return Err(PageError::NO_SHOP);
    }
    // Robokassa: missing, empty or 0 is a live payment.
    let is_test = match form.get("IsTest").unwrap_or_default() {
        "" | "0" => false,
        "1" => true,
        _ => return Err(PageError::bad_parameter("IsTest must be 0 or 1")),
    };
    let keys = shop::keys(settings, is_test);
    if keys.password1.is_empty() {
        return Err(if is_test {
            PageError::TEST_NOT_SET
        } else {
            PageError::NOT_ACTIVE
        });
    }
    let out_sum = form.get("OutSum").unwrap_or_default();
    let amount = Amount::parse(out_sum).ok_or(PageError::BAD_SUM)?;
    let inv_id = match form.get("InvId").unwrap_or_default() {
        "" => None,
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => match text.parse::<i64>() {
            Ok(0) => None,
            Ok(number) => Some(number),
            Err(_) => return Err(PageError::bad_parameter("InvId is too large")),
        },
        _ => return Err(PageError::bad_parameter("InvId must be a number")),
    };
    let received = form.get("SignatureValue").unwrap_or_default();
    if !keys
        .algorithm
        .accepts(&signature::link_base(form, keys.password1), received)
    {
        return Err(PageError::BAD_SIGNATURE);
    }
    let description = form
        .get("Description")
        .or_else(|| form.get("InvDesc"))
        .unwrap_or_default();
    if description.chars().count() > LONGEST_DESCRIPTION {
        return Err(PageError::bad_parameter(
            "Description is longer than 100 characters",
        ));
    }
    if let Some(encoding) = form.sent("Encoding")
        && !encoding.eq_ignore_ascii_case("utf-8")
    {
        return Err(PageError::bad_parameter(
            "the sandbox reads Encoding=utf-8 only",
        ));
    }
    if let Some(date) = form.sent("ExpirationDate") {
        let date =
            expiration(date).ok_or(PageError::bad_parameter("ExpirationDate is not a date"))?;
        if date <= now {
            return Err(PageError::EXPIRED);
        }
    }
    let receipt = form.sent("Receipt").map(json_of_value);
    if let Some(receipt) = &receipt {
        Receipt::parse(receipt)?.check(amount)?;
    }
    let result_url2 = match form.sent("ResultUrl2") {
        Some(text) if address(text).is_none() => {
            return Err(PageError::bad_parameter("ResultUrl2 must be an address"));
        }
        sent => sent.map(str::to_owned),
    };
    Ok(PaymentRequest {
        inv_id,
        out_sum: out_sum.to_owned(),
        description: description.to_owned(),
        is_test,
        shp: form.shp(),
        email: form.get("Email").unwrap_or_default().to_owned(),
        culture: if form.get("Culture") == Some("ru") {
            "ru".to_owned()
        } else {
            "en".to_owned()
        },
        receipt,
        success: return_to(form, "SuccessUrl2", "SuccessUrl2Method")?,
        fail: return_to(form, "FailUrl2", "FailUrl2Method")?,
        result_url2,
    })
}

/// Robokassa: ISO 8601, up to seven digits of a second; without a zone it is Moscow time.
fn expiration(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Some(zoned.to_utc());
    }
    let moscow = FixedOffset::east_opt(3 * 60 * 60)?;
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .and_then(|naive| naive.and_local_timezone(moscow).single())
        .map(|date| date.to_utc())
}

fn return_to(form: &Form, name: &str, method_name: &str) -> Result<Option<ReturnTo>, PageError> {
    let Some(url) = form.sent(name) else {
        return Ok(None);
    };
    let by_post = match form.get(method_name).unwrap_or_default() {
        "" | "GET" => false,
        "POST" => true,
        _ => {
            return Err(PageError::bad_parameter(
                "the method of SuccessUrl2 or FailUrl2 must be GET or POST",
            ));
        }
    };
    match address(url) {
        Some(_) => Ok(Some(ReturnTo {
            url: url.to_owned(),
            by_post,
        })),
        None => Err(PageError::bad_parameter(
            "SuccessUrl2 and FailUrl2 must be addresses",
        )),
    }
}

fn address(text: &str) -> Option<url::Url> {
    url::Url::parse(text)
        .ok()
        .filter(|address| matches!(address.scheme(), "http" | "https"))
}
