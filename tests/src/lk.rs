//! LK from outside: its pages as a browser, ResultURL as Robokassa, the older endpoints as an integration.

use reqwest::Method;
use serde_json::Value;

use crate::page;
use crate::robokassa::Callback;

/// The client.
#[derive(Clone, Debug)]
pub struct Lk {
    base: String,
    token: String,
    http: reqwest::Client,
}

/// An answer: status and body.
pub type Answer = (u16, String);

impl Lk {
    /// For LK at this address.
    #[must_use]
    pub fn new(base: &str, token: &str, http: reqwest::Client) -> Lk {
        Lk {
            base: base.to_owned(),
            token: token.to_owned(),
            http,
        }
    }

    /// Opens the page behind a pay button and sends its form on to Robokassa, as a browser does.
    ///
    /// # Panics
    /// When there is no such form, or Robokassa does not take it.
    pub async fn open_payment(&self, pay_url: &str) {
        let (status, html) = send(self.http.get(pay_url)).await;
        assert_eq!(status, 200, "the page behind the pay button: {html}");
        let form = page::first_post_form(&html)
            .unwrap_or_else(|| panic!("the page behind the pay button has no form:\n{html}"));
        let (status, html) = send(self.http.post(&form.action).form(&form.fields)).await;
        assert_eq!(status, 200, "Robokassa refuses LK's form: {html}");
    }

    /// Opens a page.
    pub async fn page(&self, url: &str) -> Answer {
        send(self.http.get(url)).await
    }

    /// Calls ResultURL by POST, as Robokassa does.
    pub async fn result(&self, callback: &Callback) -> Answer {
        send(
            self.http
                .post(format!("{}/robokassa/result", self.base))
                .form(callback),
        )
        .await
    }

    /// Calls one of the older endpoints: by POST the fields are JSON, by GET a query.
    pub async fn older(
        &self,
        method: Method,
        path: &str,
        fields: &Value,
        with_token: bool,
    ) -> Answer {
        let request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base));
        let request = match method {
            Method::GET => request.query(fields),
            _ => request.json(fields),
        };
        send(match with_token {
            true => request.bearer_auth(&self.token),
            false => request,
        })
        .await
    }
}

async fn send(request: reqwest::RequestBuilder) -> Answer {
    let answer = request
        .send()
        .await
        .unwrap_or_else(|error| panic!("no answer: {error}"));
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap_or_default())
}
