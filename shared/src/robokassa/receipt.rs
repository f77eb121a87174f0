//! The fiscal receipt (54-FZ) that goes with a payment: `{"sno": …, "items": […]}`, sums in rubles.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::form;
use crate::money::Money;

/// Robokassa: at most 100 lines.
pub const MAX_ITEMS: usize = 100;
/// Robokassa: a name holds at most 128 characters; longer ones are cut.
pub const MAX_NAME_CHARS: usize = 128;
/// Robokassa: a sum has at most 8 digits before the dot.
const MAX_SUM: Money = Money::from_kopecks(9_999_999_999);

/// Why lines make no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// No line at all.
    #[error("a receipt needs at least one line")]
    Empty,
    /// More than 100 lines.
    #[error("a receipt holds at most 100 lines")]
    TooManyItems,
    /// A line without a name.
    #[error("line {0} has no name")]
    NoName(usize),
    /// A line whose sum is negative or has more than 8 digits before the dot.
    #[error("the sum of line {0} is out of range")]
    Sum(usize),
    /// A quantity of 0 or of more than 99,999.999.
    #[error("the quantity of line {0} is out of range")]
    Quantity(usize),
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Robokassa's word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads Robokassa's word; `None` for any other.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

words! {
    /// The seller's tax scheme.
    TaxScheme {
        /// The general scheme.
        Osn = "osn",
        /// Simplified, on income.
        UsnIncome = "usn_income",
        /// Simplified, on income less expenses.
        UsnIncomeOutcome = "usn_income_outcome",
        /// The agricultural tax.
        Esn = "esn",
        /// By patent.
        Patent = "patent",
    }
}

words! {
    /// The VAT of a line.
    Tax {
        /// No VAT.
        None = "none",
        /// 0 %.
        Vat0 = "vat0",
        /// 5 %.
        Vat5 = "vat5",
        /// 7 %.
        Vat7 = "vat7",
        /// 10 %.
        Vat10 = "vat10",
        /// 20 %.
        Vat20 = "vat20",
        /// 22 %.
        Vat22 = "vat22",
        /// 5/105.
        Vat105 = "vat105",
        /// 7/107.
        Vat107 = "vat107",
        /// 10/110.
        Vat110 = "vat110",
        /// 20/120.
        Vat120 = "vat120",
        /// 22/122.
        Vat122 = "vat122",
    }
}

words! {
    /// How far a line is paid. Missing: the cabinet's setting.
    PaymentMethod {
        /// Paid in full before the goods.
        FullPrepayment = "full_prepayment",
        /// Paid in part before the goods.
        Prepayment = "prepayment",
        /// An advance.
        Advance = "advance",
        /// Paid in full with the goods.
        FullPayment = "full_payment",
        /// Paid in part with the goods.
        PartialPayment = "partial_payment",
        /// Given on credit.
        Credit = "credit",
        /// A payment of a credit.
        CreditPayment = "credit_payment",
    }
}

words! {
    /// What a line is. Missing: the cabinet's setting.
    PaymentObject {
        /// Goods.
        Commodity = "commodity",
        /// Excise goods.
        Excise = "excise",
        /// Work.
        Job = "job",
        /// A service.
        Service = "service",
        /// A bet.
        GamblingBet = "gambling_bet",
        /// The prize of a bet.
        GamblingPrize = "gambling_prize",
        /// A lottery ticket.
        Lottery = "lottery",
        /// The prize of a lottery.
        LotteryPrize = "lottery_prize",
        /// The use of intellectual property.
        IntellectualActivity = "intellectual_activity",
        /// A payment.
        Payment = "payment",
        /// An agent's commission.
        AgentCommission = "agent_commission",
        /// Several of these.
        Composite = "composite",
        /// A resort fee.
        ResortFee = "resort_fee",
        /// Something else.
        Another = "another",
        /// A right.
        PropertyRight = "property_right",
        /// Income outside sales; Robokassa writes it with a hyphen.
        NonOperatingGain = "non-operating_gain",
        /// An insurance premium.
        InsurancePremium = "insurance_premium",
        /// A sales tax.
        SalesTax = "sales_tax",
        /// Marked goods.
        MarkedGoods = "tovar_mark",
    }
}

#[allow(
    clippy::derivable_impls,
    reason = "the macro that makes the enum marks no variant"
)]
impl Default for Tax {
    /// No VAT: what a small shop has.
    fn default() -> Tax {
        Tax::None
    }
}

/// A quantity in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quantity(u32);

impl Quantity {
    /// The largest quantity, 99,999.999. Robokassa: up to 5 digits before the dot and 3 after it.
    pub const MAX: Self = Self(99_999_999);

    /// Whole pieces.
    #[must_use]
    pub const fn pieces(pieces: u32) -> Self {
        Self(pieces.saturating_mul(1000))
    }

    /// Thousandths of a piece.
    #[must_use]
    pub const fn thousandths(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// A JSON number without needless zeros.
    pub(super) fn to_number(self) -> String {
        let (whole, part) = (self.0 / 1000, self.0 % 1000);
        if part == 0 {
            whole.to_string()
        } else {
            format!("{whole}.{part:03}")
                .trim_end_matches('0')
                .to_owned()
        }
    }
}

/// One line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptItem {
    /// What was sold; cut to 128 characters.
    pub name: String,
    /// How many.
    pub quantity: Quantity,
    /// The sum of the whole line.
    pub sum: Money,
    /// The VAT.
    pub tax: Tax,
    /// How far it is paid.
    pub payment_method: Option<PaymentMethod>,
    /// What it is.
    pub payment_object: Option<PaymentObject>,
    /// The marking code as printed, for marked goods.
    pub nomenclature_code: Option<String>,
}

impl ReceiptItem {
    /// A line with what is required.
    #[must_use]
    pub fn new(name: impl Into<String>, quantity: Quantity, sum: Money, tax: Tax) -> Self {
        Self {
            name: name.into(),
            quantity,
            sum,
            tax,
            payment_method: None,
            payment_object: None,
            nomenclature_code: None,
        }
    }

    /// Members in the order of Robokassa's examples. Numbers are written from whole kopecks and never pass
    /// through floating point.
    fn json(&self) -> String {
        let name: String = self.name.trim().chars().take(MAX_NAME_CHARS).collect();
        let mut json = format!(
            r#"{{"name":{},"quantity":{},"sum":{}"#,
            Value::from(name),
            self.quantity.to_number(),
            self.sum.to_out_sum()
        );
        let words = [
            (
                "payment_method",
                self.payment_method.map(PaymentMethod::as_str),
            ),
            (
                "payment_object",
                self.payment_object.map(PaymentObject::as_str),
            ),
            ("tax", Some(self.tax.as_str())),
            ("nomenclature_code", self.nomenclature_code.as_deref()),
        ];
        for (member, word) in words {
            if let Some(word) = word {
                json.push_str(&format!(r#","{member}":{}"#, Value::from(word)));
            }
        }
        json.push('}');
        json
    }
}

/// A receipt whose lines were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    scheme: Option<TaxScheme>,
    items: Vec<ReceiptItem>,
    total: Money,
}

impl Receipt {
    /// Checks the lines. `scheme` may be missing if the shop has one only.
    ///
    /// # Errors
    /// A [`ReceiptError`] that names the line (the first is 1).
    pub fn new(scheme: Option<TaxScheme>, items: Vec<ReceiptItem>) -> Result<Self, ReceiptError> {
        if items.is_empty() {
            return Err(ReceiptError::Empty);
        }
        if items.len() > MAX_ITEMS {
            return Err(ReceiptError::TooManyItems);
        }
        let mut total = Money::ZERO;
        for (number, item) in (1..).zip(&items) {
            if item.name.trim().is_empty() {
                return Err(ReceiptError::NoName(number));
            }
            if item.quantity.0 == 0 || item.quantity > Quantity::MAX {
                return Err(ReceiptError::Quantity(number));
            }
            if item.sum < Money::ZERO || item.sum > MAX_SUM {
                return Err(ReceiptError::Sum(number));
            }
            total = total
                .checked_add(item.sum)
                .ok_or(ReceiptError::Sum(number))?;
        }
        Ok(Self {
            scheme,
            items,
            total,
        })
    }

    /// The sum of all lines, which must be the sum of the payment.
    #[must_use]
    pub const fn total(&self) -> Money {
        self.total
    }

    /// The receipt as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let scheme = self
            .scheme
            .map(|scheme| format!(r#""sno":"{}","#, scheme.as_str()))
            .unwrap_or_default();
        let items: Vec<String> = self.items.iter().map(ReceiptItem::json).collect();
        format!(r#"{{{scheme}"items":[{}]}}"#, items.join(","))
    }

    /// The value of the field `Receipt`, which is also what is signed: the JSON percent-encoded once. The form
    /// encodes it a second time.
    #[must_use]
    pub fn value(&self) -> String {
        form::percent_encode(&self.json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(sum: i64) -> ReceiptItem {
        ReceiptItem::new(
            "Доступ \"VIP\"",
            Quantity::pieces(1),
            Money::from_kopecks(sum),
            Tax::None,
        )
    }

    #[test]
    fn a_receipt_is_written_in_robokassas_words() {
        let mut item = line(29_950);
        item.payment_method = Some(PaymentMethod::FullPayment);
        item.payment_object = Some(PaymentObject::NonOperatingGain);
        item.quantity = Quantity::thousandths(1_500);
        let receipt = Receipt::new(Some(TaxScheme::UsnIncome), vec![item]).unwrap();
        assert_eq!(
            receipt.json(),
            r#"{"sno":"usn_income","items":[{"name":"Доступ \"VIP\"","quantity":1.5,"sum":299.50,"payment_method":"full_payment","payment_object":"non-operating_gain","tax":"none"}]}"#
        );
        assert!(
            receipt
                .value()
                .starts_with("%7B%22sno%22%3A%22usn_income%22%2C")
        );
        assert!(receipt.value().contains("%20"));
    }

    #[test]
    fn lines_that_the_tax_office_would_refuse_are_refused() {
        let refused = |items| Receipt::new(None, items).unwrap_err();
        assert_eq!(refused(vec![]), ReceiptError::Empty);
        assert_eq!(refused(vec![line(1); 101]), ReceiptError::TooManyItems);
        assert_eq!(refused(vec![line(1), line(-1)]), ReceiptError::Sum(2));
        assert_eq!(refused(vec![line(10_000_000_000)]), ReceiptError::Sum(1));
        let mut nameless = line(1);
        nameless.name = "  ".to_owned();
        assert_eq!(refused(vec![nameless]), ReceiptError::NoName(1));
        for quantity in [Quantity::pieces(0), Quantity::pieces(100_000)] {
            let mut item = line(1);
            item.quantity = quantity;
            assert_eq!(refused(vec![item]), ReceiptError::Quantity(1));
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let mut item = line(1);
        item.name = "ж".repeat(200);
        let json = Receipt::new(None, vec![item]).unwrap().json();
        assert_eq!(json.matches('ж').count(), 128);
    }

    #[test]
    fn words_read_back() {
        for &tax in Tax::ALL {
            assert_eq!(Tax::from_word(tax.as_str()), Some(tax));
        }
        assert_eq!(PaymentObject::from_word("non_operating_gain"), None);
    }

    proptest! {
        #[test]
        fn a_receipt_is_valid_json_and_adds_up(
            lines in proptest::collection::vec((".{1,140}", 0_i64..10_000_000, 1_u32..99_999_999), 1..10)
        ) {
            let items: Vec<ReceiptItem> = lines
                .into_iter()
                .map(|(name, sum, quantity)| ReceiptItem::new(
                    format!("x{name}"),
                    Quantity::thousandths(quantity),
                    Money::from_kopecks(sum),
                    Tax::Vat20,
                ))
                .collect();
            let total: i64 = items.iter().map(|item| item.sum.kopecks()).sum();
            let receipt = Receipt::new(None, items).unwrap();
            prop_assert_eq!(receipt.total().kopecks(), total);
            let json: Value = serde_json::from_str(&receipt.json()).unwrap();
            let read: f64 = json["items"].as_array().unwrap().iter()
                .map(|item| item["sum"].as_f64().unwrap() * 100.0)
                .sum();
            prop_assert_eq!(read.round() as i64, total);
        }
    }
}
