//! Passwords: argon2id, away from the threads that serve, never more than a few at once.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::config::{LONGEST_PASSWORD, SHORTEST_PASSWORD};

/// So many passwords are hashed at once: each takes 19 MiB while it runs.
const AT_ONCE: usize = 2;

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Shorter than [`SHORTEST_PASSWORD`] characters or longer than [`LONGEST_PASSWORD`] bytes.
    #[error(
        "a password has {SHORTEST_PASSWORD} characters or more, and {LONGEST_PASSWORD} bytes or less"
    )]
    Length,
    /// argon2 refuses its parameters, or the process is ending.
    #[error("a password can't be hashed: {0}")]
    Hashing(String),
}

/// Hashes and verifies.
#[derive(Clone)]
pub struct Passwords {
    params: Params,
    /// A hash that no password has, compared with when there is no account: the answer takes as long.
    nobody: Arc<str>,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// argon2id as OWASP advises: 19 MiB, 2 passes, 1 lane.
    ///
    /// # Errors
    /// [`PasswordError::Hashing`], for parameters that argon2 does not take.
    pub fn new() -> Result<Passwords, PasswordError> {
        Passwords::with(Params::DEFAULT)
    }

    /// With other costs; tests use cheap ones.
    ///
    /// # Errors
    /// As [`Passwords::new`].
    pub fn with(params: Params) -> Result<Passwords, PasswordError> {
        let unguessable = hex::encode(rand::random::<[u8; 32]>());
        Ok(Passwords {
            nobody: hash(&params, &unguessable)?.into(),
            params,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Checks the length and hashes.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.chars().count() < SHORTEST_PASSWORD || password.len() > LONGEST_PASSWORD {
            return Err(PasswordError::Length);
        }
        let (params, password) = (self.params.clone(), password.to_owned());
        self.apart(move || hash(&params, &password)).await?
    }

    /// Whether the password has this hash. Without a hash the answer is no, and takes as long.
    ///
    /// # Errors
    /// [`PasswordError::Hashing`] while the process ends.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let password: String = if password.len() > LONGEST_PASSWORD {
            String::new()
        } else {
            password.to_owned()
        };
        self.apart(move || {
            let same = PasswordHash::new(&hash).is_ok_and(|parsed| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &parsed)
                    .is_ok()
            });
            same && known
        })
        .await
    }

    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let ending = |e: &dyn std::fmt::Display| PasswordError::Hashing(e.to_string());
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|e| ending(&e))?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(|e| ending(&e))
    }
}

fn hash(params: &Params, password: &str) -> Result<String, PasswordError> {
    let failed = |e: argon2::password_hash::Error| PasswordError::Hashing(e.to_string());
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(failed)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    Ok(argon
        .hash_password(password.as_bytes(), &salt)
        .map_err(failed)?
        .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Passwords {
        Passwords::with(Params::new(Params::MIN_M_COST, 1, 1, None).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn only_the_password_itself_is_taken() {
        let passwords = cheap();
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(
            passwords
                .verify("correct horse", Some(&hash))
                .await
                .unwrap()
        );
        for wrong in ["correct horsf", "", "correct horse ", &"x".repeat(5_000)] {
            assert!(
                !passwords.verify(wrong, Some(&hash)).await.unwrap(),
                "{wrong}"
            );
        }
        assert!(!passwords.verify("correct horse", None).await.unwrap());
        assert!(
            !passwords
                .verify("correct horse", Some("not a hash"))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_short_or_endless_password_is_refused() {
        let passwords = cheap();
        for wrong in ["", "123456789", &"x".repeat(LONGEST_PASSWORD + 1)] {
            assert!(matches!(
                passwords.hash(wrong).await,
                Err(PasswordError::Length)
            ));
        }
    }
}
