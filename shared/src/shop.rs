//! Settings of the Robokassa shop, shared by whoever signs, verifies or explains.

use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{StackSettings, default_url};
use crate::ids::Mode;
use crate::robokassa::{HashAlgorithm, PasswordSet, SecretsError, ShopSecrets};

/// Which money new invoices ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShopMode {
    /// Real money (in the sandbox: the demo shop's).
    Live,
    /// Robokassa's test payments (IsTest=1).
    Test,
}

impl From<ShopMode> for Mode {
    fn from(mode: ShopMode) -> Mode {
        match mode {
            ShopMode::Live => Mode::Live,
            ShopMode::Test => Mode::Test,
        }
    }
}

/// The shop, as set up in Robokassa's cabinet (Technical settings).
#[derive(Clone, Debug, clap::Args)]
pub struct ShopSettings {
    /// Shop identifier in Robokassa (MerchantLogin), not the cabinet's login.
    #[arg(long, env = "ROBOKASSA_LOGIN", default_value = "")]
    pub robokassa_login: String,
    /// Password #1: signs payment links.
    #[arg(
        long,
        env = "ROBOKASSA_PASSWORD1",
        default_value = "",
        hide_env_values = true
    )]
    pub robokassa_password1: SecretString,
    /// Password #2: verifies ResultURL and signs state requests.
    #[arg(
        long,
        env = "ROBOKASSA_PASSWORD2",
        default_value = "",
        hide_env_values = true
    )]
    pub robokassa_password2: SecretString,
    /// Password #3: signs refunds. Robokassa gives it out on request. Empty: no refunds through Robokassa's API.
    #[arg(
        long,
        env = "ROBOKASSA_PASSWORD3",
        default_value = "",
        hide_env_values = true
    )]
    pub robokassa_password3: SecretString,
    /// Password #1 of the test mode.
    #[arg(
        long,
        env = "ROBOKASSA_TEST_PASSWORD1",
        default_value = "",
        hide_env_values = true
    )]
    pub robokassa_test_password1: SecretString,
    /// Password #2 of the test mode.
    #[arg(
        long,
        env = "ROBOKASSA_TEST_PASSWORD2",
        default_value = "",
        hide_env_values = true
    )]
    pub robokassa_test_password2: SecretString,
    /// Hash algorithm of the shop: md5, ripemd160, sha1, sha256, sha384 or sha512.
    #[arg(long, env = "ROBOKASSA_HASH", default_value = "sha256")]
    pub robokassa_hash: HashAlgorithm,
    /// Hash algorithm of the test mode.
    #[arg(long, env = "ROBOKASSA_TEST_HASH", default_value = "sha256")]
    pub robokassa_test_hash: HashAlgorithm,
    /// Which money new invoices ask for.
    #[arg(long, env = "ROBOKASSA_MODE", value_enum, default_value = "live")]
    pub robokassa_mode: ShopMode,
    /// Robokassa's pages. Empty: the sandbox's, or `https://auth.robokassa.ru/Merchant` with a real token.
    #[arg(long, env = "ROBOKASSA_PAY_URL", default_value = "")]
    pub robokassa_pay_url: String,
    /// Robokassa's services (refunds, invoices). Empty: the sandbox's, or `https://services.robokassa.ru`.
    #[arg(long, env = "ROBOKASSA_SERVICES_URL", default_value = "")]
    pub robokassa_services_url: String,
}

impl ShopSettings {
    /// The shop's secrets, checked.
    ///
    /// # Errors
    /// [`SecretsError`] says which one is missing or unusable.
    pub fn secrets(&self) -> Result<ShopSecrets, SecretsError> {
        let secrets = ShopSecrets::new(
            self.robokassa_login.trim(),
            PasswordSet::from_settings(
                self.robokassa_password1.clone(),
                self.robokassa_password2.clone(),
                self.robokassa_hash,
            ),
            PasswordSet::from_settings(
                self.robokassa_test_password1.clone(),
                self.robokassa_test_password2.clone(),
                self.robokassa_test_hash,
            ),
        )?;
        if self.robokassa_password3.expose_secret().is_empty() {
            Ok(secrets)
        } else {
            secrets.with_password3(self.robokassa_password3.clone())
        }
    }

    /// The base of Robokassa's pages, without a slash at its end.
    pub fn pay_url(&self, stack: &StackSettings) -> String {
        let url = stack.or_default(
            &self.robokassa_pay_url,
            default_url::SANDBOX_ROBOKASSA_PAY,
            default_url::ROBOKASSA_PAY,
        );
        url.trim_end_matches('/').to_owned()
    }

    /// The base of Robokassa's services, without a slash at its end.
    pub fn services_url(&self, stack: &StackSettings) -> String {
        let url = stack.or_default(
            &self.robokassa_services_url,
            default_url::SANDBOX_ROBOKASSA_SERVICES,
            default_url::ROBOKASSA_SERVICES,
        );
        url.trim_end_matches('/').to_owned()
    }
}
