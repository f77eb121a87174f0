//! Settings: environment and `.env`, one typed struct per service, checked at start.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use secrecy::{ExposeSecret, SecretString};

/// The token that stands in for a real one while `BOT_TOKEN` is empty.
pub const SANDBOX_TOKEN: &str = "7000000001:SANDBOX-geobot";

/// Exit code for a wrong or missing setting.
pub const EXIT_SETTINGS: i32 = 2;

/// Reads `.env` (from this folder or one above) and the environment, and parses the settings. A wrong or missing one
/// ends the process with one line and exit code 2; `--help` explains each.
pub fn load<S: Parser>() -> S {
    if let Err(error) = dotenvy::dotenv()
        && !error.not_found()
    {
        refuse(&format!(".env can't be read: {error}"));
    }
    match S::try_parse() {
        Ok(settings) => settings,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => refuse(&one_line(&error.to_string())),
    }
}

/// Ends the process because of a setting.
pub fn refuse(why: &str) -> ! {
    eprintln!("error: {}", why.trim_start_matches("error: "));
    std::process::exit(EXIT_SETTINGS)
}

/// The first paragraph of a message, on one line.
fn one_line(message: &str) -> String {
    let words = message
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim);
    words.collect::<Vec<_>>().join(" ")
}

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether chats and money are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// The sandbox stands in for Telegram, Robokassa and Logstash.
    Sandbox,
    /// A real token: real chats.
    Live,
}

/// Settings that every service has.
#[derive(Clone, Debug, clap::Args)]
pub struct StackSettings {
    /// Telegram bot token. Empty: the sandbox stands in for Telegram, Robokassa and Logstash.
    #[arg(long, env = "BOT_TOKEN", default_value = "", hide_env_values = true)]
    pub bot_token: SecretString,
    /// Folder for this service's files. Empty: data/sandbox or data/live.
    #[arg(long, env = "DATA_DIR", default_value = "")]
    pub data_dir: String,
    /// Folder for the shop's files (products' files, support's attachments); one for ARM and BOT. Empty: `files` in
    /// the folder for this service's files.
    #[arg(long, env = "FILES_DIR", default_value = "")]
    pub files_dir: String,
    /// How logs look. RUST_LOG filters them.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

impl StackSettings {
    /// The token to use: the sandbox's when none is set.
    pub fn token(&self) -> SecretString {
        match self.bot_token.expose_secret().trim() {
            "" => SANDBOX_TOKEN.into(),
            token => token.into(),
        }
    }

    /// Whether chats and money are real: they are unless the token's secret part begins with `SANDBOX`.
    pub fn world(&self) -> World {
        world_of(self.token().expose_secret())
    }

    /// Where this service keeps its files; sandbox and live never share a folder by default.
    pub fn data_dir(&self) -> PathBuf {
        match (self.data_dir.trim(), self.world()) {
            ("", World::Sandbox) => PathBuf::from("data/sandbox"),
            ("", World::Live) => PathBuf::from("data/live"),
            (folder, _) => PathBuf::from(folder),
        }
    }

    /// Where the shop's files are.
    pub fn files_dir(&self) -> PathBuf {
        match self.files_dir.trim() {
            "" => self.data_dir().join("files"),
            folder => PathBuf::from(folder),
        }
    }

    /// A setting that has one default in the sandbox and another in the live world.
    pub fn or_default(&self, setting: &str, sandbox: &str, live: &str) -> String {
        match (setting.trim(), self.world()) {
            ("", World::Sandbox) => sandbox.to_owned(),
            ("", World::Live) => live.to_owned(),
            (set, _) => set.to_owned(),
        }
    }
}

/// Whether a token belongs to the sandbox.
pub fn world_of(token: &str) -> World {
    match token.split_once(':') {
        Some((_, secret)) if secret.starts_with("SANDBOX") => World::Sandbox,
        _ => World::Live,
    }
}

/// Where services outside of the graph are, when nothing is set.
pub mod default_url {
    /// The Bot API of the sandbox.
    pub const SANDBOX_TELEGRAM: &str = "http://127.0.0.1:8081/";
    /// Bot API.
    pub const TELEGRAM: &str = "https://api.telegram.org/";
    /// Robokassa's pages in the sandbox.
    pub const SANDBOX_ROBOKASSA_PAY: &str = "http://127.0.0.1:8081/Merchant";
    /// Robokassa: the pay page and the state service.
    pub const ROBOKASSA_PAY: &str = "https://auth.robokassa.ru/Merchant";
    /// Robokassa's services in the sandbox.
    pub const SANDBOX_ROBOKASSA_SERVICES: &str = "http://127.0.0.1:8081/robokassa-services";
    /// Robokassa: refunds and invoices.
    pub const ROBOKASSA_SERVICES: &str = "https://services.robokassa.ru";
    /// Logstash in the sandbox.
    pub const SANDBOX_LOGSTASH: &str = "http://127.0.0.1:8081/logstash";
    /// Logstash's HTTP input.
    pub const LOGSTASH: &str = "http://127.0.0.1:5005/";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(token: &str) -> StackSettings {
        StackSettings {
            bot_token: token.into(),
            data_dir: String::new(),
            files_dir: String::new(),
            log_format: LogFormat::Text,
        }
    }

    #[test]
    fn no_token_is_the_sandbox_and_any_other_token_is_real() {
        assert_eq!(stack("").world(), World::Sandbox);
        assert_eq!(stack("1:SANDBOX-x").world(), World::Sandbox);
        assert_eq!(stack("1:AAE-real").world(), World::Live);
        assert_eq!(stack("SANDBOX").world(), World::Live);
        assert_ne!(stack("").data_dir(), stack("1:AAE-real").data_dir());
    }

    #[test]
    fn a_token_is_never_printed() {
        assert!(!format!("{:?}", stack("1:AAE-real")).contains("AAE"));
    }

    #[test]
    fn a_wrong_setting_is_one_line() {
        let text = "error: invalid value 'x' for '--port <PORT>'\n  [possible values: 1, 2]\n\nFor more information";
        assert_eq!(
            one_line(text),
            "error: invalid value 'x' for '--port <PORT>' [possible values: 1, 2]"
        );
    }
}
