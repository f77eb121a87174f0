//! The payment form's fiscal receipt (54-FZ): read, and refused where Robokassa would refuse it.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::amount::Amount;
use super::decimal;

/// Robokassa: most lines of a receipt, and longest name of one.
const MOST_ITEMS: usize = 100;
const LONGEST_NAME: usize = 128;

const SCHEMES: [&str; 6] = [
    "osn",
    "usn_income",
    "usn_income_outcome",
    "envd",
    "esn",
    "patent",
];
const TAXES: [&str; 12] = [
    "none", "vat0", "vat5", "vat7", "vat10", "vat20", "vat22", "vat105", "vat107", "vat110",
    "vat120", "vat122",
];
const METHODS: [&str; 7] = [
    "full_prepayment",
    "prepayment",
    "advance",
    "full_payment",
    "partial_payment",
    "credit",
    "credit_payment",
];
const OBJECTS: [&str; 19] = [
    "commodity",
    "excise",
    "job",
    "service",
    "gambling_bet",
    "gambling_prize",
    "lottery",
    "lottery_prize",
    "intellectual_activity",
    "payment",
    "agent_commission",
    "composite",
    "resort_fee",
    "another",
    "property_right",
    // Robokassa writes this one with a hyphen.
    "non-operating_gain",
    "insurance_premium",
    "sales_tax",
    "tovar_mark",
];

/// Why a receipt is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReceiptError {
    #[error("Receipt is not the JSON of a receipt: {0}")]
    NotJson(String),
    #[error("sno {0:?} is no tax scheme")]
    Scheme(String),
    #[error("Receipt must have 1 to 100 items")]
    Items,
    #[error("Receipt, item {number}: {what}")]
    Item { number: usize, what: String },
    #[error("the items of Receipt are {items} together, the payment is {payment}")]
    Total { items: String, payment: String },
}

/// A receipt as it came.
#[derive(Debug, Deserialize)]
pub(crate) struct Receipt<'a> {
    pub(crate) sno: Option<String>,
    #[serde(borrow)]
    pub(crate) items: Vec<Item<'a>>,
}

/// One line. The Refund API writes the names with capitals, and gives the price of one piece only.
#[derive(Debug, Deserialize)]
pub(crate) struct Item<'a> {
    #[serde(default, alias = "Name")]
    name: String,
    #[serde(borrow, default, alias = "Quantity")]
    quantity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sum: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "Cost")]
    cost: Option<&'a RawValue>,
    #[serde(default, alias = "Tax")]
    tax: Option<String>,
    #[serde(default, alias = "PaymentMethod")]
    payment_method: Option<String>,
    #[serde(default, alias = "PaymentObject")]
    payment_object: Option<String>,
}

impl<'a> Receipt<'a> {
    /// Reads the JSON and checks everything but the total.
    pub(crate) fn parse(json: &'a str) -> Result<Self, ReceiptError> {
        let receipt: Self =
            serde_json::from_str(json).map_err(|error| ReceiptError::NotJson(error.to_string()))?;
        if let Some(sno) = receipt.sno.as_deref()
            && !SCHEMES.contains(&sno)
        {
            return Err(ReceiptError::Scheme(sno.to_owned()));
        }
        total(&receipt.items)?;
        Ok(receipt)
    }

    /// The whole of the receipt must be what is paid.
    pub(crate) fn check(&self, paid: Amount) -> Result<(), ReceiptError> {
        check_total(&self.items, paid)
    }
}

/// The lines together must be `paid`.
pub(crate) fn check_total(items: &[Item<'_>], paid: Amount) -> Result<(), ReceiptError> {
    let items = total(items)?;
    match items == paid {
        true => Ok(()),
        false => Err(ReceiptError::Total {
            items: items.text(true),
            payment: paid.text(true),
        }),
    }
}

/// What the lines are together; each of them is checked.
pub(crate) fn total(items: &[Item<'_>]) -> Result<Amount, ReceiptError> {
    if !(1..=MOST_ITEMS).contains(&items.len()) {
        return Err(ReceiptError::Items);
    }
    let mut total = Amount::default();
    for (number, item) in (1..).zip(items) {
        let kopecks = item
            .check()
            .map_err(|what| ReceiptError::Item { number, what })?;
        total = total.plus(Amount::of_kopecks(kopecks));
    }
    Ok(total)
}

impl Item<'_> {
    /// The sum of the line in kopecks, or what is wrong with it.
    fn check(&self) -> Result<u64, String> {
        match self.name.trim().chars().count() {
            1..=LONGEST_NAME => {}
            0 => return Err("name is required".to_owned()),
            _ => return Err("name is longer than 128 characters".to_owned()),
        }
        let quantity = self.quantity.ok_or("quantity is required")?;
        let quantity = decimal::thousandths(quantity)
            .filter(|quantity| *quantity > 0)
            .ok_or("quantity must be above 0, with up to 5 digits before the dot and 3 after it")?;
        let word = |name: &str, word: Option<&str>, known: &[&str]| match word {
            Some(word) if !known.contains(&word) => Err(format!("{name} {word:?} is not known")),
            _ => Ok(()),
        };
        let tax = self.tax.as_deref().ok_or("tax is required")?;
        word("tax", Some(tax), &TAXES)?;
        word("payment_method", self.payment_method.as_deref(), &METHODS)?;
        word("payment_object", self.payment_object.as_deref(), &OBJECTS)?;
        let readable = |name: &str, number: &RawValue| {
            decimal::kopecks(number).ok_or(format!(
                "{name} must have up to 8 digits before the dot and 2 after it"
            ))
        };
        match (self.sum, self.cost) {
            // Robokassa: with both, cost is ignored.
            (Some(sum), _) => readable("sum", sum),
            (None, Some(cost)) => Ok((readable("cost", cost)? * quantity + 500) / 1_000),
            (None, None) => Err("sum or cost is required".to_owned()),
        }
    }

    /// The second receipt takes one method only.
    pub(crate) fn is_full_payment(&self) -> bool {
        self.payment_method.as_deref() == Some("full_payment")
    }

    /// The line as the payment page shows it: what, and for how much.
    pub(crate) fn shown(&self) -> Line {
        let quantity = self.quantity.map(RawValue::get).unwrap_or_default();
        let kopecks = self.check().unwrap_or_default();
        let words = [&self.tax, &self.payment_method, &self.payment_object];
        let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
        Line {
            name: self.name.clone(),
            details: format!("{quantity} × · {}", words.join(" · ")),
            sum: Amount::of_kopecks(kopecks).text(true),
        }
    }
}

/// One line on the payment page.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) details: String,
    pub(crate) sum: String,
}

/// The JSON in the value of the form's field. Robokassa: it is URL-encoded once more in the signed value; the bare JSON
/// was seen to be taken as well.
pub(crate) fn json_of_value(value: &str) -> String {
    if value.trim_start().starts_with('{') {
        return value.to_owned();
    }
    // One more decoding of a form value; "x=" makes it one.
    let pair = format!("x={}", value.replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, json)| json.into_owned())
        .unwrap_or_default()
}

/// The JSON as the control API shows it.
pub(crate) fn view(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let sum = Amount::of_kopecks(29_900);
        Receipt::parse(json)
            .and_then(|receipt| receipt.check(sum))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn lines_add_up_by_sum_or_by_cost() {
        let json = r#"{"sno":"osn","items":[
            {"name":"Book","quantity":2,"sum":199.00,"cost":1,"tax":"vat20"},
            {"name":"Tea","quantity":0.5,"cost":200,"tax":"none","payment_method":"full_payment","payment_object":"non-operating_gain"}
        ]}"#;
        let receipt = Receipt::parse(json).unwrap();
        assert_eq!(receipt.check(Amount::of_kopecks(29_900)), Ok(()));
        let shown = receipt.items[1].shown();
        assert_eq!((shown.name.as_str(), shown.sum.as_str()), ("Tea", "100.00"));
        assert_eq!(
            shown.details,
            "0.5 × · none · full_payment · non-operating_gain"
        );
        assert!(receipt.check(Amount::of_kopecks(29_901)).is_err());
    }

    #[test]
    fn what_the_tax_office_would_refuse_is_refused_with_the_line_named() {
        let item = |fields: &str| format!(r#"{{"items":[{{{fields}}}]}}"#);
        let long = "ж".repeat(129);
        for (json, word) in [
            ("", "not the JSON"),
            ("[]", "not the JSON"),
            ("{}", "not the JSON"),
            (r#"{"items":[]}"#, "1 to 100 items"),
            (r#"{"sno":"flat","items":[]}"#, "\"flat\""),
            (
                &item(r#""quantity":1,"sum":299,"tax":"none""#),
                "item 1: name",
            ),
            (
                &item(&format!(
                    r#""name":"{long}","quantity":1,"sum":299,"tax":"none""#
                )),
                "128",
            ),
            (
                &item(r#""name":"a","sum":299,"tax":"none""#),
                "quantity is required",
            ),
            (
                &item(r#""name":"a","quantity":0,"sum":299,"tax":"none""#),
                "above 0",
            ),
            (
                &item(r#""name":"a","quantity":1,"tax":"none""#),
                "sum or cost",
            ),
            (
                &item(r#""name":"a","quantity":1,"sum":299"#),
                "tax is required",
            ),
            (
                &item(r#""name":"a","quantity":1,"sum":299,"tax":"vat18""#),
                "vat18",
            ),
            (
                &item(r#""name":"a","quantity":1,"sum":299.005,"tax":"none""#),
                "8 digits",
            ),
            (
                &item(
                    r#""name":"a","quantity":1,"sum":299,"tax":"none","payment_object":"non_operating_gain""#,
                ),
                "payment_object",
            ),
            (
                &item(r#""name":"a","quantity":1,"sum":298.99,"tax":"none""#),
                "298.99",
            ),
        ] {
            let reason = refused(json);
            assert!(reason.contains(word), "{json}: {reason}");
        }
    }

    #[test]
    fn the_value_is_json_encoded_once_more_or_bare() {
        assert_eq!(json_of_value("%7B%22a%22%3A1%7D"), r#"{"a":1}"#);
        assert_eq!(json_of_value(r#"{"a":"50%"}"#), r#"{"a":"50%"}"#);
        assert_eq!(
            json_of_value("%7B%22a%22%3A%22x%26y%3Dz%22%7D"),
            r#"{"a":"x&y=z"}"#
        );
        assert_eq!(json_of_value("x&%7B%7D"), "x&{}");
    }
}
