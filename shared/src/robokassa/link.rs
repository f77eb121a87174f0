//! The payment request: what a person's browser takes to Robokassa's page, by GET or as a POST form.

use std::net::IpAddr;

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use url::Url;

use super::base_string::BaseString;
use super::form::{self, Fields};
use super::link_base::LinkBase;
use super::receipt::Receipt;
use super::secrets::Credentials;
use super::shp::{self, ShpOrder};
use crate::ids::{InvoiceId, Mode};
use crate::money::Money;

/// Robokassa: `Description` holds at most 100 characters.
pub const MAX_DESCRIPTION_CHARS: usize = 100;
/// Robokassa: a longer GET address may fail; send a POST form instead.
pub const MAX_GET_CHARS: usize = 2083;
/// Moscow's distance from UTC in seconds. Robokassa reads an `ExpirationDate` without a zone as Moscow time.
const MOSCOW: i32 = 3 * 3600;

/// Why a payment request cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Robokassa answers error 31 to a sum of 0.
    #[error("the sum must be above zero")]
    SumNotPositive,
    /// A `Shp_` name other than `Shp_` and lower-case letters, digits and `_`.
    #[error("the parameter name {0:?} is not Shp_ followed by lower-case letters, digits or _")]
    ShpName(String),
    /// Two equal `Shp_` names, or one that begins another: their order would be ambiguous.
    #[error("the parameter name {0:?} is another's or begins another's")]
    ShpNamesOverlap(String),
    /// A `Shp_` value with anything but `A-Za-z0-9-_.~`: its encoding would be ambiguous.
    #[error("the value of {0:?} holds characters other than A-Z a-z 0-9 - _ . ~")]
    ShpValue(String),
    /// Robokassa: the lines of a receipt add up to `OutSum`.
    #[error("the lines of the receipt do not add up to the sum")]
    ReceiptSum,
    /// Robokassa: only one of hold, recurring and a saved card, and recurring goes without a method and an expiry.
    #[error(
        "hold, recurring and a saved card exclude one another; recurring takes no method and no expiry"
    )]
    ModesExclude,
    /// Robokassa: holds and recurring payments do not exist in test mode.
    #[error("a hold or a recurring payment cannot be tried in test mode")]
    NotInTestMode,
}

/// The language of the payment page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Culture {
    /// Russian.
    Ru,
    /// English; also what Robokassa shows for any other language.
    En,
}

/// A currency other than the ruble in which the sum is given. Robokassa converts at the rate of the Bank of Russia.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutSumCurrency {
    /// US dollars.
    Usd,
    /// Euros.
    Eur,
    /// Tenge.
    Kzt,
}

/// How the browser comes back to an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnMethod {
    /// By GET.
    Get,
    /// By a POST form.
    Post,
}

impl ReturnMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// What is to be paid, and how. Start with [`PaymentRequest::new`] and set what differs.
#[derive(Debug, Clone)]
pub struct PaymentRequest {
    /// The price; `OutSum` with two decimals.
    pub amount: Money,
    /// `InvId`.
    pub invoice: InvoiceId,
    /// `Description`; characters that Robokassa refuses are left out, then it is cut to 100.
    pub description: String,
    /// `Shp_` parameters. We send only `Shp_route`.
    pub shp: Vec<(String, String)>,
    /// The fiscal receipt.
    pub receipt: Option<Receipt>,
    /// The language of the page.
    pub culture: Option<Culture>,
    /// The buyer's address, filled in on the page.
    pub email: Option<String>,
    /// The suggested method, a label from Robokassa's list of currencies.
    pub inc_curr_label: Option<String>,
    /// The methods to choose from; empty for all.
    pub payment_methods: Vec<String>,
    /// When the request stops being payable.
    pub expires_at: Option<DateTime<Utc>>,
    /// The currency of `amount` if not rubles; signed.
    pub out_sum_currency: Option<OutSumCurrency>,
    /// The buyer's address in the network; signed.
    pub user_ip: Option<IpAddr>,
    /// Holds the money until it is confirmed (`StepByStep=true`); signed.
    pub hold: bool,
    /// Marks the first of recurring payments; not signed.
    pub recurring: bool,
    /// Robokassa makes no receipt of its own (`IsWithoutFreeSale=true`).
    pub without_automatic_receipt: bool,
    /// An address for JWS notifications; signed.
    pub result_url2: Option<Url>,
    /// Where the browser goes after success, instead of the cabinet's setting; signed.
    pub success_url2: Option<(Url, ReturnMethod)>,
    /// Where the browser goes after failure, instead of the cabinet's setting; signed.
    pub fail_url2: Option<(Url, ReturnMethod)>,
    /// The operation key of an earlier payment with a saved card; signed.
    pub token: Option<String>,
}

impl PaymentRequest {
    /// A plain request.
    #[must_use]
    pub fn new(amount: Money, invoice: InvoiceId, description: impl Into<String>) -> Self {
        Self {
            amount,
            invoice,
            description: description.into(),
            shp: Vec::new(),
            receipt: None,
            culture: None,
            email: None,
            inc_curr_label: None,
            payment_methods: Vec::new(),
            expires_at: None,
            out_sum_currency: None,
            user_ip: None,
            hold: false,
            recurring: false,
            without_automatic_receipt: false,
            result_url2: None,
            success_url2: None,
            fail_url2: None,
            token: None,
        }
    }

    /// Adds a `Shp_` parameter; `name` with its prefix.
    #[must_use]
    pub fn with_shp(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.shp.push((name.into(), value.into()));
        self
    }

    /// Lays out the fields and signs them. Test credentials make a test payment (`IsTest=1`), live ones a live
    /// payment: the two cannot be mixed.
    ///
    /// # Errors
    /// A [`LinkError`] for what Robokassa would refuse or what could not be signed unambiguously.
    pub fn sign(&self, credentials: &Credentials<'_>) -> Result<SignedPayment, LinkError> {
        self.check(credentials.mode())?;
        let mut fields = Fields::new();
        let mut send = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));

        send("MerchantLogin", credentials.login());
        send("OutSum", &self.amount.to_out_sum());
        send("InvId", &self.invoice.to_string());
        send("Description", &self.description_to_send());
        if let Some(currency) = self.out_sum_currency {
            send("OutSumCurrency", currency_code(currency));
        }
        if let Some(ip) = self.user_ip {
            send("UserIp", &ip.to_string());
        }
        if let Some(receipt) = &self.receipt {
            send("Receipt", &receipt.value());
        }
        if self.hold {
            send("StepByStep", "true");
        }
        if let Some(url) = &self.result_url2 {
            send("ResultUrl2", url.as_str());
        }
        if let Some((url, method)) = &self.success_url2 {
            send("SuccessUrl2", url.as_str());
            send("SuccessUrl2Method", method.as_str());
        }
        if let Some((url, method)) = &self.fail_url2 {
            send("FailUrl2", url.as_str());
            send("FailUrl2Method", method.as_str());
        }
        if let Some(token) = &self.token {
            send("Token", token);
        }
        if self.recurring {
            send("Recurring", "true");
        }
        if self.without_automatic_receipt {
            send("IsWithoutFreeSale", "true");
        }
        if let Some(culture) = self.culture {
            send("Culture", culture_code(culture));
        }
        if let Some(email) = &self.email {
            send("Email", email);
        }
        if let Some(label) = &self.inc_curr_label {
            send("IncCurrLabel", label);
        }
        for method in &self.payment_methods {
            send("PaymentMethods", method);
        }
        if let Some(expires_at) = self.expires_at {
            send("ExpirationDate", &expiration_date(expires_at));
        }
        send("Encoding", "utf-8");
        if credentials.mode() == Mode::Test {
            send("IsTest", "1");
        }
        // Robokassa asks for alphabetical order in the address as well.
        for pair in ShpOrder::WholePair.arrange(&self.shp) {
            if let Some((name, value)) = pair.split_once('=') {
                send(name, value);
            }
        }

        let base = LinkBase::from_fields(&fields).base_string(credentials.password1());
        fields.push(("SignatureValue".to_owned(), base.sign(credentials.hash())));
        Ok(SignedPayment { fields, base })
    }

    fn check(&self, mode: Mode) -> Result<(), LinkError> {
        if !self.amount.is_positive() {
            return Err(LinkError::SumNotPositive);
        }
        if let Some(receipt) = &self.receipt
            && receipt.total() != self.amount
        {
            return Err(LinkError::ReceiptSum);
        }
        let special = [self.hold, self.recurring, self.token.is_some()];
        let recurring_limited =
            self.recurring && (self.inc_curr_label.is_some() || self.expires_at.is_some());
        if special.into_iter().filter(|&set| set).count() > 1 || recurring_limited {
            return Err(LinkError::ModesExclude);
        }
        if mode == Mode::Test && (self.hold || self.recurring) {
            return Err(LinkError::NotInTestMode);
        }
        shp::check(&self.shp)
    }

    /// Robokassa: letters, digits and punctuation, no special symbols, and never nothing.
    fn description_to_send(&self) -> String {
        let kept: String = self
            .description
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .filter(|c| {
                c.is_alphanumeric() || c.is_ascii_punctuation() || " «»„“”‘’–—…№".contains(*c)
            })
            .collect();
        let cut: String = kept.trim().chars().take(MAX_DESCRIPTION_CHARS).collect();
        if cut.is_empty() {
            self.invoice.to_string()
        } else {
            cut
        }
    }
}

const fn currency_code(currency: OutSumCurrency) -> &'static str {
    match currency {
        OutSumCurrency::Usd => "USD",
        OutSumCurrency::Eur => "EUR",
        OutSumCurrency::Kzt => "KZT",
    }
}

const fn culture_code(culture: Culture) -> &'static str {
    match culture {
        Culture::Ru => "ru",
        Culture::En => "en",
    }
}

/// Moscow time with its zone: right for a reader that honours the zone and for one that ignores it.
fn expiration_date(at: DateTime<Utc>) -> String {
    match FixedOffset::east_opt(MOSCOW) {
        Some(moscow) => at
            .with_timezone(&moscow)
            .to_rfc3339_opts(SecondsFormat::Secs, false),
        None => at.to_rfc3339_opts(SecondsFormat::Secs, false),
    }
}

/// A request that is ready to be sent.
#[derive(Debug, Clone)]
pub struct SignedPayment {
    fields: Fields,
    base: BaseString,
}

impl SignedPayment {
    /// The fields of a POST form, in order, as they stand: the browser encodes them, once.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The base string that was signed, with the password masked.
    #[must_use]
    pub const fn base_string(&self) -> &BaseString {
        &self.base
    }

    /// The address for a GET of the payment page.
    #[must_use]
    pub fn url(&self, pay_page: &Url) -> Url {
        let mut url = pay_page.clone();
        url.set_query(Some(&form::encode(&self.fields)));
        url
    }

    /// Whether [`SignedPayment::url`] is short enough to be sent by GET.
    #[must_use]
    pub fn fits_get(&self, pay_page: &Url) -> bool {
        self.url(pay_page).as_str().len() <= MAX_GET_CHARS
    }
}

#[cfg(test)]
mod tests;
