//! From the pay button to Robokassa's page, as a browser goes.

use std::time::Duration;

use geobot_shared::ids::InvoiceId;
use reqwest::{Method, Response};
use url::Url;

use super::form::{Form, forms};
use crate::failure::{Failure, cause};

/// LK's page may ask once before it sends the browser on.
const MOST_PAGES: usize = 3;

/// Opens the address of the pay button, sends the form to Robokassa and waits for its page.
///
/// # Errors
/// Which page did not do what a person needs.
pub(super) async fn open(pay_url: &str) -> Result<InvoiceId, Failure> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .build()
        .map_err(|e| Failure::failed(e.to_string()))?;
    let address = Url::parse(pay_url)
        .map_err(|e| Failure::failed(format!("the pay button's address is none: {e}")))?;
    let mut request = client.get(address);
    for _ in 0..MOST_PAGES {
        let (page, html) = html(request.send().await).await?;
        let form = choose(forms(&html)).ok_or_else(|| {
            Failure::failed(format!(
                "the page {} has no form to pay with: sh init.sh logs lk",
                without_secrets(&page)
            ))
        })?;
        let target = page
            .join(&form.action)
            .map_err(|e| Failure::failed(format!("the form leads nowhere ({e})")))?;
        let invoice = form.field("InvId").map(str::to_owned);
        request = match form.method {
            Method::POST => client.post(target).form(&form.fields),
            _ => client.get(target).query(&form.fields),
        };
        if let Some(text) = invoice {
            let invoice = text
                .parse()
                .map_err(|_| Failure::failed(format!("InvId `{text}` is no invoice of ours")))?;
            html_of_robokassa(request.send().await).await?;
            return Ok(invoice);
        }
    }
    Err(Failure::failed(
        "LK leads from page to page, but not to Robokassa: sh init.sh logs lk",
    ))
}

/// The form to Robokassa, or else the first that is sent by POST.
fn choose(forms: Vec<Form>) -> Option<Form> {
    let to_robokassa = forms
        .iter()
        .position(|f| f.field("MerchantLogin").is_some());
    let index = to_robokassa.or_else(|| forms.iter().position(|f| f.method == Method::POST))?;
    forms.into_iter().nth(index)
}

async fn html(answer: Result<Response, reqwest::Error>) -> Result<(Url, String), Failure> {
    let silent = |e: reqwest::Error| {
        Failure::failed(format!(
            "LK's pay page does not answer ({}): sh init.sh logs lk",
            cause(&e)
        ))
    };
    let response = answer.map_err(silent)?;
    let (status, page) = (response.status(), response.url().clone());
    if !status.is_success() {
        return Err(Failure::failed(format!(
            "LK's pay page answered {status}: sh init.sh logs lk"
        )));
    }
    Ok((page, response.text().await.map_err(silent)?))
}

async fn html_of_robokassa(answer: Result<Response, reqwest::Error>) -> Result<(), Failure> {
    let response = answer.map_err(|e| {
        Failure::failed(format!(
            "Robokassa's pay page does not answer ({}): sh init.sh logs sandbox",
            cause(&e)
        ))
    })?;
    if response.status().is_success() {
        return Ok(());
    }
    let code = response
        .headers()
        .get("x-robokassa-error")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("none");
    Err(Failure::failed(format!(
        "Robokassa refuses the payment form with {}, error {code} (29 is a wrong signature): sh init.sh logs lk",
        response.status()
    )))
}

/// The path may hold a signed link; its beginning is enough to know the page.
fn without_secrets(page: &Url) -> String {
    let path: String = page.path().chars().take(12).collect();
    format!("{}{path}…", page.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_to_robokassa_is_preferred() {
        let html = "<form action=/search></form><form method=post action=/language></form>\
                    <form method=post action=/x><input name=MerchantLogin value=a></form>";
        assert_eq!(choose(forms(html)).unwrap().action, "/x");
        let html = "<form action=/search></form><form method=post action=/accept></form>";
        assert_eq!(choose(forms(html)).unwrap().action, "/accept");
        assert_eq!(choose(forms("<form action=/search></form>")), None);
    }
}
