//! The text that is hashed, kept together with a printable twin in which the password is masked.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::algorithm::{HashAlgorithm, digests_equal};

/// A password and what it is called when a base string is printed.
#[derive(Debug, Clone, Copy)]
pub struct Password<'a> {
    secret: &'a SecretString,
    label: &'static str,
}

impl<'a> Password<'a> {
    /// Names a password.
    pub(super) const fn new(secret: &'a SecretString, label: &'static str) -> Self {
        Self { secret, label }
    }

    /// What it is called, for example `live Password#2`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.label
    }

    pub(super) fn expose(&self) -> &'a str {
        self.secret.expose_secret()
    }
}

/// A base string. Its `Display` and `Debug` show `<live Password#1>` where the password stands.
#[derive(Clone)]
pub struct BaseString {
    text: SecretString,
    masked: String,
}

impl BaseString {
    /// `before` parts, the password, `after` parts, all joined with colons.
    pub(super) fn joined<'p>(
        before: impl IntoIterator<Item = &'p str>,
        password: Password<'_>,
        after: impl IntoIterator<Item = &'p str>,
    ) -> Self {
        let mut head = String::new();
        for part in before {
            head.push_str(part);
            head.push(':');
        }
        let mut tail = String::new();
        for part in after {
            tail.push(':');
            tail.push_str(part);
        }
        Self::around(&head, password, &tail)
    }

    /// The text followed by the password, with nothing between.
    pub(super) fn followed(text: &str, password: Password<'_>) -> Self {
        Self::around(text, password, "")
    }

    fn around(head: &str, password: Password<'_>, tail: &str) -> Self {
        Self {
            text: format!("{head}{}{tail}", password.expose()).into(),
            masked: format!("{head}<{}>{tail}", password.label()),
        }
    }

    /// The base string with the password masked, for people.
    #[must_use]
    pub fn masked(&self) -> &str {
        &self.masked
    }

    /// The signature: lower-case hex. Robokassa takes any letter case.
    #[must_use]
    pub fn sign(&self, algorithm: HashAlgorithm) -> String {
        hex::encode(self.digest(algorithm))
    }

    /// Whether `digest` is that of this base string; in constant time.
    #[must_use]
    pub fn matches(&self, algorithm: HashAlgorithm, digest: &[u8]) -> bool {
        digests_equal(&self.digest(algorithm), digest)
    }

    /// The text as hashed, password included.
    pub(super) fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    fn digest(&self, algorithm: HashAlgorithm) -> Vec<u8> {
        algorithm.digest(self.expose().as_bytes())
    }
}

impl fmt::Display for BaseString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked)
    }
}

impl fmt::Debug for BaseString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BaseString").field(&self.masked).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_with_colons_and_the_password_is_masked() {
        let secret = SecretString::from("hunter2");
        let password = Password::new(&secret, "live Password#1");
        let base = BaseString::joined(["demo", "1.00", ""], password, ["Shp_a=1"]);
        assert_eq!(base.expose(), "demo:1.00::hunter2:Shp_a=1");
        assert_eq!(base.masked(), "demo:1.00::<live Password#1>:Shp_a=1");
        assert!(!format!("{base} {base:?}").contains("hunter2"));
        assert_eq!(BaseString::followed("{}", password).expose(), "{}hunter2");
    }

    #[test]
    fn only_the_whole_digest_matches() {
        let secret = SecretString::from("p");
        let base = BaseString::joined(["a"], Password::new(&secret, "p"), []);
        let digest = hex::decode(base.sign(HashAlgorithm::Sha256)).unwrap();
        assert!(base.matches(HashAlgorithm::Sha256, &digest));
        assert!(!base.matches(HashAlgorithm::Sha256, &digest[..31]));
        assert!(!base.matches(HashAlgorithm::Sha256, &[]));
        assert!(!base.matches(HashAlgorithm::Md5, &digest));
    }
}
