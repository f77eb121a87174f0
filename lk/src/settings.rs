//! The settings of LK, checked as a whole before anything starts.

use std::net::SocketAddr;

use chrono::{FixedOffset, TimeDelta, Utc};
use clap::{ArgAction, Parser, ValueEnum};
use geobot_shared::bus::KafkaSettings;
use geobot_shared::config::{StackSettings, World};
use geobot_shared::ids::Mode;
use geobot_shared::robokassa::certificate::SigningCertificate;
use geobot_shared::robokassa::receipt::TaxScheme;
use geobot_shared::robokassa::{SecretsError, ShopSecrets, op_state, refund};
use geobot_shared::route_token::{RouteKeyError, RouteKeys};
use geobot_shared::shop::ShopSettings;
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;
use url::Url;

use crate::networks::{BadNetwork, Networks};
use crate::pay_link::PayLinks;
use crate::receipts::Receipts;

/// Below this many characters a key is a word, not a key.
const SHORTEST_KEY: usize = 32;

/// The personal cabinet: accounts, invoices, Robokassa's ResultURL, pages for people, the older endpoints.
#[derive(Clone, Debug, Parser)]
#[command(name = "geobot-lk", version)]
pub struct Settings {
    /// What every service has.
    #[command(flatten)]
    pub stack: StackSettings,
    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,
    /// The shop in Robokassa.
    #[command(flatten)]
    pub shop: ShopSettings,
    /// Where LK listens, host:port.
    #[arg(long, env = "LK_LISTEN", default_value = "127.0.0.1:5500")]
    pub listen: SocketAddr,
    /// Base of the links given to people; behind a proxy the public https address.
    #[arg(long, env = "LK_PUBLIC_URL", default_value = "http://127.0.0.1:5500")]
    pub public_url: String,
    /// postgres://user:password@host:5432/database. Empty: the SQLite file lk.sqlite in the data folder.
    #[arg(
        long,
        env = "LK_DATABASE_URL",
        default_value = "",
        hide_env_values = true
    )]
    pub database_url: SecretString,
    /// Signs LK's own links (payment pages); at least 32 characters.
    #[arg(long, env = "LK_LINK_KEY", default_value = "", hide_env_values = true)]
    pub link_key: SecretString,
    /// Signs route tokens and grants: <id 1-255>:<64 hex digits>.
    #[arg(long, env = "ROUTE_KEY", default_value = "", hide_env_values = true)]
    pub route_key: SecretString,
    /// Route keys that only verify any more, a comma list of the same form.
    #[arg(
        long,
        env = "ROUTE_KEYS_RETIRED",
        default_value = "",
        hide_env_values = true
    )]
    pub route_keys_retired: SecretString,
    /// Bearer token of the JSON endpoints. May be empty in the sandbox only.
    #[arg(long, env = "LK_API_TOKEN", default_value = "", hide_env_values = true)]
    pub api_token: SecretString,
    /// Take GET as well as POST on the JSON endpoints, for older callers: true or false.
    #[arg(long, env = "LK_LEGACY_GET", default_value = "false", action = ArgAction::Set)]
    pub legacy_get: bool,
    /// How long an invoice is offered, in minutes; fractions are taken. A later payment is still accepted.
    #[arg(long, env = "LK_INVOICE_TTL", default_value = "1440")]
    pub invoice_ttl: f64,
    /// After how many seconds a paid invoice that the bot did not answer for is published again; doubles each time,
    /// up to an hour.
    #[arg(long, env = "LK_REPUBLISH_AFTER", default_value = "60")]
    pub republish_after: u32,
    /// How long after its form was opened Robokassa is asked about an unpaid invoice for the first time, in seconds;
    /// then again at growing intervals. Live payments only.
    #[arg(long, env = "LK_RECONCILE_AFTER", default_value = "120")]
    pub reconcile_after: u32,
    /// For how many days after the end of its time to pay an unpaid invoice is still asked about.
    #[arg(long, env = "LK_RECONCILE_DAYS", default_value = "7")]
    pub reconcile_days: u32,
    /// Robokassa's certificate for ResultURL2 notifications (jwtsign.cer), PEM or DER. Empty: LK takes none.
    #[arg(long, env = "ROBOKASSA_CERT_FILE", default_value = "")]
    pub robokassa_cert_file: String,
    /// Addresses and networks from which ResultURL is taken, a comma list. Empty: from everywhere; the signature is the
    /// proof.
    #[arg(long, env = "ROBOKASSA_ALLOWED_IPS", default_value = "")]
    pub robokassa_allowed_ips: String,
    /// Proxies whose X-Forwarded-For is believed, a comma list of addresses and networks.
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "")]
    pub trusted_proxies: String,
    /// How many days before its end a person is reminded of a subscription, 0 to 365; 0: never.
    #[arg(long, env = "LK_REMIND_DAYS", default_value = "3")]
    pub remind_days: u32,
    /// Who makes fiscal receipts (54-FZ): none (the self-employed, or elsewhere) or robokassa (from the payment form).
    #[arg(long, env = "ROBOKASSA_RECEIPTS", value_enum, default_value_t = ReceiptsBy::None)]
    pub robokassa_receipts: ReceiptsBy,
    /// The seller's tax scheme in receipts: osn, usn_income, usn_income_outcome, esn or patent. Empty: the shop has
    /// one only, set in Robokassa.
    #[arg(long, env = "ROBOKASSA_SNO", default_value = "")]
    pub robokassa_sno: String,
    /// Hours ahead of UTC in which people read dates in the cabinet, such as +03:00.
    #[arg(
        long,
        env = "LK_UTC_OFFSET",
        default_value = "+03:00",
        allow_hyphen_values = true
    )]
    pub utc_offset: String,
    /// The bot's name without @, for links back to the chat. Empty: pages have no such link.
    #[arg(long, env = "BOT_USERNAME", default_value = "")]
    pub bot_username: String,
}

/// Who makes fiscal receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReceiptsBy {
    /// Nobody through us.
    None,
    /// Robokassa, from the payment form.
    Robokassa,
}

/// Why the settings can't be used; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The shop's login or passwords.
    #[error("the Robokassa settings (ROBOKASSA_LOGIN, ROBOKASSA_PASSWORD1 …) can't be used: {0}")]
    Shop(#[from] SecretsError),
    /// The route keys.
    #[error("ROUTE_KEY or ROUTE_KEYS_RETIRED can't be used: {0}")]
    RouteKey(#[from] RouteKeyError),
    /// Missing or guessable.
    #[error(
        "LK_LINK_KEY must have at least {SHORTEST_KEY} characters; `openssl rand -hex 32` makes one"
    )]
    LinkKey,
    /// Anybody could call.
    #[error("LK_API_TOKEN must be set in live mode: without it anybody could call the JSON API")]
    NoApiToken,
    /// Not an address of a web page.
    #[error("{setting} must be an http or https address, got `{value}`")]
    Address {
        /// Which setting.
        setting: &'static str,
        /// What it is.
        value: String,
    },
    /// Zero, negative, or more than a year.
    #[error("LK_INVOICE_TTL must be above 0 and at most 525600 minutes, got {0}")]
    InvoiceTtl(f64),
    /// Zero, or more than an hour.
    #[error("LK_REPUBLISH_AFTER must be 1 to 3600 seconds, got {0}")]
    RepublishAfter(u32),
    /// Zero, or more than an hour.
    #[error("LK_RECONCILE_AFTER must be 1 to 3600 seconds, got {0}")]
    ReconcileAfter(u32),
    /// More than a year.
    #[error("LK_RECONCILE_DAYS must be at most 365, got {0}")]
    ReconcileDays(u32),
    /// Not a list of addresses.
    #[error("{setting}: {source}")]
    Networks {
        /// Which setting.
        setting: &'static str,
        /// What is wrong.
        source: BadNetwork,
    },
    /// The certificate's file.
    #[error("ROBOKASSA_CERT_FILE `{file}` can't be used: {why}")]
    Certificate {
        /// Which file.
        file: String,
        /// Why.
        why: String,
    },
    /// More than a year.
    #[error("LK_REMIND_DAYS must be 0 to 365, got {0}")]
    RemindDays(u32),
    /// None of Robokassa's words.
    #[error(
        "ROBOKASSA_SNO must be osn, usn_income, usn_income_outcome, esn or patent, or empty, got `{0}`"
    )]
    Sno(String),
    /// Not hours and minutes.
    #[error("LK_UTC_OFFSET must be hours and minutes such as +03:00, got `{0}`")]
    UtcOffset(String),
    /// Not a name that Telegram gives.
    #[error("BOT_USERNAME must be 4 to 32 letters, digits or _, got `{0}`")]
    BotUsername(String),
}

/// The settings in the form in which they are used.
pub struct Checked {
    /// The shop's secrets.
    pub shop: ShopSecrets,
    /// The mode of new invoices.
    pub new_invoices: Mode,
    /// Robokassa: `Index.aspx`, where the pay form goes.
    pub pay_page: Url,
    /// Robokassa: `OpStateExt`, where a payment's state is asked for.
    pub op_state: Url,
    /// Robokassa: `Refund/Create`.
    pub refund_create: Url,
    /// Robokassa: `Refund/GetState`.
    pub refund_state: Url,
    /// Verifies ResultURL2; without it there is no such address.
    pub certificate: Option<SigningCertificate>,
    /// From where ResultURL is taken; empty: from everywhere.
    pub allowed_callers: Networks,
    /// Whose X-Forwarded-For is believed.
    pub trusted_proxies: Networks,
    /// How long after the form was opened an invoice is asked about for the first time.
    pub reconcile_after: TimeDelta,
    /// For how long after the end of its time to pay an invoice is asked about.
    pub reconcile_for: TimeDelta,
    /// Signs route tokens and grants.
    pub route_keys: RouteKeys,
    /// Signs LK's own links.
    pub links: PayLinks,
    /// Base of the links given to people.
    pub public_url: Url,
    /// `https://t.me/<bot>`, if the bot's name is known.
    pub bot_link: Option<String>,
    /// How long an invoice is offered.
    pub invoice_ttl: TimeDelta,
    /// The first pause before a paid invoice is published again.
    pub republish_after: TimeDelta,
    /// How long before its end a person is reminded of a subscription; zero: never.
    pub remind_before: TimeDelta,
    /// Who makes fiscal receipts.
    pub receipts: Receipts,
    /// In which time people read dates.
    pub offset: FixedOffset,
    /// Who may call the JSON endpoints.
    pub api: ApiAccess,
}

/// Who may call the JSON endpoints, and how.
#[derive(Clone, Debug)]
pub struct ApiAccess {
    /// The bearer token; empty only where `open`.
    pub token: SecretString,
    /// Calls without a token are taken (sandbox).
    pub open: bool,
    /// GET is taken as well.
    pub legacy_get: bool,
}

impl Settings {
    /// Checks each setting and what they mean together.
    ///
    /// # Errors
    /// The first [`SettingsError`].
    pub fn check(&self) -> Result<Checked, SettingsError> {
        let live = self.stack.world() == World::Live;
        let shop = self.shop.secrets()?;
        let new_invoices = Mode::from(self.shop.robokassa_mode);
        shop.credentials(new_invoices)?;
        let pay_url = self.shop.pay_url(&self.stack);
        let services_url = self.shop.services_url(&self.stack);
        let at_pay = |path| web_address("ROBOKASSA_PAY_URL", &format!("{pay_url}{path}"));
        let at_services =
            |path| web_address("ROBOKASSA_SERVICES_URL", &format!("{services_url}{path}"));
        let route_keys = RouteKeys::parse(
            self.route_key.expose_secret(),
            self.route_keys_retired.expose_secret(),
        )?;
        if self.link_key.expose_secret().trim().len() < SHORTEST_KEY {
            return Err(SettingsError::LinkKey);
        }
        let public_url = web_address("LK_PUBLIC_URL", &self.public_url)?;
        if live && public_url.scheme() != "https" {
            warn!(%public_url, "public_url_without_tls");
        }
        let links = PayLinks::new(self.link_key.expose_secret().trim(), &public_url)
            .ok_or(SettingsError::LinkKey)?;
        if live && self.api_token.expose_secret().trim().is_empty() {
            return Err(SettingsError::NoApiToken);
        }
        if !(self.invoice_ttl > 0.0 && self.invoice_ttl <= 525_600.0) {
            return Err(SettingsError::InvoiceTtl(self.invoice_ttl));
        }
        if !(1..=3600).contains(&self.republish_after) {
            return Err(SettingsError::RepublishAfter(self.republish_after));
        }
        if !(1..=3600).contains(&self.reconcile_after) {
            return Err(SettingsError::ReconcileAfter(self.reconcile_after));
        }
        if self.reconcile_days > 365 {
            return Err(SettingsError::ReconcileDays(self.reconcile_days));
        }
        if self.remind_days > 365 {
            return Err(SettingsError::RemindDays(self.remind_days));
        }
        Ok(Checked {
            shop,
            new_invoices,
            pay_page: at_pay("/Index.aspx")?,
            op_state: at_pay(op_state::PATH)?,
            refund_create: at_services(refund::CREATE_PATH)?,
            refund_state: at_services(refund::STATE_PATH)?,
            certificate: certificate(self.robokassa_cert_file.trim())?,
            allowed_callers: networks("ROBOKASSA_ALLOWED_IPS", &self.robokassa_allowed_ips)?,
            trusted_proxies: networks("TRUSTED_PROXIES", &self.trusted_proxies)?,
            reconcile_after: TimeDelta::seconds(i64::from(self.reconcile_after)),
            reconcile_for: TimeDelta::days(i64::from(self.reconcile_days)),
            route_keys,
            links,
            public_url,
            bot_link: bot_link(&self.bot_username)?,
            // At least a second; the limits above keep the product far inside of i64.
            invoice_ttl: TimeDelta::seconds(((self.invoice_ttl * 60.0) as i64).max(1)),
            republish_after: TimeDelta::seconds(i64::from(self.republish_after)),
            remind_before: TimeDelta::days(i64::from(self.remind_days)),
            receipts: self.receipts()?,
            offset: self
                .utc_offset
                .trim()
                .parse()
                .map_err(|_| SettingsError::UtcOffset(self.utc_offset.clone()))?,
            api: ApiAccess {
                token: self.api_token.expose_secret().trim().into(),
                open: !live,
                legacy_get: self.legacy_get,
            },
        })
    }
}

fn networks(setting: &'static str, list: &str) -> Result<Networks, SettingsError> {
    Networks::parse(list).map_err(|source| SettingsError::Networks { setting, source })
}

fn certificate(file: &str) -> Result<Option<SigningCertificate>, SettingsError> {
    if file.is_empty() {
        return Ok(None);
    }
    let bad = |why: String| SettingsError::Certificate {
        file: file.to_owned(),
        why,
    };
    let bytes = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
    let read = SigningCertificate::parse(&bytes).map_err(|error| bad(error.to_string()))?;
    let valid_until = read.valid_until();
    if valid_until < Utc::now() {
        // Not refused: a payment never waits for it. Each notification says it again.
        warn!(%valid_until, "certificate_expired");
    }
    Ok(Some(read))
}

impl Settings {
    fn receipts(&self) -> Result<Receipts, SettingsError> {
        let word = self.robokassa_sno.trim();
        let scheme = TaxScheme::from_word(word);
        if scheme.is_none() && !word.is_empty() {
            return Err(SettingsError::Sno(word.to_owned()));
        }
        Ok(match self.robokassa_receipts {
            ReceiptsBy::None => Receipts::None,
            ReceiptsBy::Robokassa => Receipts::Robokassa { scheme },
        })
    }
}

fn web_address(setting: &'static str, value: &str) -> Result<Url, SettingsError> {
    Url::parse(value.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| SettingsError::Address {
            setting,
            value: value.to_owned(),
        })
}

fn bot_link(name: &str) -> Result<Option<String>, SettingsError> {
    let name = name.trim().trim_start_matches('@');
    if name.is_empty() {
        return Ok(None);
    }
    let fits = (4..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits {
        Ok(Some(format!("https://t.me/{name}")))
    } else {
        Err(SettingsError::BotUsername(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags win over whatever environment the tests run in.
    fn settings(extra: &[&str]) -> Settings {
        let base = [
            "geobot-lk",
            "--bot-token=",
            "--robokassa-login=demo",
            "--robokassa-password1=a1",
            "--robokassa-password2=a2",
            "--robokassa-test-password1=b1",
            "--robokassa-test-password2=b2",
            "--robokassa-password3=",
            "--robokassa-cert-file=",
            "--robokassa-allowed-ips=",
            "--trusted-proxies=",
            "--link-key=0123456789abcdef0123456789abcdef",
            "--api-token=secret-token",
            "--route-keys-retired=",
            "--bot-username=",
            "--database-url=",
            "--robokassa-receipts=none",
            "--robokassa-sno=",
            "--remind-days=3",
            "--utc-offset=+03:00",
        ];
        let route_key = format!("--route-key=1:{}", "ab".repeat(32));
        let args = base
            .iter()
            .copied()
            .chain([route_key.as_str()])
            .filter(|arg| {
                let name = arg.split('=').next();
                !extra.iter().any(|other| other.split('=').next() == name)
            })
            .chain(extra.iter().copied())
            .map(str::to_owned)
            .collect::<Vec<_>>();
        Settings::try_parse_from(args).unwrap()
    }

    fn refused(extra: &[&str]) -> String {
        match settings(extra).check() {
            Ok(_) => panic!("{extra:?} was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn good_settings_are_taken() {
        let checked = settings(&["--bot-username=@geobot_bot", "--invoice-ttl=0.5"])
            .check()
            .unwrap();
        assert_eq!(checked.bot_link.as_deref(), Some("https://t.me/geobot_bot"));
        assert_eq!(checked.invoice_ttl, TimeDelta::seconds(30));
        assert_eq!(
            checked.pay_page.as_str(),
            "http://127.0.0.1:8081/Merchant/Index.aspx"
        );
        assert!(checked.api.open);
    }

    #[test]
    fn each_bad_setting_is_named() {
        assert!(refused(&["--link-key=short"]).contains("LK_LINK_KEY"));
        assert!(refused(&["--route-key="]).contains("ROUTE_KEY"));
        assert!(refused(&["--robokassa-login="]).contains("ROBOKASSA_LOGIN"));
        assert!(refused(&["--public-url=127.0.0.1:5500"]).contains("LK_PUBLIC_URL"));
        assert!(refused(&["--invoice-ttl=0"]).contains("LK_INVOICE_TTL"));
        assert!(refused(&["--invoice-ttl=nan"]).contains("LK_INVOICE_TTL"));
        assert!(refused(&["--republish-after=0"]).contains("LK_REPUBLISH_AFTER"));
        assert!(refused(&["--reconcile-after=0"]).contains("LK_RECONCILE_AFTER"));
        assert!(refused(&["--reconcile-days=366"]).contains("LK_RECONCILE_DAYS"));
        assert!(refused(&["--robokassa-allowed-ips=x"]).contains("ROBOKASSA_ALLOWED_IPS"));
        assert!(refused(&["--trusted-proxies=1.2.3.4/99"]).contains("TRUSTED_PROXIES"));
        assert!(refused(&["--robokassa-services-url=ftp://x"]).contains("ROBOKASSA_SERVICES_URL"));
        assert!(refused(&["--robokassa-cert-file=/nowhere"]).contains("ROBOKASSA_CERT_FILE"));
        assert!(refused(&["--robokassa-cert-file=Cargo.toml"]).contains("ROBOKASSA_CERT_FILE"));
        assert!(refused(&["--remind-days=366"]).contains("LK_REMIND_DAYS"));
        assert!(refused(&["--robokassa-sno=envd"]).contains("ROBOKASSA_SNO"));
        assert!(refused(&["--utc-offset=Moscow"]).contains("LK_UTC_OFFSET"));
        assert!(refused(&["--bot-username=a b"]).contains("BOT_USERNAME"));
        assert!(
            refused(&["--robokassa-password1=", "--robokassa-password2="]).contains("ROBOKASSA")
        );
    }

    #[test]
    fn receipts_are_made_only_where_it_is_said() {
        let receipts = |extra: &[&str]| settings(extra).check().unwrap().receipts;
        let scheme = Some(TaxScheme::UsnIncome);
        let (robokassa, sno) = (
            "--robokassa-receipts=robokassa",
            "--robokassa-sno=usn_income",
        );
        assert_eq!(receipts(&[sno]), Receipts::None);
        assert_eq!(receipts(&[robokassa]), Receipts::Robokassa { scheme: None });
        assert_eq!(receipts(&[robokassa, sno]), Receipts::Robokassa { scheme });
    }

    #[test]
    fn live_mode_needs_an_api_token() {
        let live = ["--bot-token=1:AAE-real", "--api-token="];
        assert!(refused(&live).contains("LK_API_TOKEN"));
        let checked = settings(&["--bot-token=1:AAE-real"]).check().unwrap();
        assert!(!checked.api.open);
        assert!(settings(&["--api-token="]).check().unwrap().api.open);
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = format!(
            "{:?}",
            settings(&["--database-url=postgres://u:hunter2@h/d"])
        );
        for secret in ["hunter2", "secret-token", "0123456789abcdef", "abab"] {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
    }
}
