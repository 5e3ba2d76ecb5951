//! Who gets in: access tokens and passwords, checked against the catalog.
//!
//! A server asks these on every call, so what does not change is remembered as long as the catalog's epoch stays; a
//! dropped token or a changed password counts from the next call.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use sluice_catalog::TokenRecord;
use sluice_model::{Digest, PrincipalKind};
use tokio::{sync::Semaphore, task};

use crate::{BearerToken, Engine, EngineError};

/// How many passwords are hashed at the same time: each takes 19 MiB and a core, and others need those too.
pub(crate) const HASHING: usize = 2;

/// The longest password, in bytes: hashing one takes time in proportion to its length.
pub(crate) const LONGEST_PASSWORD: usize = 1024;

/// What passwords are compared with where there is none to compare with, so that an unknown user takes as long as a
/// wrong password. Its parameters are those that new passwords are hashed with; nothing hashes to it that is known.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2x1aWNlLWRlY295LS0tLQ$\
                     RUFTVCBPRiBUSEUgU1VOIFdFU1QgT0YgVEhFIE1PT04";

/// Who gets in by an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// The user or service.
    pub principal: Arc<str>,
    /// What `SHOW TOKENS` calls the token.
    pub token_id: Arc<str>,
    /// From when on the token is worth nothing.
    pub expires_at: SystemTime,
}

impl From<TokenRecord> for TokenHolder {
    fn from(record: TokenRecord) -> Self {
        let since_1970 = Duration::from_millis(u64::try_from(record.expires_at_ms).unwrap_or_default());
        Self { principal: record.principal, token_id: record.id, expires_at: SystemTime::UNIX_EPOCH + since_1970 }
    }
}

impl Engine {
    /// Whose access token `token` is at `epoch`, which the caller has just read; `None` where it is nobody's, has expired, or
    /// was dropped. A token that is not remembered costs one digest and one look-up in an index, whatever is wrong with it.
    ///
    /// # Errors
    /// [`EngineError`] if the catalog cannot be read.
    pub async fn principal_of_token(&self, token: &str, epoch: u64) -> Result<Option<TokenHolder>, EngineError> {
        let digest = BearerToken::digest_of(token);
        let mut holder = self.at(epoch, |remembered| remembered.tokens.get(&digest).cloned());
        if holder.is_none() {
            holder = self.catalog().token_by_digest(&digest).await?.map(TokenHolder::from);
            if let Some(holder) = &holder {
                self.at(epoch, |remembered| remembered.tokens.insert(digest, holder.clone()));
            }
        }
        Ok(holder.filter(|holder| SystemTime::now() < holder.expires_at))
    }

    /// Whether `password` is that of the user or service `name`: where it is, the version of the password, which is
    /// another one whenever it has been set. Where it is not, the answer takes as long, whether the user is unknown,
    /// has no password, or has another one.
    ///
    /// # Errors
    /// [`EngineError`] if the catalog cannot be read.
    pub async fn verify_password(&self, name: &str, password: &str) -> Result<Option<Digest>, EngineError> {
        let known = self.catalog().password_hash(name).await?;
        let version = known.as_deref().map(password_version);
        let hash = known.unwrap_or_else(|| DECOY.to_owned());
        // What is too long to be a password is compared with as little work as one that is not.
        let password = if password.len() > LONGEST_PASSWORD { String::new() } else { password.to_owned() };
        let matches = hashing(self.hashing(), move || {
            // A hash that cannot be read lets nobody in.
            PasswordVerifier::<str>::verify_password(&Argon2::default(), password.as_bytes(), &hash).is_ok()
        })
        .await?;
        Ok(version.filter(|_| matches))
    }

    /// The version of the password that `name` has at `epoch`, which the caller has just read; `None` without one. What began
    /// with another version has been overtaken.
    ///
    /// # Errors
    /// [`EngineError`] if the catalog cannot be read.
    pub async fn password_version(&self, name: &str, epoch: u64) -> Result<Option<Digest>, EngineError> {
        if let Some(version) = self.at(epoch, |remembered| remembered.passwords.get(name).copied()) {
            return Ok(Some(version));
        }
        let version = self.catalog().password_hash(name).await?.as_deref().map(password_version);
        if let Some(version) = version {
            self.at(epoch, |remembered| remembered.passwords.insert(name.to_owned(), version));
        }
        Ok(version)
    }

    /// Whether `name` is a user or a service at `epoch`, which the caller has just read: one that can have a session.
    ///
    /// # Errors
    /// [`EngineError`] if the catalog cannot be read.
    pub async fn may_enter(&self, name: &str, epoch: u64) -> Result<bool, EngineError> {
        let found = self.membership(name, epoch).await?;
        Ok(found.is_some_and(|(principal, _)| match principal.kind {
            PrincipalKind::User | PrincipalKind::Service => true,
            PrincipalKind::Group => false,
        }))
    }

    /// What `password` hashes to, with a new salt, in PHC form.
    pub(crate) async fn hash_password(&self, password: String) -> Result<String, EngineError> {
        hashing(self.hashing(), move || {
            Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
        })
        .await?
        .map_err(|error| EngineError::Bug(format!("a password cannot be hashed: {error}")))
    }
}

fn password_version(hash: &str) -> Digest {
    Digest::of(hash.as_bytes())
}

/// Runs `work` off the threads that answer others, when it is its turn.
async fn hashing<T: Send + 'static>(
    turns: Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    let failed = |what: &str| EngineError::Bug(format!("a password was not hashed: {what}"));
    let turn = turns.acquire_owned().await.map_err(|_| failed("nobody takes turns any more"))?;
    let hashed = task::spawn_blocking(move || {
        // The turn ends with the work, also where nobody waits for it any more.
        let _turn = turn;
        work()
    });
    hashed.await.map_err(|_| failed("it broke off"))
}

#[cfg(test)]
mod tests {
    use argon2::{Params, password_hash::phc::PasswordHash};

    use super::*;

    #[test]
    fn the_decoy_costs_what_a_new_password_costs() {
        let decoy = PasswordHash::new(DECOY).unwrap();
        let made: PasswordHash = Argon2::default().hash_password(b"a password").unwrap();
        assert_eq!((decoy.algorithm, decoy.version), (made.algorithm, made.version));
        assert_eq!(Params::try_from(&decoy).unwrap(), Params::try_from(&made).unwrap());
        assert_eq!(decoy.hash.unwrap().len(), made.hash.unwrap().len());
        assert_eq!(decoy.salt.unwrap().len(), made.salt.unwrap().len());
    }
}
