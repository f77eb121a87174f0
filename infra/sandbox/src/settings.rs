//! Settings: command line and environment, checked before anything starts.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// The token every service takes when `BOT_TOKEN` is empty.
pub const DEFAULT_SANDBOX_TOKEN: &str = "7000000001:SANDBOX-geobot";

const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8081);

const RESULT_URL: &str = "http://127.0.0.1:5500/robokassa/result";
const SUCCESS_URL: &str = "http://127.0.0.1:5500/robokassa/success";
const FAIL_URL: &str = "http://127.0.0.1:5500/robokassa/fail";

/// An address that may be left out. The alias keeps clap from reading the empty text as an address.
pub type OptionalUrl = Option<url::Url>;

/// Everything the sandbox can be told. A text that is set and empty (a line of `.env` left blank) means the default.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "geobot-sandbox",
    version,
    about = "Stand-ins for Telegram, Robokassa and Logstash, and a chat page to try the shop by hand"
)]
pub struct Settings {
    /// Where to listen; loopback only
    #[arg(long, env = "SANDBOX_LISTEN", default_value = "127.0.0.1:8081", value_parser = listen_address)]
    pub listen: SocketAddr,

    /// The one bot token that is served; a real one is refused. Empty: 7000000001:SANDBOX-geobot
    #[arg(long, env = "BOT_TOKEN", default_value = "", hide_env_values = true, value_parser = secret)]
    pub bot_token: SecretString,

    /// The bot's username, as getMe tells it
    #[arg(
        long,
        env = "SANDBOX_BOT_USERNAME",
        default_value = "geobot_sandbox_bot"
    )]
    pub bot_username: String,

    /// File that keeps people, chats and payments between runs; empty: memory only
    #[arg(long, env = "SANDBOX_STATE", default_value = "", value_parser = path)]
    pub state: PathBuf,

    /// Send limits on (429 with retry_after) or off
    #[arg(long, env = "SANDBOX_LIMITS", default_value_t = true, action = clap::ArgAction::Set)]
    pub limits: bool,

    /// Messages per second in one private chat
    #[arg(long, env = "SANDBOX_LIMIT_PRIVATE_PER_SECOND", default_value_t = 1.0)]
    pub limit_private_per_second: f64,

    /// Messages that may come at once in one private chat
    #[arg(long, env = "SANDBOX_LIMIT_PRIVATE_BURST", default_value_t = 5)]
    pub limit_private_burst: u32,

    /// Messages per minute in one group or channel
    #[arg(long, env = "SANDBOX_LIMIT_GROUP_PER_MINUTE", default_value_t = 20)]
    pub limit_group_per_minute: u32,

    /// Messages per second over all chats
    #[arg(long, env = "SANDBOX_LIMIT_ALL_PER_SECOND", default_value_t = 30.0)]
    pub limit_all_per_second: f64,

    /// The shop's identifier (MerchantLogin)
    #[arg(long, env = "ROBOKASSA_LOGIN", default_value = "")]
    pub robokassa_login: String,

    /// Password#1: signs payment links and SuccessURL
    #[arg(long, env = "ROBOKASSA_PASSWORD1", default_value = "", hide_env_values = true, value_parser = secret)]
    pub robokassa_password1: SecretString,

    /// Password#2: signs ResultURL and OpStateExt
    #[arg(long, env = "ROBOKASSA_PASSWORD2", default_value = "", hide_env_values = true, value_parser = secret)]
    pub robokassa_password2: SecretString,

    /// Password#3: signs requests to the Refund API; empty: the shop has no access to it
    #[arg(long, env = "ROBOKASSA_PASSWORD3", default_value = "", hide_env_values = true, value_parser = secret)]
    pub robokassa_password3: SecretString,

    /// Password#1 of test payments
    #[arg(long, env = "ROBOKASSA_TEST_PASSWORD1", default_value = "", hide_env_values = true, value_parser = secret)]
    pub robokassa_test_password1: SecretString,

    /// Password#2 of test payments
    #[arg(long, env = "ROBOKASSA_TEST_PASSWORD2", default_value = "", hide_env_values = true, value_parser = secret)]
    pub robokassa_test_password2: SecretString,

    /// Hash of live payments: md5, ripemd160, sha1, sha256, sha384 or sha512
    #[arg(long, env = "ROBOKASSA_HASH", default_value = "sha256", value_parser = hash_name)]
    pub robokassa_hash: String,

    /// Hash of test payments
    #[arg(long, env = "ROBOKASSA_TEST_HASH", default_value = "sha256", value_parser = hash_name)]
    pub robokassa_test_hash: String,

    /// The shop's ResultURL, as set in its cabinet
    #[arg(long, env = "SANDBOX_RESULT_URL", default_value = RESULT_URL, value_parser = |text: &str| shop_url(text, RESULT_URL))]
    pub result_url: url::Url,

    /// The shop's ResultURL2, which is told of live payments as a signed token; empty: not sent
    #[arg(long, env = "SANDBOX_RESULT2_URL", default_value = "", value_parser = optional_url)]
    pub result2_url: OptionalUrl,

    /// The shop's SuccessURL
    #[arg(long, env = "SANDBOX_SUCCESS_URL", default_value = SUCCESS_URL, value_parser = |text: &str| shop_url(text, SUCCESS_URL))]
    pub success_url: url::Url,

    /// The shop's FailURL
    #[arg(long, env = "SANDBOX_FAIL_URL", default_value = FAIL_URL, value_parser = |text: &str| shop_url(text, FAIL_URL))]
    pub fail_url: url::Url,

    /// How often one ResultURL call is made in all before the stand-in gives up
    #[arg(long, env = "SANDBOX_CALLBACK_ATTEMPTS", default_value_t = 100)]
    pub callback_attempts: u32,

    /// How long a refund stays in processing and a second receipt waits, in milliseconds
    #[arg(long, env = "SANDBOX_PROCESSING_MS", default_value_t = 3000)]
    pub processing_ms: u64,

    /// Unit of every back-off (ResultURL, ResultURL2, webhook) in milliseconds; tests make it small
    #[arg(long, env = "SANDBOX_RETRY_UNIT_MS", default_value_t = 1000)]
    pub retry_unit_ms: u64,

    /// User of the Logstash stand-in's Basic auth
    #[arg(long, env = "LOGSTASH_USER", default_value = "geobot")]
    pub logstash_user: String,

    /// Password of the Logstash stand-in's Basic auth
    #[arg(long, env = "LOGSTASH_PASSWORD", default_value = "", hide_env_values = true, value_parser = secret)]
    pub logstash_password: SecretString,

    /// Form of the sandbox's own log lines: text or json
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: String,
}

/// A setting that must be changed before the sandbox starts.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// The address is reachable from other machines; use one of `127.0.0.0/8` or `[::1]`.
    #[error("SANDBOX_LISTEN={0}: the sandbox listens on loopback only, use 127.0.0.1:{port}", port = .0.port())]
    NotLoopback(SocketAddr),
    /// The token could reach real chats; leave `BOT_TOKEN` empty or unset `SANDBOX_LISTEN`'s service.
    #[error(
        "BOT_TOKEN is a real bot token: the sandbox refuses it, leave BOT_TOKEN empty to use the sandbox"
    )]
    RealToken,
    /// The token is not of the form `<number>:SANDBOX…`.
    #[error("BOT_TOKEN is not of the form <number>:SANDBOX<anything>")]
    MalformedToken,
    /// A rate is not a positive number.
    #[error("{0} must be greater than zero")]
    NotPositive(&'static str),
}

/// The sandbox bot's token and number.
#[derive(Debug, Clone)]
pub struct SandboxToken {
    /// The bot's id: the token's part before the colon.
    pub bot_id: i64,
    /// The whole token.
    pub text: SecretString,
}

impl Settings {
    /// Checks what the parser cannot: loopback, rates.
    ///
    /// # Errors
    /// The first setting that must be changed.
    pub fn check(&self) -> Result<SandboxToken, SettingsError> {
        if !self.listen.ip().is_loopback() {
            return Err(SettingsError::NotLoopback(self.listen));
        }
        for (name, rate) in [
            (
                "SANDBOX_LIMIT_PRIVATE_PER_SECOND",
                self.limit_private_per_second,
            ),
            ("SANDBOX_LIMIT_ALL_PER_SECOND", self.limit_all_per_second),
            (
                "SANDBOX_LIMIT_PRIVATE_BURST",
                f64::from(self.limit_private_burst),
            ),
            (
                "SANDBOX_LIMIT_GROUP_PER_MINUTE",
                f64::from(self.limit_group_per_minute),
            ),
        ] {
            if rate.is_nan() || rate <= 0.0 {
                return Err(SettingsError::NotPositive(name));
            }
        }
        self.token()
    }

    fn token(&self) -> Result<SandboxToken, SettingsError> {
        let text = match self.bot_token.expose_secret().trim() {
            "" => DEFAULT_SANDBOX_TOKEN,
            given => given,
        };
        let (number, secret_part) = text.split_once(':').ok_or(SettingsError::MalformedToken)?;
        if !secret_part.starts_with("SANDBOX") {
            return Err(SettingsError::RealToken);
        }
        let bot_id = number.parse().map_err(|_| SettingsError::MalformedToken)?;
        Ok(SandboxToken {
            bot_id,
            text: SecretString::from(text),
        })
    }
}

fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if text.trim().is_empty() {
        return Ok(DEFAULT_LISTEN);
    }
    text.trim()
        .parse()
        .map_err(|_| "expected an address and a port, for example 127.0.0.1:8081".to_owned())
}

fn hash_name(text: &str) -> Result<String, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" => Ok("sha256".to_owned()),
        name @ ("md5" | "ripemd160" | "sha1" | "sha256" | "sha384" | "sha512") => {
            Ok(name.to_owned())
        }
        _ => Err("expected md5, ripemd160, sha1, sha256, sha384 or sha512".to_owned()),
    }
}

fn path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

fn shop_url(text: &str, default: &str) -> Result<url::Url, String> {
    let given = if text.trim().is_empty() {
        default
    } else {
        text.trim()
    };
    match url::Url::parse(given) {
        Ok(address) if matches!(address.scheme(), "http" | "https") => Ok(address),
        _ => Err("expected an http:// or https:// address".to_owned()),
    }
}

fn optional_url(text: &str) -> Result<OptionalUrl, String> {
    match text.trim() {
        "" => Ok(None),
        given => shop_url(given, given).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Settings {
        let mut line = vec![
            "geobot-sandbox",
            "--bot-token",
            "",
            "--listen",
            "127.0.0.1:0",
        ];
        // A later occurrence of the same option would be refused, so drop what is overridden.
        for given in arguments.chunks(2) {
            if let Some(at) = line.iter().position(|word| *word == given[0]) {
                line.drain(at..at + 2);
            }
        }
        line.extend_from_slice(arguments);
        Settings::try_parse_from(line).unwrap()
    }

    #[test]
    fn an_empty_token_is_the_sandbox_token() {
        let token = settings(&[]).check().unwrap();
        assert_eq!(token.bot_id, 7_000_000_001);
        assert_eq!(token.text.expose_secret(), DEFAULT_SANDBOX_TOKEN);
    }

    #[test]
    fn a_real_token_is_refused() {
        let refused = settings(&["--bot-token", "123456789:AAF-not-a-sandbox-token"]).check();
        assert_eq!(refused.unwrap_err(), SettingsError::RealToken);
    }

    #[test]
    fn a_token_without_a_number_is_refused() {
        for text in ["SANDBOX", "x:SANDBOX-1"] {
            assert_eq!(
                settings(&["--bot-token", text]).check().unwrap_err(),
                SettingsError::MalformedToken
            );
        }
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused() {
        for text in ["0.0.0.0:8081", "192.0.2.1:8081", "[::]:8081"] {
            let refused = settings(&["--listen", text]).check().unwrap_err();
            assert!(matches!(refused, SettingsError::NotLoopback(_)), "{text}");
        }
    }

    #[test]
    fn an_unknown_hash_is_refused() {
        let parsed = Settings::try_parse_from(["geobot-sandbox", "--robokassa-hash", "crc32"]);
        assert!(parsed.is_err());
    }

    #[test]
    fn a_rate_of_zero_is_refused() {
        let refused = settings(&["--limit-all-per-second", "0"])
            .check()
            .unwrap_err();
        assert_eq!(
            refused,
            SettingsError::NotPositive("SANDBOX_LIMIT_ALL_PER_SECOND")
        );
    }

    #[test]
    fn a_result_url2_that_is_left_blank_is_none_and_a_wrong_one_is_refused() {
        assert!(settings(&[]).result2_url.is_none());
        let given = settings(&["--result2-url", "http://127.0.0.1:5500/robokassa/result2"]);
        assert_eq!(given.result2_url.unwrap().path(), "/robokassa/result2");
        for wrong in ["nowhere", "ftp://example.com/"] {
            let parsed = Settings::try_parse_from(["geobot-sandbox", "--result2-url", wrong]);
            assert!(parsed.is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let shown = format!("{:?}", settings(&["--robokassa-password1", "swordfish"]));
        assert!(!shown.contains("swordfish"));
    }
}
