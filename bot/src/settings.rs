//! The bot's settings.

use std::net::SocketAddr;

use std::time::Duration;

use chrono::FixedOffset;
use clap::Parser;
use geobot_shared::bus::KafkaSettings;
use geobot_shared::config::{self, StackSettings, default_url};
use geobot_shared::ids::ChatId;
use geobot_shared::robokassa::ShopSecrets;
use geobot_shared::route_token::RouteKeys;
use geobot_shared::shop::ShopSettings;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::telegram::limiter::Limits;
use crate::telegram::manner::{QuietHours, offset};

/// geobot-bot: the Telegram bot. It talks, sends, checks every payment and routes the person.
#[derive(Debug, Parser)]
#[command(name = "geobot-bot", version, args_override_self = true)]
pub struct Settings {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub stack: StackSettings,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub kafka: KafkaSettings,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub shop: ShopSettings,
    /// Where the bot listens: webhook, health and metrics.
    #[arg(long, env = "BOT_LISTEN", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
    /// Bot API address. Empty: the sandbox's, or `https://api.telegram.org/` with a real token.
    #[arg(long, env = "TELEGRAM_API_URL", default_value = "")]
    pub telegram_api_url: String,
    /// Redis address.
    #[arg(long, env = "REDIS_URL", default_value = "redis://127.0.0.1:6379/")]
    pub redis_url: String,
    /// Public HTTPS address under which Telegram reaches this bot's webhook. Empty: long polling.
    #[arg(long, env = "BOT_WEBHOOK_URL", default_value = "")]
    pub webhook_url: String,
    /// What Telegram must send along with each webhook call: 16 to 256 characters of A-Z a-z 0-9 _ -.
    #[arg(
        long,
        env = "BOT_WEBHOOK_SECRET",
        default_value = "",
        hide_env_values = true
    )]
    pub webhook_secret: SecretString,
    /// Messages a second to all chats together, at most.
    #[arg(long, env = "BOT_LIMIT_ALL", default_value_t = 30.0)]
    pub limit_all: f64,
    /// Messages a second to one private chat, at most; short bursts of 5 pass.
    #[arg(long, env = "BOT_LIMIT_PRIVATE", default_value_t = 1.0)]
    pub limit_private: f64,
    /// Messages a minute to one group, at most.
    #[arg(long, env = "BOT_LIMIT_GROUP", default_value_t = 20.0)]
    pub limit_group: f64,
    /// Hours ahead of UTC in which people and staff read times, such as +03:00.
    #[arg(
        long,
        env = "BOT_UTC_OFFSET",
        default_value = "+03:00",
        allow_hyphen_values = true
    )]
    pub utc_offset: String,
    /// Hours in which messages that can wait (broadcasts, reminders) make no sound, such as 22:00-09:00. Empty: none.
    #[arg(long, env = "BOT_QUIET_HOURS", default_value = "")]
    pub quiet_hours: String,
    /// Whether people may send their place to have their city found.
    #[arg(long, env = "BOT_LOCATION", default_value_t = false, action = clap::ArgAction::Set)]
    pub location: bool,
    /// Chats in which staff hears of errors, a comma list of chat ids. Empty: none.
    #[arg(
        long,
        env = "BOT_STAFF_CHATS",
        default_value = "",
        allow_hyphen_values = true
    )]
    pub staff_chats: String,
    /// Minutes between two such messages, at least; fractions are fine.
    #[arg(long, env = "BOT_STAFF_DIGEST_MINUTES", default_value_t = 5.0)]
    pub staff_digest_minutes: f64,
    /// Key of route tokens and grants, `<id 1-255>:<64 hex digits>`; the same as LK's.
    #[arg(long, env = "ROUTE_KEY", default_value = "", hide_env_values = true)]
    pub route_key: SecretString,
    /// Earlier keys that still verify, separated by commas.
    #[arg(
        long,
        env = "ROUTE_KEYS_RETIRED",
        default_value = "",
        hide_env_values = true
    )]
    pub route_keys_retired: SecretString,
}

/// The settings after checking.
#[derive(Debug)]
pub struct Checked {
    /// Bot API address, with a slash at its end.
    pub telegram_api_url: Url,
    /// Passwords that verify Robokassa's signatures.
    pub shop: ShopSecrets,
    /// Keys that verify route tokens and grants.
    pub keys: RouteKeys,
    /// Telegram's allowance.
    pub limits: Limits,
    /// Where Telegram delivers updates; long polling when absent.
    pub webhook: Option<Webhook>,
    /// Hours ahead of UTC in which times are shown.
    pub offset: FixedOffset,
    /// When messages that can wait make no sound.
    pub quiet: QuietHours,
    /// How staff hears of errors.
    pub staff: Staff,
}

/// How staff hears of errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Where; nowhere when empty.
    pub chats: Vec<ChatId>,
    /// At least this long lies between two messages.
    pub period: Duration,
}

/// How Telegram delivers updates by webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The address Telegram is told.
    pub url: Url,
    /// What must come along with each call.
    pub secret: SecretString,
}

impl Settings {
    /// Checks what one field alone can't tell. Ends the process with one line when something is wrong.
    pub fn check(&self) -> Checked {
        self.try_check().unwrap_or_else(|why| config::refuse(&why))
    }

    /// As [`Settings::check`], for tests.
    ///
    /// # Errors
    /// One line that names the setting.
    pub fn try_check(&self) -> Result<Checked, String> {
        let api = self.stack.or_default(
            &self.telegram_api_url,
            default_url::SANDBOX_TELEGRAM,
            default_url::TELEGRAM,
        );
        let api = format!("{}/", api.trim_end_matches('/'));
        let token = self.stack.token();
        if !token
            .expose_secret()
            .split_once(':')
            .is_some_and(|(id, secret)| {
                !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && !secret.is_empty()
            })
        {
            return Err("BOT_TOKEN must look like 123456:ABC-DEF (from @BotFather)".to_owned());
        }
        let offset = offset(&self.utc_offset).map_err(|e| format!("BOT_UTC_OFFSET: {e}"))?;
        Ok(Checked {
            offset,
            quiet: QuietHours::parse(&self.quiet_hours, offset)
                .map_err(|e| format!("BOT_QUIET_HOURS: {e}"))?,
            staff: self.staff()?,
            telegram_api_url: Url::parse(&api)
                .map_err(|e| format!("TELEGRAM_API_URL={api}: {e}"))?,
            shop: self
                .shop
                .secrets()
                .map_err(|e| format!("ROBOKASSA_…: {e}"))?,
            keys: RouteKeys::parse(
                self.route_key.expose_secret(),
                self.route_keys_retired.expose_secret(),
            )
            .map_err(|e| format!("ROUTE_KEY: {e}"))?,
            limits: self.limits()?,
            webhook: self.webhook()?,
        })
    }

    fn limits(&self) -> Result<Limits, String> {
        let names = ["BOT_LIMIT_ALL", "BOT_LIMIT_PRIVATE", "BOT_LIMIT_GROUP"];
        let values = [self.limit_all, self.limit_private, self.limit_group];
        for (name, value) in names.into_iter().zip(values) {
            if !(0.01..=100_000.0).contains(&value) {
                return Err(format!("{name}={value}: must be from 0.01 to 100000"));
            }
        }
        Ok(Limits {
            all_per_second: self.limit_all,
            private_per_second: self.limit_private,
            group_per_minute: self.limit_group,
            ..Limits::default()
        })
    }

    fn staff(&self) -> Result<Staff, String> {
        let minutes = self.staff_digest_minutes;
        if !(0.01..=1_440.0).contains(&minutes) {
            return Err(format!(
                "BOT_STAFF_DIGEST_MINUTES={minutes}: must be from 0.01 to 1440"
            ));
        }
        let mut chats = Vec::new();
        for text in self.staff_chats.split(',').map(str::trim) {
            match text.parse::<i64>() {
                Ok(id) if id != 0 => chats.push(ChatId(id)),
                _ if text.is_empty() => {}
                _ => return Err(format!("BOT_STAFF_CHATS: {text:?} is no chat id")),
            }
        }
        Ok(Staff {
            chats,
            period: Duration::from_secs_f64(minutes * 60.0),
        })
    }

    fn webhook(&self) -> Result<Option<Webhook>, String> {
        let text = self.webhook_url.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(text).map_err(|e| format!("BOT_WEBHOOK_URL={text}: {e}"))?;
        let secret = self.webhook_secret.expose_secret();
        let fits = (16..=256).contains(&secret.len())
            && secret
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !fits {
            return Err(
                "BOT_WEBHOOK_SECRET must have 16 to 256 characters of A-Z a-z 0-9 _ -".to_owned(),
            );
        }
        Ok(Some(Webhook {
            url,
            secret: self.webhook_secret.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(extra: &[&str]) -> Settings {
        let key = format!("1:{}", "ab".repeat(32));
        let mut all = vec![
            "geobot-bot",
            "--bot-token=1:SANDBOX-x",
            "--robokassa-login=demo",
            "--robokassa-password1=p1",
            "--robokassa-password2=p2",
        ];
        let key = format!("--route-key={key}");
        all.push(&key);
        all.extend_from_slice(extra);
        Settings::try_parse_from(all).unwrap()
    }

    #[test]
    fn the_sandbox_needs_no_addresses() {
        let checked = settings(&["--telegram-api-url="]).try_check().unwrap();
        assert_eq!(
            checked.telegram_api_url.as_str(),
            default_url::SANDBOX_TELEGRAM
        );
        assert!(checked.webhook.is_none());
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let why = |extra: &[&str]| settings(extra).try_check().unwrap_err();
        assert!(why(&["--bot-token=nonsense"]).contains("BOT_TOKEN"));
        assert!(why(&["--route-key=1:zz"]).contains("ROUTE_KEY"));
        assert!(why(&["--robokassa-password2=p1"]).contains("ROBOKASSA"));
        assert!(why(&["--telegram-api-url=::"]).contains("TELEGRAM_API_URL"));
        assert!(why(&["--limit-all=0"]).contains("BOT_LIMIT_ALL"));
        assert!(why(&["--utc-offset=Moscow"]).contains("BOT_UTC_OFFSET"));
        assert!(why(&["--quiet-hours=22-9"]).contains("BOT_QUIET_HOURS"));
        assert!(why(&["--staff-chats=-100,@staff"]).contains("BOT_STAFF_CHATS"));
        assert!(why(&["--staff-digest-minutes=0"]).contains("BOT_STAFF_DIGEST_MINUTES"));
        assert!(why(&["--webhook-url=https://shop.example/hook"]).contains("BOT_WEBHOOK_SECRET"));
    }

    #[test]
    fn staff_hears_in_every_chat_that_is_named() {
        let staff = |extra: &[&str]| settings(extra).try_check().unwrap().staff;
        assert_eq!(staff(&[]).chats, []);
        let told = staff(&["--staff-chats=-1001, 42,", "--staff-digest-minutes=0.5"]);
        assert_eq!(told.chats, [ChatId(-1001), ChatId(42)]);
        assert_eq!(told.period, Duration::from_secs(30));
    }

    #[test]
    fn secrets_are_never_printed() {
        let printed = format!("{:?}", settings(&["--robokassa-password2=hunter2"]));
        assert!(!printed.contains("hunter2") && !printed.contains("abab"));
    }
}
