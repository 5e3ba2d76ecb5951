//! Logins: short-lived tokens for who has shown a password, remembered by this process alone.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;
use sluice_engine::{BearerToken, Engine};
use sluice_model::Digest;

use super::{Identity, refusal::Refusal};

/// How long a login lasts at most.
pub(super) const LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a login lasts that nobody uses.
const IDLE: Duration = Duration::from_secs(60 * 60);

/// How many logins one principal has at most; beyond that its longest unused one ends.
const EACH: usize = 256;

/// How many logins there are at most; beyond that the longest unused one ends.
const ALL: usize = 16_384;

/// The logins that have not ended, by the digests of their tokens.
#[derive(Default)]
pub(super) struct Logins(Mutex<HashMap<Digest, Login>>);

#[derive(Clone)]
struct Login {
    principal: Arc<str>,
    /// The password that was shown: with another one set, the login has ended.
    password: Digest,
    begun: Instant,
    used: Instant,
}

impl Login {
    fn has_ended(&self, now: Instant) -> bool {
        now.duration_since(self.begun) >= LASTS || now.duration_since(self.used) >= IDLE
    }
}

/// Whose login a token is at `epoch`.
pub(super) async fn enter(engine: &Engine, logins: &Logins, token: &str, epoch: u64) -> Result<Identity, Refusal> {
    let now = Instant::now();
    let credential = BearerToken::digest_of(token);
    let login = logins.find(&credential, now).ok_or(Refusal::Wrong)?;
    if engine.password_version(&login.principal, epoch).await? != Some(login.password) {
        logins.end(&credential);
        return Err(Refusal::Wrong);
    }
    let left = LASTS.saturating_sub(now.duration_since(login.begun));
    Ok(Identity {
        principal: login.principal,
        groups: Vec::new(),
        credential,
        expires_at: Some(SystemTime::now() + left),
    })
}

impl Logins {
    /// A login of who has shown the password of version `password`.
    pub(super) fn begin(&self, principal: &str, password: Digest, now: Instant) -> BearerToken {
        let token = BearerToken::random(BearerToken::LOGIN);
        let mut logins = self.0.lock();
        logins.retain(|_, login| !login.has_ended(now));
        end_unused(&mut logins, EACH, |login| *login.principal == *principal);
        end_unused(&mut logins, ALL, |_| true);
        logins.insert(token.digest(), Login { principal: principal.into(), password, begun: now, used: now });
        token
    }

    /// The login whose token has the digest `credential`, which is thereby used.
    fn find(&self, credential: &Digest, now: Instant) -> Option<Login> {
        let mut logins = self.0.lock();
        let login = logins.get_mut(credential)?;
        if login.has_ended(now) {
            logins.remove(credential);
            return None;
        }
        // Another thread may have come by with a later moment.
        login.used = login.used.max(now);
        Some(login.clone())
    }

    /// Ends a login; of another credential nothing is known here.
    pub(super) fn end(&self, credential: &Digest) {
        self.0.lock().remove(credential);
    }
}

/// Makes room for one more among `most` of those that `counts`.
fn end_unused(logins: &mut HashMap<Digest, Login>, most: usize, counts: impl Fn(&Login) -> bool) {
    let counted = || logins.iter().filter(|(_, login)| counts(login));
    if counted().count() < most {
        return;
    }
    if let Some(unused) = counted().min_by_key(|(_, login)| login.used).map(|(credential, _)| *credential) {
        logins.remove(&unused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn begin(logins: &Logins, principal: &str, now: Instant) -> Digest {
        logins.begin(principal, Digest::of(b"$argon2id$"), now).digest()
    }

    #[test]
    fn a_login_ends_when_nobody_uses_it_and_after_a_day_in_any_case() {
        let logins = Logins::default();
        let start = Instant::now();
        let (idle, busy) = (begin(&logins, "alice", start), begin(&logins, "alice", start));
        let mut now = start;
        while now < start + LASTS - MINUTE {
            assert!(logins.find(&busy, now).is_some(), "after {:?}", now - start);
            now += 50 * MINUTE;
        }
        assert!(logins.find(&busy, start + LASTS).is_none());
        assert!(logins.find(&idle, start + IDLE).is_none());
        assert!(logins.find(&idle, start).is_none(), "what has ended does not begin again");
    }

    #[test]
    fn a_login_that_was_ended_is_over_and_others_go_on() {
        let logins = Logins::default();
        let now = Instant::now();
        let (one, other) = (begin(&logins, "alice", now), begin(&logins, "alice", now));
        logins.end(&one);
        logins.end(&Digest::of(b"something else"));
        assert!(logins.find(&one, now).is_none());
        assert!(logins.find(&other, now).is_some());
    }

    #[test]
    fn one_principal_cannot_push_out_the_logins_of_others() {
        let logins = Logins::default();
        let start = Instant::now();
        let bobs = begin(&logins, "bob", start);
        let first = begin(&logins, "alice", start);
        for second in 1..=EACH as u64 {
            begin(&logins, "alice", start + Duration::from_secs(second));
        }
        assert!(logins.find(&bobs, start).is_some());
        assert!(logins.find(&first, start).is_none());
        assert_eq!(logins.0.lock().len(), EACH + 1);
    }
}
