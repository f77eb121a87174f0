//! ARM's settings.

use std::net::SocketAddr;

use chrono::{FixedOffset, TimeDelta};
use clap::Parser;
use geobot_shared::bus::KafkaSettings;
use geobot_shared::config::StackSettings;
use secrecy::{ExposeSecret, SecretString};

/// The shortest bearer token of the JSON API, in characters.
pub const SHORTEST_API_TOKEN: usize = 16;
/// The shortest password of a staff account, in characters.
pub const SHORTEST_PASSWORD: usize = 10;
/// The longest password, in bytes: hashing more is work that anybody could ask for.
pub const LONGEST_PASSWORD: usize = 1_024;

/// geobot-arm: the staff workplace.
#[derive(Clone, Debug, Parser)]
#[command(name = "geobot-arm", version)]
pub struct Settings {
    /// What every service has.
    #[command(flatten)]
    pub stack: StackSettings,
    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,
    /// Where ARM listens: pages, JSON API, health and metrics.
    #[arg(long, env = "ARM_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// ARM's database: postgres://… or empty for the SQLite file arm.sqlite in DATA_DIR.
    #[arg(
        long,
        env = "ARM_DATABASE_URL",
        default_value = "",
        hide_env_values = true
    )]
    pub database_url: SecretString,
    /// Bearer token of the JSON API, at least 16 characters.
    #[arg(
        long,
        env = "ARM_API_TOKEN",
        default_value = "",
        hide_env_values = true
    )]
    pub api_token: SecretString,
    /// Login of the first staff account, made when there is none.
    #[arg(long, env = "ARM_OWNER_LOGIN", default_value = "owner")]
    pub owner_login: String,
    /// Password of the first staff account, at least 10 characters. Read only while there is no staff.
    #[arg(
        long,
        env = "ARM_OWNER_PASSWORD",
        default_value = "",
        hide_env_values = true
    )]
    pub owner_password: SecretString,
    /// Hours from UTC in which pages show times and days begin; 3 is Moscow.
    #[arg(long, env = "ARM_UTC_OFFSET", default_value_t = 3, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i8).range(-12..=14))]
    pub utc_offset: i8,
    /// Seconds after which a job that no worker has answered is handed out again.
    #[arg(long, env = "ARM_TASK_AGAIN_AFTER", default_value_t = 900,
          value_parser = clap::value_parser!(u32).range(2..=604_800))]
    pub task_again_after: u32,
}

impl Settings {
    /// The API token, checked.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn checked_api_token(&self) -> Result<SecretString, String> {
        let token = self.api_token.expose_secret().trim();
        if token.chars().count() < SHORTEST_API_TOKEN {
            return Err(format!(
                "ARM_API_TOKEN must have at least {SHORTEST_API_TOKEN} characters"
            ));
        }
        Ok(token.into())
    }

    /// How long a job may be without an answer.
    pub fn unanswered_after(&self) -> TimeDelta {
        TimeDelta::seconds(self.task_again_after.into())
    }

    /// The time zone of the pages.
    pub fn zone(&self) -> FixedOffset {
        zone(self.utc_offset)
    }
}

/// A time zone of whole hours from UTC; UTC itself for hours that no zone has.
pub fn zone(hours: i8) -> FixedOffset {
    FixedOffset::east_opt(i32::from(hours) * 3600)
        .unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Settings, clap::Error> {
        Settings::try_parse_from(std::iter::once(&"geobot-arm").chain(arguments))
    }

    #[test]
    fn a_short_api_token_is_refused_by_name() {
        let settings = parse(&["--api-token", "short"]).unwrap();
        assert!(
            settings
                .checked_api_token()
                .unwrap_err()
                .contains("ARM_API_TOKEN")
        );
        let settings = parse(&["--api-token", "0123456789abcdef"]).unwrap();
        assert!(settings.checked_api_token().is_ok());
    }

    #[test]
    fn secrets_are_never_printed() {
        let settings = parse(&[
            "--api-token",
            "hunter2-hunter2-hunter2",
            "--owner-password",
            "hunter2-hunter2",
            "--database-url",
            "postgres://u:hunter2@h/d",
        ])
        .unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn a_zone_beyond_the_earth_is_refused() {
        assert!(parse(&["--utc-offset", "15"]).is_err());
        assert_eq!(
            parse(&["--utc-offset", "-3"])
                .unwrap()
                .zone()
                .local_minus_utc(),
            -10_800
        );
    }
}
