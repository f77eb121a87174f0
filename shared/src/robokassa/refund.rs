//! The Refund API: a JWT signed with Password#3, and its answers.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use secrecy::ExposeSecret as _;

use super::jwt::{self, JwtAlgorithm};
use super::receipt::{PaymentMethod, PaymentObject, Quantity, Tax};
use super::secrets::{SecretsError, ShopSecrets};
use crate::money::Money;

/// Where a refund is asked for, below the services' address (`https://services.robokassa.ru`).
pub const CREATE_PATH: &str = "/RefundService/Refund/Create";
/// Where its state is asked for, by GET with the query `id=<request id>`, not signed.
pub const STATE_PATH: &str = "/RefundService/Refund/GetState";

/// Robokassa: the three algorithms that the Refund API takes.
pub const ALGORITHMS: [JwtAlgorithm; 3] = [
    JwtAlgorithm::HS256,
    JwtAlgorithm::HS384,
    JwtAlgorithm::HS512,
];

/// A line of a refund's receipt. Robokassa names these members otherwise than in a payment's receipt, and gives the
/// price of one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundItem {
    /// What is taken back.
    pub name: String,
    /// How many.
    pub quantity: Quantity,
    /// The price of one.
    pub cost: Money,
    /// The VAT.
    pub tax: Tax,
    /// How far it was paid.
    pub payment_method: Option<PaymentMethod>,
    /// What it is.
    pub payment_object: Option<PaymentObject>,
}

impl RefundItem {
    fn json(&self) -> String {
        let mut json = format!(
            r#"{{"Name":{},"Quantity":{},"Cost":{},"Tax":"{}""#,
            Value::from(self.name.as_str()),
            self.quantity.to_number(),
            self.cost.to_out_sum(),
            self.tax.as_str()
        );
        if let Some(method) = self.payment_method {
            json.push_str(&format!(r#","PaymentMethod":"{}""#, method.as_str()));
        }
        if let Some(object) = self.payment_object {
            json.push_str(&format!(r#","PaymentObject":"{}""#, object.as_str()));
        }
        json.push('}');
        json
    }
}

/// What is to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The operation's key, from OpStateExt or ResultURL2.
    pub op_key: String,
    /// The sum of a partial refund; `None` for all of it.
    pub sum: Option<Money>,
    /// The lines of the receipt; may be empty.
    pub items: Vec<RefundItem>,
}

impl RefundRequest {
    /// The compact JSON that is signed.
    #[must_use]
    pub fn payload(&self) -> String {
        let mut json = format!(r#"{{"OpKey":{}"#, Value::from(self.op_key.as_str()));
        if let Some(sum) = self.sum {
            json.push_str(&format!(r#","RefundSum":{}"#, sum.to_out_sum()));
        }
        if !self.items.is_empty() {
            let items: Vec<String> = self.items.iter().map(RefundItem::json).collect();
            json.push_str(&format!(r#","InvoiceItems":[{}]"#, items.join(",")));
        }
        json.push('}');
        json
    }

    /// The token. Robokassa: the key is Password#3 alone, HS256, HS384 or HS512.
    ///
    /// # Errors
    /// [`SecretsError::NoPassword3`] if the shop has none.
    pub fn token(&self, shop: &ShopSecrets) -> Result<String, SecretsError> {
        let key = shop.password3()?.expose_secret();
        Ok(jwt::token(JwtAlgorithm::HS256, &self.payload(), key))
    }
}

/// The answer cannot be read. Whether the refund was taken is then **unknown**: never repeat it by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer of the Refund API cannot be read: {0}")]
pub struct UnreadableRefundAnswer(&'static str);

/// What the Refund API said to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundAnswer {
    /// Taken on; its state is asked for by this id.
    Accepted {
        /// A GUID.
        request_id: String,
    },
    /// Not taken; may be repeated once the cause is gone.
    Refused {
        /// Robokassa's word for the cause, for example `NotEnoughOperationFunds`.
        message: String,
    },
}

impl RefundAnswer {
    /// Reads `{"success", "message", "requestId"}`.
    ///
    /// # Errors
    /// [`UnreadableRefundAnswer`]: treat the refund as unknown.
    pub fn parse(json: &str) -> Result<Self, UnreadableRefundAnswer> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            success: bool,
            message: Option<String>,
            request_id: Option<String>,
        }
        let answer: Answer =
            serde_json::from_str(json).map_err(|_| UnreadableRefundAnswer("no such JSON"))?;
        match (answer.success, answer.request_id) {
            (true, Some(request_id)) if !request_id.is_empty() => Ok(Self::Accepted { request_id }),
            (true, _) => Err(UnreadableRefundAnswer("success without requestId")),
            (false, _) => Ok(Self::Refused {
                message: answer.message.unwrap_or_default(),
            }),
        }
    }
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundProgress {
    /// The money went back.
    Finished,
    /// Being worked on; ask again.
    Processing,
    /// It will not happen.
    Cancelled,
}

/// The state of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundState {
    /// How far it is.
    pub progress: RefundProgress,
    /// The sum, where it could be read.
    pub amount: Option<Money>,
}

impl RefundState {
    /// Reads `{"requestId", "amount", "label"}`.
    ///
    /// # Errors
    /// [`UnreadableRefundAnswer`] for anything else, an unknown label or an error message included.
    pub fn parse(json: &str) -> Result<Self, UnreadableRefundAnswer> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            amount: Option<&'a RawValue>,
            label: Option<String>,
        }
        let answer: Answer<'_> =
            serde_json::from_str(json).map_err(|_| UnreadableRefundAnswer("no such JSON"))?;
        let label = answer.label.unwrap_or_default().to_ascii_lowercase();
        let progress = match label.as_str() {
            "finished" => RefundProgress::Finished,
            "processing" => RefundProgress::Processing,
            "canceled" | "cancelled" => RefundProgress::Cancelled,
            _ => return Err(UnreadableRefundAnswer("unknown label")),
        };
        // The digits are read as they stand (`1.000000`), not through floating point.
        let amount = answer
            .amount
            .and_then(|number| Money::parse_rubles(number.get()).ok());
        Ok(Self { progress, amount })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robokassa::test_shop;

    #[test]
    fn a_partial_refund_names_sum_and_lines() {
        let request = RefundRequest {
            op_key: "KEY".to_owned(),
            sum: Some(Money::from_kopecks(150)),
            items: vec![RefundItem {
                name: "Доступ \"VIP\"".to_owned(),
                quantity: Quantity::pieces(1),
                cost: Money::from_kopecks(150),
                tax: Tax::None,
                payment_method: Some(PaymentMethod::FullPayment),
                payment_object: Some(PaymentObject::Service),
            }],
        };
        assert_eq!(
            request.payload(),
            r#"{"OpKey":"KEY","RefundSum":1.50,"InvoiceItems":[{"Name":"Доступ \"VIP\"","Quantity":1,"Cost":1.50,"Tax":"none","PaymentMethod":"full_payment","PaymentObject":"service"}]}"#
        );
        let token = request.token(&test_shop::demo()).unwrap();
        let payload = jwt::verify(&token, "Pass3_zxcvbn", &ALGORITHMS).unwrap();
        assert_eq!(payload, request.payload().into_bytes());
    }

    #[test]
    fn a_whole_refund_names_only_the_operation() {
        let request = RefundRequest {
            op_key: "KEY".to_owned(),
            sum: None,
            items: vec![],
        };
        assert_eq!(request.payload(), r#"{"OpKey":"KEY"}"#);
    }

    #[test]
    fn answers_are_told_apart_from_the_unknown() {
        assert_eq!(
            RefundAnswer::parse(r#"{"success":true,"message":null,"requestId":"g"}"#),
            Ok(RefundAnswer::Accepted {
                request_id: "g".to_owned()
            })
        );
        assert_eq!(
            RefundAnswer::parse(
                r#"{"success":false,"message":"NotEnoughOperationFunds","requestId":null}"#
            ),
            Ok(RefundAnswer::Refused {
                message: "NotEnoughOperationFunds".to_owned()
            })
        );
        for text in [
            "",
            "<html>",
            "{}",
            r#"{"success":true}"#,
            r#"{"success":"true"}"#,
        ] {
            assert!(RefundAnswer::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_state_is_read_without_floating_point() {
        let state = RefundState::parse(r#"{"requestId":"g","amount":1.000000,"label":"finished"}"#)
            .unwrap();
        assert_eq!(state.progress, RefundProgress::Finished);
        assert_eq!(state.amount, Some(Money::from_kopecks(100)));
        for text in ["", r#"{"message":"no such request"}"#, r#"{"label":"odd"}"#] {
            assert!(RefundState::parse(text).is_err(), "{text}");
        }
    }
}
