//! The worker's settings.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use std::time::Duration;

use clap::Parser;
use geobot_shared::bus::KafkaSettings;
use geobot_shared::config::LogFormat;
use secrecy::{ExposeSecret, SecretString};

use crate::webhook::{Caller, Retries, WebhookKey};

/// Does the heavy jobs that ARM hands out.
#[derive(Clone, Debug, Parser)]
#[command(name = "geobot-worker", version)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) kafka: KafkaSettings,
    /// This worker's name, which stands in its records: WORKER_0, WORKER_1, …
    #[arg(long, env = "WORKER_NAME", default_value = "WORKER_0")]
    pub(crate) worker_name: WorkerName,
    /// Where /health/live, /health/ready and /metrics are served. By default port 8011 for WORKER_0, 8012 for WORKER_1, …
    #[arg(long = "listen", env = "WORKER_LISTEN", value_name = "ADDRESS")]
    worker_listen: Option<SocketAddr>,
    /// Signs the calls of webhook products, as in Standard Webhooks: base64 of 24 to 64 bytes, with whsec_ in front or
    /// without. Receivers check with the same text. Empty: such jobs fail.
    #[arg(long, env = "WEBHOOK_KEY", default_value = "", hide_env_values = true)]
    webhook_key: SecretString,
    /// For how many seconds a call that fails for now is made again before the job is given up.
    #[arg(long, env = "WEBHOOK_RETRY_SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(0..=3_000))]
    webhook_retry_seconds: u32,
    /// How logs look. RUST_LOG filters them.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// Health port of WORKER_0.
const FIRST_PORT: u16 = 8011;
/// The pauses between the calls of one job.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Settings {
    pub(crate) fn listen(&self) -> SocketAddr {
        let port = FIRST_PORT + u16::from(self.worker_name.0);
        self.worker_listen
            .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Who makes the calls; nobody without a key.
    ///
    /// # Errors
    /// One line for the operator.
    pub(crate) fn caller(&self) -> Result<Option<Caller>, String> {
        let key = WebhookKey::read(self.webhook_key.expose_secret());
        key.map_err(|error| error.to_string())?
            .map(Caller::new)
            .transpose()
            .map_err(|error| format!("no HTTP client for webhooks: {error}"))
    }

    /// How often calls are made again.
    pub(crate) fn retries(&self) -> Retries {
        let for_all = Duration::from_secs(self.webhook_retry_seconds.into());
        Retries::new(FIRST_PAUSE, LONGEST_PAUSE, for_all)
    }
}

/// `WORKER_<n>`, n from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkerName(u8);

impl FromStr for WorkerName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<WorkerName, Self::Err> {
        text.strip_prefix("WORKER_")
            .filter(|number| number.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|number| number.parse().ok())
            .map(WorkerName)
            .ok_or("WORKER_NAME must be WORKER_0, WORKER_1, …, at most WORKER_255")
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WORKER_{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_named_by_its_number() {
        assert_eq!(
            "WORKER_1".parse::<WorkerName>().unwrap().to_string(),
            "WORKER_1"
        );
        for text in [
            "",
            "WORKER",
            "WORKER_",
            "WORKER_+1",
            "WORKER_256",
            "worker_1",
            "LK",
        ] {
            assert!(text.parse::<WorkerName>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_worker_has_a_port_of_its_own_by_default() {
        let line = ["geobot-worker", "--worker-name", "WORKER_1"];
        let settings = Settings {
            worker_listen: None,
            ..Settings::try_parse_from(line).unwrap()
        };
        assert_eq!(settings.listen().to_string(), "127.0.0.1:8012");
    }
}
