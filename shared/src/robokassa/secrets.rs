//! The secrets of a shop. A live and a test set, which cannot be mixed up.

use secrecy::{ExposeSecret, SecretString};

use super::algorithm::HashAlgorithm;
use super::base_string::Password;
use crate::ids::Mode;

/// What is wrong with the secrets of a shop. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// The shop's identifier is missing.
    #[error("the shop's login is empty")]
    NoLogin,
    /// The shop's identifier cannot be signed unambiguously.
    #[error("the shop's login holds a colon, a space or a control character")]
    BadLogin,
    /// One password of a set is given and the other is not.
    #[error("{0} is empty")]
    EmptyPassword(&'static str),
    /// The password holds a colon, a space or a control character: usually a slip while copying. A colon
    /// would make the base string ambiguous.
    #[error("{0} holds a colon, a space or a control character")]
    BadPassword(&'static str),
    /// Two passwords are equal. Were #1 and #2 equal, the signature that a buyer sees at SuccessURL would pass
    /// as proof of payment; were live and test equal, a test payment would pass as a live one.
    #[error("{0} and {1} are equal")]
    SamePassword(&'static str, &'static str),
    /// No passwords are set for that mode.
    #[error("the shop has no {0} passwords")]
    NotConfigured(Mode),
    /// Password#3 is not set.
    #[error("the shop has no Password#3")]
    NoPassword3,
}

/// The passwords and the algorithm of one mode.
#[derive(Debug, Clone)]
pub struct PasswordSet {
    password1: SecretString,
    password2: SecretString,
    hash: HashAlgorithm,
}

impl PasswordSet {
    /// Password#1, Password#2 and the algorithm, as set in the shop's cabinet for one mode.
    #[must_use]
    pub const fn new(
        password1: SecretString,
        password2: SecretString,
        hash: HashAlgorithm,
    ) -> Self {
        Self {
            password1,
            password2,
            hash,
        }
    }

    /// As [`PasswordSet::new`], but two empty passwords mean that this mode is not set up.
    #[must_use]
    pub fn from_settings(
        password1: SecretString,
        password2: SecretString,
        hash: HashAlgorithm,
    ) -> Option<Self> {
        let both_empty =
            password1.expose_secret().is_empty() && password2.expose_secret().is_empty();
        (!both_empty).then(|| Self::new(password1, password2, hash))
    }
}

/// All secrets of one shop.
#[derive(Debug, Clone)]
pub struct ShopSecrets {
    login: String,
    live: Option<PasswordSet>,
    test: Option<PasswordSet>,
    password3: Option<SecretString>,
}

impl ShopSecrets {
    /// Takes the shop's identifier (Robokassa's `MerchantLogin`) and the passwords.
    ///
    /// # Errors
    /// A [`SecretsError`] for what would make a signature ambiguous or forgeable: an empty password, a colon or a
    /// space in one, two passwords that are equal.
    pub fn new(
        login: impl Into<String>,
        live: Option<PasswordSet>,
        test: Option<PasswordSet>,
    ) -> Result<Self, SecretsError> {
        let login = login.into();
        if login.is_empty() {
            return Err(SecretsError::NoLogin);
        }
        if !is_signable(&login) {
            return Err(SecretsError::BadLogin);
        }
        let names = [
            (&live, "the live Password#1", "the live Password#2"),
            (&test, "the test Password#1", "the test Password#2"),
        ];
        let mut seen: Vec<(&'static str, &str)> = Vec::new();
        for (set, name1, name2) in names {
            let Some(set) = set else { continue };
            for (name, secret) in [(name1, &set.password1), (name2, &set.password2)] {
                let secret = secret.expose_secret();
                if secret.is_empty() {
                    return Err(SecretsError::EmptyPassword(name));
                }
                if !is_signable(secret) {
                    return Err(SecretsError::BadPassword(name));
                }
                if let Some((same, _)) = seen.iter().find(|(_, other)| *other == secret) {
                    return Err(SecretsError::SamePassword(same, name));
                }
                seen.push((name, secret));
            }
        }
        Ok(Self {
            login,
            live,
            test,
            password3: None,
        })
    }

    /// Adds Password#3, which signs refunds.
    ///
    /// # Errors
    /// [`SecretsError::EmptyPassword`] if it is empty.
    pub fn with_password3(mut self, password3: SecretString) -> Result<Self, SecretsError> {
        if password3.expose_secret().is_empty() {
            return Err(SecretsError::EmptyPassword("Password#3"));
        }
        self.password3 = Some(password3);
        Ok(self)
    }

    /// The shop's identifier, Robokassa's `MerchantLogin`.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.login
    }

    /// What signs and verifies in one mode: the mode of the invoice, never that of a request.
    ///
    /// # Errors
    /// [`SecretsError::NotConfigured`] if the shop has no passwords for it.
    pub fn credentials(&self, mode: Mode) -> Result<Credentials<'_>, SecretsError> {
        let set = match mode {
            Mode::Live => self.live.as_ref(),
            Mode::Test => self.test.as_ref(),
        };
        set.map(|set| Credentials {
            login: &self.login,
            mode,
            set,
        })
        .ok_or(SecretsError::NotConfigured(mode))
    }

    /// All passwords there are, each with what it is called: for masking them.
    pub(super) fn passwords(&self) -> Vec<(&str, &'static str)> {
        let sets = [Mode::Live, Mode::Test].map(|mode| self.credentials(mode));
        let of_sets = sets
            .into_iter()
            .flatten()
            .flat_map(|credentials| [credentials.password1(), credentials.password2()])
            .map(|password| (password.expose(), password.label()));
        let password3 = self
            .password3
            .iter()
            .map(|secret| (secret.expose_secret(), "Password#3"));
        of_sets.chain(password3).collect()
    }

    /// Password#3. Refunds are live only.
    pub(super) fn password3(&self) -> Result<&SecretString, SecretsError> {
        self.password3.as_ref().ok_or(SecretsError::NoPassword3)
    }
}

fn is_signable(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c == ':' || c.is_whitespace() || c.is_control())
}

/// The login, the passwords and the algorithm of one mode of one shop.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    login: &'a str,
    mode: Mode,
    set: &'a PasswordSet,
}

impl<'a> Credentials<'a> {
    /// The shop's identifier.
    #[must_use]
    pub const fn login(&self) -> &'a str {
        self.login
    }

    /// The mode these belong to.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The algorithm of this mode.
    #[must_use]
    pub const fn hash(&self) -> HashAlgorithm {
        self.set.hash
    }

    /// Password#1: requests, SuccessURL, invoices, second receipts.
    #[must_use]
    pub const fn password1(&self) -> Password<'a> {
        let label = match self.mode {
            Mode::Live => "live Password#1",
            Mode::Test => "test Password#1",
        };
        Password::new(&self.set.password1, label)
    }

    /// Password#2: ResultURL, OpState.
    #[must_use]
    pub const fn password2(&self) -> Password<'a> {
        let label = match self.mode {
            Mode::Live => "live Password#2",
            Mode::Test => "test Password#2",
        };
        Password::new(&self.set.password2, label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(password1: &str, password2: &str) -> PasswordSet {
        PasswordSet::new(password1.into(), password2.into(), HashAlgorithm::Sha256)
    }

    fn refused(live: Option<PasswordSet>, test: Option<PasswordSet>) -> SecretsError {
        ShopSecrets::new("demo", live, test).unwrap_err()
    }

    #[test]
    fn each_mode_has_its_own_passwords() {
        let shop = ShopSecrets::new("demo", Some(set("a", "b")), Some(set("c", "d"))).unwrap();
        let password2 = |mode| {
            let credentials = shop.credentials(mode).unwrap();
            credentials.password2().expose().to_owned()
        };
        assert_eq!(password2(Mode::Live), "b");
        assert_eq!(password2(Mode::Test), "d");
    }

    #[test]
    fn a_mode_without_passwords_verifies_nothing() {
        let shop = ShopSecrets::new("demo", Some(set("a", "b")), None).unwrap();
        assert_eq!(
            shop.credentials(Mode::Test).unwrap_err(),
            SecretsError::NotConfigured(Mode::Test)
        );
        assert!(PasswordSet::from_settings("".into(), "".into(), HashAlgorithm::Md5).is_none());
        assert_eq!(shop.password3().unwrap_err(), SecretsError::NoPassword3);
    }

    #[test]
    fn an_empty_password_is_refused() {
        assert_eq!(
            refused(Some(set("a", "")), None),
            SecretsError::EmptyPassword("the live Password#2")
        );
        let half = PasswordSet::from_settings("a".into(), "".into(), HashAlgorithm::Md5);
        assert_eq!(
            refused(None, half),
            SecretsError::EmptyPassword("the test Password#2")
        );
    }

    #[test]
    fn passwords_that_make_forgery_possible_are_refused() {
        assert!(matches!(
            refused(Some(set("a", "a")), None),
            SecretsError::SamePassword(..)
        ));
        assert!(matches!(
            refused(Some(set("a", "b")), Some(set("c", "b"))),
            SecretsError::SamePassword("the live Password#2", "the test Password#2")
        ));
        for bad in ["a:b", " a", "a ", "a\n"] {
            assert!(matches!(
                refused(Some(set(bad, "z")), None),
                SecretsError::BadPassword(_)
            ));
        }
        assert_eq!(
            ShopSecrets::new("", None, None).unwrap_err(),
            SecretsError::NoLogin
        );
        assert_eq!(
            ShopSecrets::new("a:b", None, None).unwrap_err(),
            SecretsError::BadLogin
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let shop = ShopSecrets::new("demo", Some(set("hunter1", "hunter2")), None)
            .unwrap()
            .with_password3("hunter3".into())
            .unwrap();
        let credentials = shop.credentials(Mode::Live).unwrap();
        let printed = format!("{shop:?} {credentials:?} {:?}", credentials.password1());
        assert!(!printed.contains("hunter"), "{printed}");
    }
}
