//! OpStateExt: what became of an operation. It knows live payments only, and only once the buyer has confirmed how to
//! pay, so "not found" is no failure.

use chrono::{DateTime, FixedOffset};
use roxmltree::{Document, Node, ParsingOptions};

use super::base_string::{BaseString, Password};
use super::form::Fields;
use super::secrets::Credentials;
use crate::ids::InvoiceId;
use crate::money::Money;

/// Where it is asked for by GET or POST, below the payment address (`https://auth.robokassa.ru/Merchant`).
pub const PATH: &str = "/WebService/Service.asmx/OpStateExt";
/// A longer answer is not read.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// An answer of more elements, attributes and texts is not read.
const MAX_NODES: u32 = 4096;

/// The fields of a question. Robokassa: the number is called `InvoiceID` here, the signature `Signature`. Send it by
/// POST: a signature does not belong into the logs of a proxy.
#[must_use]
pub fn request(invoice: InvoiceId, credentials: &Credentials<'_>) -> (Fields, BaseString) {
    let invoice = invoice.to_string();
    let base = base_string(credentials.login(), &invoice, credentials.password2());
    let fields = vec![
        ("MerchantLogin".into(), credentials.login().into()),
        ("InvoiceID".into(), invoice),
        ("Signature".into(), base.sign(credentials.hash())),
    ];
    (fields, base)
}

/// `MerchantLogin:InvoiceID:Password#2`.
pub(super) fn base_string(login: &str, invoice: &str, password2: Password<'_>) -> BaseString {
    BaseString::joined([login, invoice], password2, [])
}

/// Robokassa's states of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationState {
    /// 5: started, no money received.
    Started,
    /// 10: cancelled by the buyer or by time, not paid.
    Cancelled,
    /// 20: the money is held.
    Held,
    /// 50: the money came from the buyer and is being credited to the shop.
    Crediting,
    /// 60: crediting was refused, the money went back to the buyer.
    Returned,
    /// 80: suspended, for example by a security check.
    Suspended,
    /// 100: done and credited.
    Done,
    /// A code that is not in Robokassa's table; treat it as pending and tell staff.
    Other(i32),
}

/// What a state means for an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not decided: ask again.
    Pending,
    /// Not decided, and somebody should look.
    PendingAlert,
    /// The money is held and waits for a confirmation.
    Held,
    /// No money came. The same invoice may still be paid in another attempt.
    Failed,
    /// Paid.
    Paid,
}

impl OperationState {
    const fn from_code(code: i32) -> Self {
        match code {
            5 => Self::Started,
            10 => Self::Cancelled,
            20 => Self::Held,
            50 => Self::Crediting,
            60 => Self::Returned,
            80 => Self::Suspended,
            100 => Self::Done,
            other => Self::Other(other),
        }
    }

    /// What it means for the invoice.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Started | Self::Crediting => Verdict::Pending,
            Self::Suspended | Self::Other(_) => Verdict::PendingAlert,
            Self::Held => Verdict::Held,
            Self::Cancelled | Self::Returned => Verdict::Failed,
            Self::Done => Verdict::Paid,
        }
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its state.
    pub state: OperationState,
    /// When the question was answered.
    pub requested_at: Option<DateTime<FixedOffset>>,
    /// When it came into its state.
    pub state_at: Option<DateTime<FixedOffset>>,
    /// What the buyer paid, by `IncCurrLabel`.
    pub inc_sum: Option<Money>,
    /// In what it was paid.
    pub inc_curr_label: Option<String>,
    /// The masked card or account.
    pub inc_account: Option<String>,
    /// How it was paid.
    pub payment_method: Option<String>,
    /// What the shop is credited with; may be less the commission. For information only.
    pub out_sum: Option<Money>,
    /// The text of [`Operation::out_sum`].
    pub out_sum_text: Option<String>,
    /// The operation's key, which a refund needs; may be missing for what is not a card.
    pub op_key: Option<String>,
    /// The bank's reference.
    pub bank_card_rrn: Option<String>,
    /// The `Shp_` parameters.
    pub user_fields: Vec<(String, String)>,
}

/// The answer to a question that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpStateAnswer {
    /// The operation and its state.
    Found(Box<Operation>),
    /// Code 3: no such operation. The buyer has not chosen how to pay, or the invoice is a test: pending.
    NotFound,
}

/// Why an answer tells nothing about the operation. Ask again later, except where the settings are wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpStateError {
    /// Not the XML that is expected; also any document type declaration.
    #[error("the answer of OpStateExt cannot be read: {0}")]
    Unreadable(&'static str),
    /// Code 1. Password#2 or the algorithm is wrong, or a test password was used.
    #[error("Robokassa does not accept the signature: Password#2 or the hash is wrong")]
    BadSignature,
    /// Code 2.
    #[error("Robokassa knows no active shop of that login")]
    UnknownShop,
    /// Code 4.
    #[error("Robokassa knows two operations with that number")]
    Ambiguous,
    /// Code 1000 and any code that is not in Robokassa's table.
    #[error("Robokassa failed with code {0}")]
    Failed(i32),
}

/// Reads an answer. Namespaces may be missing; a document type declaration is refused, since no entity is ever needed.
///
/// # Errors
/// [`OpStateError`]; "no such operation" is none.
pub fn parse(xml: &str) -> Result<OpStateAnswer, OpStateError> {
    if xml.len() > MAX_ANSWER_BYTES {
        return Err(OpStateError::Unreadable("too long"));
    }
    // The parser lets an empty declaration pass.
    if xml.contains("<!DOCTYPE") {
        return Err(OpStateError::Unreadable("a document type declaration"));
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(xml.trim_start(), options)
        .map_err(|_| OpStateError::Unreadable("not XML"))?;
    let root = document.root_element();
    let code =
        number(root, &["Result", "Code"]).ok_or(OpStateError::Unreadable("no Result/Code"))?;
    match code {
        0 => operation(root).map(|found| OpStateAnswer::Found(Box::new(found))),
        1 => Err(OpStateError::BadSignature),
        2 => Err(OpStateError::UnknownShop),
        3 => Ok(OpStateAnswer::NotFound),
        4 => Err(OpStateError::Ambiguous),
        other => Err(OpStateError::Failed(other)),
    }
}

fn operation(root: Node<'_, '_>) -> Result<Operation, OpStateError> {
    let state = number(root, &["State", "Code"])
        .map(OperationState::from_code)
        .ok_or(OpStateError::Unreadable("no State/Code"))?;
    let info = |name| text(root, &["Info", name]).map(str::to_owned);
    let sum = |name| text(root, &["Info", name]).and_then(|sum| Money::parse_rubles(sum).ok());
    let time = |name| {
        text(root, &["State", name]).and_then(|time| DateTime::parse_from_rfc3339(time).ok())
    };
    let user_fields = child(root, "UserField")
        .into_iter()
        .flat_map(|fields| fields.children())
        .filter(|node| node.tag_name().name() == "Field")
        .filter_map(|field| {
            let name = text(field, &["Name"])?.to_owned();
            let value = text(field, &["Value"]).unwrap_or_default().to_owned();
            Some((name, value))
        })
        .collect();
    Ok(Operation {
        state,
        requested_at: time("RequestDate"),
        state_at: time("StateDate"),
        inc_sum: sum("IncSum"),
        inc_curr_label: info("IncCurrLabel"),
        inc_account: info("IncAccount"),
        payment_method: text(root, &["Info", "PaymentMethod", "Code"]).map(str::to_owned),
        out_sum: sum("OutSum"),
        out_sum_text: info("OutSum"),
        op_key: info("OpKey"),
        bank_card_rrn: info("BankCardRRN"),
        user_fields,
    })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children()
        .find(|child| child.is_element() && child.tag_name().name() == name)
}

/// The trimmed text at a path of local names; `None` where it is missing or empty.
fn text<'a>(node: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    path.iter()
        .try_fold(node, |node, name| child(node, name))
        .and_then(|node| node.text())
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

fn number(node: Node<'_, '_>, path: &[&str]) -> Option<i32> {
    text(node, path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Mode;
    use crate::robokassa::form;
    use crate::robokassa::test_shop;
    use proptest::prelude::*;

    const PAID: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<OperationStateResponse xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://merchant.roboxchange.com/WebService/">
  <Result><Code>0</Code></Result>
  <State>
    <Code>100</Code>
    <RequestDate>2026-11-23T13:00:01.1234567+03:00</RequestDate>
    <StateDate>2026-11-23T12:59:58.7654321+03:00</StateDate>
  </State>
  <Info>
    <IncCurrLabel>BankCardPSR</IncCurrLabel>
    <IncSum>299.000000</IncSum>
    <IncAccount>220220******1234</IncAccount>
    <PaymentMethod><Code>BankCard</Code><Description>Карта</Description></PaymentMethod>
    <OutCurrLabel>RUR</OutCurrLabel>
    <OutSum>287.338500</OutSum>
    <OpKey>0005F891-8CCD-434B-8455-816AFFFDBF37-0VOisWikFF</OpKey>
    <BankCardRRN>123456789012</BankCardRRN>
  </Info>
  <UserField><Field><Name>Shp_route</Name><Value>a&amp;b</Value></Field><Field><Name>shp_e</Name><Value /></Field></UserField>
</OperationStateResponse>"#;

    fn found(xml: &str) -> Operation {
        match parse(xml).unwrap() {
            OpStateAnswer::Found(operation) => *operation,
            OpStateAnswer::NotFound => panic!("not found"),
        }
    }

    fn with_code(code: &str) -> Result<OpStateAnswer, OpStateError> {
        parse(&format!(
            "<OperationStateResponse><Result><Code>{code}</Code></Result></OperationStateResponse>"
        ))
    }

    #[test]
    fn a_question_is_signed_with_password_2() {
        let shop = test_shop::demo();
        let (fields, base) = request(
            InvoiceId::new(1001).unwrap(),
            &shop.credentials(Mode::Live).unwrap(),
        );
        assert_eq!(base.masked(), "demo_shop:1001:<live Password#2>");
        assert_eq!(form::value(&fields, "InvoiceID"), Some("1001"));
        assert_eq!(
            form::value(&fields, "Signature"),
            Some("78a4674ed2e5e0d190732bd13001eddf94f314a1f5e190ea6b91ecd77898ab37")
        );
    }

    #[test]
    fn a_paid_operation_is_read() {
        let operation = found(PAID);
        assert_eq!(operation.state, OperationState::Done);
        assert_eq!(operation.state.verdict(), Verdict::Paid);
        assert_eq!(operation.inc_sum, Some(Money::from_kopecks(29_900)));
        assert_eq!(operation.out_sum, None, "a fraction of a kopeck");
        assert_eq!(operation.out_sum_text.as_deref(), Some("287.338500"));
        assert_eq!(
            operation.op_key.as_deref(),
            Some("0005F891-8CCD-434B-8455-816AFFFDBF37-0VOisWikFF")
        );
        assert_eq!(operation.payment_method.as_deref(), Some("BankCard"));
        let seconds = operation.state_at.unwrap().timestamp();
        assert_eq!(
            DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339(),
            "2026-11-23T09:59:58+00:00"
        );
        assert_eq!(
            operation.user_fields,
            [
                ("Shp_route".to_owned(), "a&b".to_owned()),
                ("shp_e".to_owned(), String::new())
            ]
        );
    }

    #[test]
    fn a_missing_namespace_changes_nothing() {
        let bare = PAID.replace(" xmlns=\"http://merchant.roboxchange.com/WebService/\"", "");
        assert_ne!(bare, PAID);
        assert_eq!(found(&bare), found(PAID));
        assert_eq!(found(&format!("\u{feff}{PAID}")), found(PAID));
    }

    #[test]
    fn every_state_has_its_verdict() {
        for (code, verdict) in [
            (5, Verdict::Pending),
            (10, Verdict::Failed),
            (20, Verdict::Held),
            (50, Verdict::Pending),
            (60, Verdict::Failed),
            (80, Verdict::PendingAlert),
            (100, Verdict::Paid),
            (7, Verdict::PendingAlert),
        ] {
            let xml = PAID.replace("<Code>100</Code>", &format!("<Code>{code}</Code>"));
            assert_eq!(found(&xml).state.verdict(), verdict, "{code}");
        }
    }

    #[test]
    fn every_result_code_has_its_name() {
        assert_eq!(with_code("3"), Ok(OpStateAnswer::NotFound));
        assert_eq!(with_code("1"), Err(OpStateError::BadSignature));
        assert_eq!(with_code("2"), Err(OpStateError::UnknownShop));
        assert_eq!(with_code("4"), Err(OpStateError::Ambiguous));
        assert_eq!(with_code("1000"), Err(OpStateError::Failed(1000)));
        assert_eq!(
            with_code("0"),
            Err(OpStateError::Unreadable("no State/Code"))
        );
        for code in ["", "x", "99999999999"] {
            assert_eq!(
                with_code(code),
                Err(OpStateError::Unreadable("no Result/Code"))
            );
        }
    }

    #[test]
    fn anything_else_is_unreadable() {
        let entity = format!(
            "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}",
            PAID.split_once("?>").unwrap().1
        );
        let empty_doctype = format!("<!DOCTYPE a>{}", PAID.split_once("?>").unwrap().1);
        let deep = "<a>".repeat(5000);
        for xml in [
            "",
            "<html>",
            "{}",
            "<a/>",
            &entity,
            &empty_doctype,
            &deep,
            &" ".repeat(MAX_ANSWER_BYTES + 1),
            &PAID[..PAID.len() / 2],
        ] {
            assert!(matches!(parse(xml), Err(OpStateError::Unreadable(_))));
        }
    }

    proptest! {
        #[test]
        fn a_damaged_answer_never_panics(at in 0_usize..1200, junk in ".{0,3}") {
            let mut xml: Vec<char> = PAID.chars().collect();
            let at = at % xml.len();
            xml.splice(at..(at + 1), junk.chars());
            let _ = parse(&xml.into_iter().collect::<String>());
        }
    }
}
