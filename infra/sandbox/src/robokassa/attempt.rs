//! One call of the shop: what was answered, and whether that is enough.

use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock;

/// Of the shop's answer only this much is looked at and kept.
const LONGEST_BODY: usize = 1_000;

/// One ResultURL or ResultURL2 call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    pub(crate) accepted: bool,
}

/// Makes the call; `is_enough` looks at the status and the body.
pub(crate) async fn make(
    app: &App,
    request: RequestBuilder,
    is_enough: impl FnOnce(u16, &[u8]) -> bool,
) -> Attempt {
    let at = clock::stamp();
    let failed = |error: String| Attempt {
        at: at.clone(),
        status: None,
        body: None,
        error: Some(error),
        accepted: false,
    };
    let answer = tokio::select! {
        answer = request.send() => answer,
        () = app.stopping.cancelled() => return failed("the sandbox stopped".to_owned()),
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_timeout() => return failed("no answer in time".to_owned()),
        Err(error) if error.is_connect() => return failed("connection refused".to_owned()),
        Err(error) => return failed(error.without_url().to_string()),
    };
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while body.len() <= LONGEST_BODY {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return failed(error.without_url().to_string()),
        }
    }
    let accepted = is_enough(status, &body);
    body.truncate(LONGEST_BODY);
    Attempt {
        at,
        status: Some(status),
        body: Some(String::from_utf8_lossy(&body).into_owned()),
        error: None,
        accepted,
    }
}
