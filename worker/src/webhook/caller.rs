//! One call: a signed POST, and what its answer means.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use url::Url;
use uuid::Uuid;

use super::WebhookKey;

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// From the first byte of the request to the last of the answer.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// So much of a refusal is read, in bytes, and shown, in characters.
const LONGEST_ANSWER: usize = 2_048;
const LONGEST_SHOWN: usize = 200;

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// The receiver has it: its status.
    Accepted(u16),
    /// It will not take it.
    Refused(String),
    /// It may take it later.
    TryAgain {
        /// What went wrong.
        reason: String,
        /// When to come back, if it said so.
        after: Option<Duration>,
    },
}

/// The client. One per process.
pub(crate) struct Caller {
    client: reqwest::Client,
    key: WebhookKey,
}

impl Caller {
    /// # Errors
    /// When the HTTP client can't be made.
    pub(crate) fn new(key: WebhookKey) -> Result<Caller, reqwest::Error> {
        Ok(Caller {
            client: reqwest::Client::builder()
                .connect_timeout(CONNECT_LIMIT)
                .timeout(CALL_LIMIT)
                // The body is for whom it was addressed to; elsewhere the call would become a GET.
                .redirect(Policy::none())
                .user_agent(concat!("geobot/", env!("CARGO_PKG_VERSION")))
                .no_proxy()
                .build()?,
            key,
        })
    }

    /// Makes one call. The same id makes it a repeat for the receiver.
    pub(crate) async fn call(
        &self,
        url: &str,
        id: Uuid,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Called {
        let url = match Url::parse(url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => return Called::Refused("the address is none of http or https".to_owned()),
        };
        let timestamp = now.timestamp();
        let Some(signature) = self.key.sign(id, timestamp, body) else {
            return Called::Refused("the call can't be signed".to_owned());
        };
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id.to_string())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body.to_vec());
        match request.send().await {
            Ok(answer) => meaning(answer).await,
            Err(error) if error.is_builder() => Called::Refused(words(&error)),
            Err(error) => Called::TryAgain {
                reason: words(&error),
                after: None,
            },
        }
    }
}

async fn meaning(answer: Response) -> Called {
    let status = answer.status();
    if status.is_success() {
        return Called::Accepted(status.as_u16());
    }
    let after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let reason = match beginning(answer).await {
        said if said.is_empty() => format!("the receiver answered {status}"),
        said => format!("the receiver answered {status}: {said}"),
    };
    let later = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        );
    match later {
        true => Called::TryAgain { reason, after },
        false => Called::Refused(reason),
    }
}

/// The beginning of a refusal, on one line.
async fn beginning(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_ANSWER {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                let rest = LONGEST_ANSWER - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(rest)]);
            }
            Ok(None) | Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes).replace(|c: char| c.is_control(), " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST_SHOWN).collect()
}

/// What went wrong, without the address, which may hold a secret.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", CALL_LIMIT.as_secs());
    }
    let mut source: &dyn std::error::Error = error;
    while let Some(next) = source.source() {
        source = next;
    }
    match error.is_connect() {
        true => format!("the receiver can't be reached: {source}"),
        false => format!("the call broke off: {source}"),
    }
}
