//! The inputs of a vector, as texts.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::robokassa::form::{self, Fields};
use crate::robokassa::link_base::LinkBase;

/// Numbers and flags count as the texts that stand for them; what is nested does not count, but for `shp`.
#[derive(Deserialize)]
#[serde(from = "Map<String, Value>")]
pub(super) struct Inputs {
    texts: Fields,
    shp: Fields,
}

impl From<Map<String, Value>> for Inputs {
    fn from(inputs: Map<String, Value>) -> Inputs {
        let shp = inputs.get("shp").and_then(Value::as_object);
        Inputs {
            shp: shp
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), as_text(value).unwrap_or_default()))
                .collect(),
            texts: inputs
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), as_text(value)?)))
                .collect(),
        }
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

impl Inputs {
    fn find(&self, name: &str) -> Option<&str> {
        form::value(&self.texts, name)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(str::to_owned)
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, String> {
        self.find(name).ok_or_else(|| format!("no inputs.{name}"))
    }

    pub(super) fn shp(&self) -> &[(String, String)] {
        &self.shp
    }

    /// A modifier that is not sent takes no slot.
    fn modifier(&self, name: &str) -> Option<&str> {
        self.find(name).filter(|text| !text.is_empty())
    }

    pub(super) fn link(&self) -> Result<LinkBase<'_>, String> {
        Ok(LinkBase {
            merchant_login: self.required("merchant_login")?,
            out_sum: self.required("out_sum")?,
            inv_id: self.get("inv_id"),
            out_sum_currency: self.modifier("out_sum_currency"),
            user_ip: self.modifier("user_ip"),
            receipt: self.modifier("receipt_as_signed"),
            step_by_step: self
                .modifier("step_by_step")
                .filter(|&word| word != "false"),
            result_url2: self.modifier("result_url2"),
            success_url2: self.modifier("success_url2"),
            success_url2_method: self.modifier("success_url2_method"),
            fail_url2: self.modifier("fail_url2"),
            fail_url2_method: self.modifier("fail_url2_method"),
            token: self.modifier("token"),
            shp: self.shp.clone(),
        })
    }

    pub(super) fn recurring(&self) -> Result<LinkBase<'_>, String> {
        Ok(LinkBase {
            result_url2: self.modifier("result_url2"),
            shp: self.shp.clone(),
            ..self.hold(self.required("out_sum")?)?
        })
    }

    pub(super) fn hold<'a>(&'a self, out_sum: &'a str) -> Result<LinkBase<'a>, String> {
        Ok(LinkBase {
            merchant_login: self.required("merchant_login")?,
            out_sum,
            inv_id: self.required("invoice_id")?,
            receipt: self.modifier("receipt_as_signed"),
            ..LinkBase::default()
        })
    }
}
