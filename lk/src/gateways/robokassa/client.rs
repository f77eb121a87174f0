//! The HTTP client: bounded in time and size, follows nobody, repeats nothing by itself.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, StatusCode};
use url::Url;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For the whole call; far below the time after which a refund's call counts as lost.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// A longer answer is not read.
const LONGEST_ANSWER: usize = 256 * 1024;

/// No HTTP client can be made; one line for the operator.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client for Robokassa: {0}")]
pub struct ClientError(#[from] reqwest::Error);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallFailed {
    /// No connection came about: the call was not sent.
    NotSent(String),
    /// It was sent, or may have been.
    NoAnswer(String),
}

impl CallFailed {
    pub(super) fn into_text(self) -> String {
        match self {
            CallFailed::NotSent(text) | CallFailed::NoAnswer(text) => text,
        }
    }
}

/// An answer, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

pub(super) struct Client(reqwest::Client);

impl Client {
    /// `near`: the other side is on this machine (the sandbox), so that no proxy stands between.
    pub(super) fn new(near: bool) -> Result<Client, ClientError> {
        let mut builder = reqwest::Client::builder();
        if near {
            builder = builder.no_proxy();
        }
        let client = builder
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT)
            // A redirected POST becomes a GET without a body, or sends what is signed to another host.
            .redirect(Policy::none())
            // Every call has a connection of its own: one that was kept may be closed while the call is on its way,
            // and a refund must never be sent twice.
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Client(client))
    }

    pub(super) async fn post_form(&self, url: &Url, body: String) -> Result<Answer, CallFailed> {
        let request = self
            .0
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        call(request.body(body)).await
    }

    pub(super) async fn post_json(&self, url: &Url, body: String) -> Result<Answer, CallFailed> {
        let request = self
            .0
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json");
        call(request.body(body)).await
    }

    pub(super) async fn get(&self, url: Url) -> Result<Answer, CallFailed> {
        call(self.0.get(url)).await
    }
}

async fn call(request: RequestBuilder) -> Result<Answer, CallFailed> {
    let mut response = request.send().await.map_err(|error| {
        // The address is left out: it may hold a signature.
        let text = reason(&error);
        if error.is_connect() || error.is_builder() {
            CallFailed::NotSent(text)
        } else {
            CallFailed::NoAnswer(text)
        }
    })?;
    let status = response.status();
    let mut body = Vec::new();
    let broken = |error: reqwest::Error| CallFailed::NoAnswer(reason(&error));
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(CallFailed::NoAnswer("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    let body = String::from_utf8(body)
        .map_err(|_| CallFailed::NoAnswer("the answer is not text".to_owned()))?;
    Ok(Answer { status, body })
}

/// The innermost cause, which says what happened ("Connection refused"), without the address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if cause.is::<reqwest::Error>() {
        return "the call failed".to_owned();
    }
    cause.to_string()
}
