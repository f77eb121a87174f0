//! Logstash's HTTP input: one POST of a JSON array, and what its answer means.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};
use url::Url;

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Longer than a Logstash under load takes, shorter than a shutdown may wait.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// A failure older than this says nothing about now; waiting documents are tried again at least every 5 s.
const FAILURE_COUNTS: Duration = Duration::from_secs(15);

/// The address can't be used. One line for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogstashSettingError {
    /// Not an address.
    #[error("LOGSTASH_URL={0} is not an http:// or https:// address")]
    Url(String),
    /// The HTTP client can't be made.
    #[error("no HTTP client for Logstash: {0}")]
    Client(#[from] reqwest::Error),
}

/// What Logstash said to one POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has all of them.
    Accepted,
    /// It has none of them, or may have them; they are to be sent again. The reason is for the operator.
    Unavailable(String),
    /// It does not take this body: at least one of the documents is at fault.
    Refused(String),
}

/// The client. One per process.
pub(crate) struct Logstash {
    client: reqwest::Client,
    url: Url,
    user: String,
    password: SecretString,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Logstash {
    /// # Errors
    /// [`LogstashSettingError`] for an address that is none.
    pub(crate) fn new(
        url: &str,
        user: &str,
        password: SecretString,
    ) -> Result<Logstash, LogstashSettingError> {
        let bad = || LogstashSettingError::Url(url.to_owned());
        let parsed = Url::parse(url.trim()).map_err(|_| bad())?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad());
        }
        Ok(Logstash {
            client: reqwest::Client::builder()
                .connect_timeout(CONNECT_LIMIT)
                .timeout(REQUEST_LIMIT)
                // A redirected POST becomes a GET without a body, whose 200 would lose the batch.
                .redirect(Policy::none())
                .no_proxy()
                .build()?,
            url: parsed,
            user: user.to_owned(),
            password,
            last: Mutex::default(),
        })
    }

    /// Posts a JSON array.
    pub(crate) async fn post(&self, body: Vec<u8>) -> Answer {
        let began = Instant::now();
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        if !self.user.is_empty() {
            request = request.basic_auth(&self.user, Some(self.password.expose_secret()));
        }
        let answer = match request.send().await {
            Ok(response) => meaning(response.status()),
            Err(error) => Answer::Unavailable(reason(&error)),
        };
        metrics::histogram!("geobot_logstash_post_seconds").record(began.elapsed().as_secs_f64());
        self.note(&answer);
        answer
    }

    /// Whether documents reach Logstash: the last POST says, or else whether somebody listens there.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) async fn check(self: Arc<Self>) -> Result<(), String> {
        let last = self.locked().clone();
        if let Some((at, Err(reason))) = last
            && at.elapsed() < FAILURE_COUNTS
        {
            return Err(reason);
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<(), String> {
        let host = self.url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.url.port_or_known_default().unwrap_or(80);
        let dial = async {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
            tokio::net::TcpStream::connect(addresses.as_slice()).await
        };
        match tokio::time::timeout(Duration::from_secs(1), dial).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    /// Remembers how the last POST ended and tells the log when that changes.
    fn note(&self, answer: &Answer) {
        let now = match answer {
            Answer::Unavailable(reason) => Err(reason.clone()),
            Answer::Accepted | Answer::Refused(_) => Ok(()),
        };
        let before = self.locked().replace((Instant::now(), now.clone()));
        let was_down = matches!(before, Some((_, Err(_))));
        match now {
            Err(reason) if !was_down => warn!(reason, "logstash_lost"),
            Ok(()) if was_down => info!("logstash_came_back"),
            _ => {}
        }
        metrics::gauge!("geobot_logstash_up").set(f64::from(u8::from(!matches!(
            answer,
            Answer::Unavailable(_)
        ))));
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Result<(), String>)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a status means for the documents of a batch. Only a status that speaks of the body blames the body; anything
/// else that is not success is somebody's fault whom an operator can help, and must lose nothing.
fn meaning(status: StatusCode) -> Answer {
    match status {
        _ if status.is_success() => Answer::Accepted,
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => {
            Answer::Refused(format!("Logstash answered {status}"))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Answer::Unavailable(format!(
            "Logstash answered {status}: check LOGSTASH_USER and LOGSTASH_PASSWORD"
        )),
        _ => Answer::Unavailable(format!("Logstash answered {status}")),
    }
}

/// A connection's error without the address, which may carry a password, and with its innermost cause.
fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let kind = match error {
        _ if error.is_timeout() => "no answer in time",
        _ if error.is_connect() => "no connection",
        _ => "the request failed",
    };
    format!("{kind}: {innermost}").replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_about_the_body_blames_the_documents() {
        for (status, expected) in [
            (200, "accepted"),
            (204, "accepted"),
            (301, "unavailable"),
            (400, "refused"),
            (401, "unavailable"),
            (403, "unavailable"),
            (404, "unavailable"),
            (408, "unavailable"),
            (413, "refused"),
            (422, "refused"),
            (429, "unavailable"),
            (500, "unavailable"),
            (503, "unavailable"),
        ] {
            let found = match meaning(StatusCode::from_u16(status).unwrap()) {
                Answer::Accepted => "accepted",
                Answer::Unavailable(_) => "unavailable",
                Answer::Refused(_) => "refused",
            };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_unavailable_and_not_ready() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", free.local_addr().unwrap());
        drop(free);
        let logstash = Arc::new(Logstash::new(&url, "geobot", "secret".into()).unwrap());
        assert!(Logstash::check(Arc::clone(&logstash)).await.is_err());
        let answer = logstash.post(b"[]".to_vec()).await;
        assert!(
            matches!(&answer, Answer::Unavailable(reason) if reason.starts_with("no connection")),
            "{answer:?}"
        );
    }
}
