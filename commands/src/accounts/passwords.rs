//! Passwords: argon2id off the runtime's threads, few at a time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use rand::Rng;
use tokio::sync::Semaphore;

/// OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
/// Hashes at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// How long one may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Too many passwords wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked, retry later")]
pub struct BusyError;

/// What is verified where there is no account, so that it takes as long.
static NOBODYS_HASH: LazyLock<String> = LazyLock::new(|| hash("a password that nobody has"));

/// Hashes and verifies passwords.
pub struct Passwords {
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// Nothing at work yet.
    pub(super) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The PHC string of a password's hash, with a salt of its own.
    pub(super) async fn hash(&self, password: &str) -> Result<String, BusyError> {
        let password = password.to_owned();
        self.run(move || hash(&password)).await
    }

    /// Whether the password is the one of the hash; with no hash it is not, after the same time.
    pub(super) async fn fits(&self, password: &str, hash: Option<String>) -> Result<bool, BusyError> {
        let password = password.to_owned();
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODYS_HASH.clone());
            let fits = password.chars().count() <= super::PASSWORD_CHARS_MAX
                && hasher().verify_password(password.as_bytes(), hash.as_str()).is_ok();
            fits && known
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, BusyError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await.map_err(|_| BusyError)?;
        let turn = turn.map_err(|_| BusyError)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| BusyError)
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> String {
    let mut salt = [0; SALT_BYTES];
    rand::rng().fill_bytes(&mut salt);
    let hash = hasher().hash_password_with_salt(password.as_bytes(), &salt);
    hash.expect("sixteen bytes are a good salt, and the output's length is the default one").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_fit_their_hash_only() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse").await.unwrap(), "each has a salt of its own");
        assert_eq!(passwords.fits("correct horse", Some(hash.clone())).await, Ok(true));
        assert_eq!(passwords.fits("Correct horse", Some(hash)).await, Ok(false));
        assert_eq!(passwords.fits("a password that nobody has", None).await, Ok(false));
    }
}
