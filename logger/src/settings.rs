//! The logger's settings.

use std::net::SocketAddr;

use clap::Parser;
use geobot_shared::bus::KafkaSettings;
use geobot_shared::config::{StackSettings, default_url};
use secrecy::SecretString;

use crate::logstash::{Logstash, LogstashSettingError};

/// Carries every event of info_in to Logstash.
#[derive(Clone, Debug, Parser)]
#[command(name = "geobot-logger", version)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) stack: StackSettings,
    #[command(flatten)]
    pub(crate) kafka: KafkaSettings,
    /// Where /health/live, /health/ready and /metrics are served.
    #[arg(long, env = "LOGGER_LISTEN", default_value = "127.0.0.1:8002")]
    pub(crate) listen: SocketAddr,
    /// Logstash's HTTP input. Empty: the sandbox's, or http://127.0.0.1:5005/ with a real token.
    #[arg(long, env = "LOGSTASH_URL", default_value = "")]
    pub(crate) logstash_url: String,
    /// User of its Basic auth. Empty: no authentication.
    #[arg(long, env = "LOGSTASH_USER", default_value = "geobot")]
    pub(crate) logstash_user: String,
    /// Password of its Basic auth.
    #[arg(
        long,
        env = "LOGSTASH_PASSWORD",
        default_value = "",
        hide_env_values = true
    )]
    pub(crate) logstash_password: SecretString,
}

impl Settings {
    /// The client for Logstash.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn logstash(&self) -> Result<Logstash, LogstashSettingError> {
        let url = self.stack.or_default(
            &self.logstash_url,
            default_url::SANDBOX_LOGSTASH,
            default_url::LOGSTASH,
        );
        Logstash::new(
            &url,
            self.logstash_user.trim(),
            self.logstash_password.clone(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Settings {
        let quiet = ["geobot-logger", "--bot-token", "1:SANDBOX-x"];
        Settings::try_parse_from(quiet.iter().chain(arguments)).unwrap()
    }

    #[test]
    fn an_address_that_is_none_is_refused_by_its_name() {
        for url in ["not a url", "ftp://127.0.0.1/", "127.0.0.1:5005", "http://"] {
            let error = settings(&["--logstash-url", url]).logstash().err().unwrap();
            assert!(error.to_string().starts_with("LOGSTASH_URL"), "{url}");
        }
        assert!(settings(&["--logstash-url", ""]).logstash().is_ok());
    }

    #[test]
    fn the_password_is_never_printed() {
        let shown = format!("{:?}", settings(&["--logstash-password", "swordfish"]));
        assert!(!shown.contains("swordfish"));
    }
}
