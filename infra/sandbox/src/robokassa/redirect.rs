//! SuccessURL and FailURL: where the browser goes. SuccessURL is signed with Password#1, FailURL is not signed.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::pages::{Page, PostRedirect};
use super::payments::Payment;
use super::request::ReturnTo;
use super::shop::keys;
use super::signature::notice_base;
use crate::settings::Settings;

/// After paying.
pub(crate) fn to_success(payment: &Payment, settings: &Settings) -> Response {
    let keys = keys(settings, payment.is_test);
    let out_sum = payment.result_sum();
    let base = notice_base(
        &out_sum,
        &payment.inv_id.to_string(),
        keys.password1,
        &payment.shp,
    );
    // Robokassa: lower-case hex was seen in SuccessURL.
    let signature = Some(keys.algorithm.hex(&base));
    go(
        payment,
        &out_sum,
        signature,
        payment.success.as_ref(),
        &settings.success_url,
    )
}

/// After declining.
pub(crate) fn to_fail(payment: &Payment, settings: &Settings) -> Response {
    go(
        payment,
        &payment.out_sum,
        None,
        payment.fail.as_ref(),
        &settings.fail_url,
    )
}

fn go(
    payment: &Payment,
    out_sum: &str,
    signature: Option<String>,
    other: Option<&ReturnTo>,
    usual: &url::Url,
) -> Response {
    let mut fields = vec![
        ("OutSum".to_owned(), out_sum.to_owned()),
        ("InvId".to_owned(), payment.inv_id.to_string()),
    ];
    if let Some(signature) = signature {
        fields.push(("SignatureValue".to_owned(), signature));
    }
    fields.push(("Culture".to_owned(), payment.culture.clone()));
    if payment.is_test {
        fields.push(("IsTest".to_owned(), "1".to_owned()));
    }
    fields.extend(payment.shp.iter().cloned());
    if let Some(ReturnTo { url, by_post: true }) = other {
        return Page(PostRedirect {
            url: url.clone(),
            fields,
        })
        .into_response();
    }
    // The address was checked when the link was opened.
    let mut address = other
        .and_then(|other| url::Url::parse(&other.url).ok())
        .unwrap_or_else(|| usual.clone());
    address.query_pairs_mut().extend_pairs(fields);
    (
        StatusCode::SEE_OTHER,
        [(header::LOCATION, address.to_string())],
    )
        .into_response()
}
