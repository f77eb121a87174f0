//! The base string of a payment request, built from the values as they are sent.

use super::base_string::{BaseString, Password};
use super::form;
use super::shp::{self, ShpOrder};

/// The signed values of a payment request, each exactly as sent.
///
/// Robokassa: `MerchantLogin:OutSum:InvId[:OutSumCurrency][:UserIp][:Receipt][:StepByStep][:ResultUrl2]
/// [:SuccessUrl2:SuccessUrl2Method][:FailUrl2:FailUrl2Method][:Token]:Password#1[:Shp_a=1:Shp_b=2…]`. What is not
/// sent takes no slot; only `InvId` keeps its slot when it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkBase<'a> {
    /// `MerchantLogin`.
    pub merchant_login: &'a str,
    /// `OutSum`, the text that is sent.
    pub out_sum: &'a str,
    /// `InvId`, also called `InvoiceID`; empty when Robokassa is to choose one.
    pub inv_id: &'a str,
    /// `OutSumCurrency`.
    pub out_sum_currency: Option<&'a str>,
    /// `UserIp`.
    pub user_ip: Option<&'a str>,
    /// `Receipt`: the value after one decoding, that is JSON percent-encoded once.
    pub receipt: Option<&'a str>,
    /// `StepByStep`, the word `true`.
    pub step_by_step: Option<&'a str>,
    /// `ResultUrl2`, raw.
    pub result_url2: Option<&'a str>,
    /// `SuccessUrl2`, raw.
    pub success_url2: Option<&'a str>,
    /// `SuccessUrl2Method`.
    pub success_url2_method: Option<&'a str>,
    /// `FailUrl2`, raw.
    pub fail_url2: Option<&'a str>,
    /// `FailUrl2Method`.
    pub fail_url2_method: Option<&'a str>,
    /// `Token`: the operation key of an earlier payment with a saved card.
    pub token: Option<&'a str>,
    /// `Shp_` parameters in any order.
    pub shp: Vec<(String, String)>,
}

impl<'a> LinkBase<'a> {
    /// Picks the signed values out of the fields of a form.
    #[must_use]
    pub fn from_fields(fields: &'a [(String, String)]) -> Self {
        let sent = |name| form::value(fields, name);
        Self {
            merchant_login: sent("MerchantLogin").unwrap_or_default(),
            out_sum: sent("OutSum").unwrap_or_default(),
            inv_id: sent("InvId").or(sent("InvoiceID")).unwrap_or_default(),
            out_sum_currency: sent("OutSumCurrency"),
            user_ip: sent("UserIp"),
            receipt: sent("Receipt"),
            step_by_step: sent("StepByStep"),
            result_url2: sent("ResultUrl2"),
            success_url2: sent("SuccessUrl2"),
            success_url2_method: sent("SuccessUrl2Method"),
            fail_url2: sent("FailUrl2"),
            fail_url2_method: sent("FailUrl2Method"),
            token: sent("Token"),
            shp: shp::select(fields),
        }
    }

    /// The base string, with the `Shp_` parameters in the order that we sign with.
    #[must_use]
    pub fn base_string(&self, password1: Password<'_>) -> BaseString {
        self.with_pairs(password1, &ShpOrder::WholePair.arrange(&self.shp))
    }

    /// The base strings under every order of the `Shp_` parameters that differs.
    #[must_use]
    pub fn base_strings(&self, password1: Password<'_>) -> Vec<BaseString> {
        ShpOrder::arrangements(&self.shp)
            .iter()
            .map(|(_, pairs)| self.with_pairs(password1, pairs))
            .collect()
    }

    fn with_pairs(&self, password1: Password<'_>, pairs: &[String]) -> BaseString {
        let modifiers = [
            self.out_sum_currency,
            self.user_ip,
            self.receipt,
            self.step_by_step,
            self.result_url2,
            self.success_url2,
            self.success_url2_method,
            self.fail_url2,
            self.fail_url2_method,
            self.token,
        ];
        let before = [self.merchant_login, self.out_sum, self.inv_id]
            .into_iter()
            .chain(modifiers.into_iter().flatten());
        BaseString::joined(before, password1, pairs.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Mode;
    use crate::robokassa::test_shop;

    #[test]
    fn modifiers_stand_in_robokassas_order_and_absent_ones_take_no_slot() {
        let shop = test_shop::demo();
        let password1 = shop.credentials(Mode::Live).unwrap().password1();
        let bare = LinkBase {
            merchant_login: "demo",
            out_sum: "1.00",
            ..LinkBase::default()
        };
        assert_eq!(
            bare.base_string(password1).masked(),
            "demo:1.00::<live Password#1>"
        );
        let full = LinkBase {
            inv_id: "7",
            out_sum_currency: Some("USD"),
            user_ip: Some("ip"),
            receipt: Some("receipt"),
            step_by_step: Some("true"),
            result_url2: Some("r2"),
            success_url2: Some("s2"),
            success_url2_method: Some("GET"),
            fail_url2: Some("f2"),
            fail_url2_method: Some("POST"),
            token: Some("token"),
            shp: vec![("Shp_b".into(), "2".into()), ("Shp_a".into(), "1".into())],
            ..bare
        };
        assert_eq!(
            full.base_string(password1).masked(),
            "demo:1.00:7:USD:ip:receipt:true:r2:s2:GET:f2:POST:token:<live Password#1>:Shp_a=1:Shp_b=2"
        );
    }
}
