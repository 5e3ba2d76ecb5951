//! A name and a password. A handshake is answered with a login: checking a password is made to be slow, so it is done
//! once. Who shows them at every call has the same session each time.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Instant, SystemTime},
};

use parking_lot::Mutex;
use sluice_engine::Engine;
use sluice_model::Digest;

use super::{
    Entered, Identity, Peer,
    login::{LASTS, Logins},
    presented::Basic,
    refusal::Refusal,
};

/// How many guesses at one name may wait from one address. Checking is slow and few are checked at a time, so that
/// whoever guesses without a pause would keep everybody else waiting.
const MOST_WAITING: usize = 4;

/// The passwords that are being checked: how many for each name and address.
#[derive(Default)]
pub(super) struct Checking(Mutex<HashMap<(Option<IpAddr>, String), usize>>);

impl Checking {
    /// Whether the password is right; a guess too many at the same time is taken for a wrong one.
    async fn check(&self, engine: &Engine, basic: &Basic, peer: &Peer) -> Result<Digest, Refusal> {
        let key = (peer.address.map(|address| address.ip()), basic.name.clone());
        let _place = self.enter(key).ok_or(Refusal::Wrong)?;
        engine.verify_password(&basic.name, &basic.password).await?.ok_or(Refusal::Wrong)
    }

    fn enter(&self, key: (Option<IpAddr>, String)) -> Option<Place<'_>> {
        let mut checking = self.0.lock();
        let waiting = checking.entry(key.clone()).or_default();
        if *waiting >= MOST_WAITING {
            return None;
        }
        *waiting += 1;
        Some(Place { checking: self, key })
    }
}

/// A password that is being checked.
struct Place<'a> {
    checking: &'a Checking,
    key: (Option<IpAddr>, String),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut checking = self.checking.0.lock();
        if let Some(waiting) = checking.get_mut(&self.key) {
            *waiting -= 1;
            if *waiting == 0 {
                checking.remove(&self.key);
            }
        }
    }
}

/// Begins a login.
pub(super) async fn begin(
    engine: &Engine,
    logins: &Logins,
    checking: &Checking,
    basic: &Basic,
    peer: &Peer,
) -> Result<Entered, Refusal> {
    let version = checking.check(engine, basic, peer).await?;
    let token = logins.begin(&basic.name, version, Instant::now());
    let identity = Identity {
        principal: basic.name.as_str().into(),
        groups: Vec::new(),
        credential: token.digest(),
        expires_at: Some(SystemTime::now() + LASTS),
    };
    Ok(Entered { identity, issued: Some(token.as_str().to_owned()) })
}

/// Lets one call in.
pub(super) async fn enter(
    engine: &Engine,
    checking: &Checking,
    basic: &Basic,
    peer: &Peer,
) -> Result<Identity, Refusal> {
    let version = checking.check(engine, basic, peer).await?;
    let credential = Digest::of(format!("password\n{version:?}\n{}", basic.name).as_bytes());
    Ok(Identity { principal: basic.name.as_str().into(), groups: Vec::new(), credential, expires_at: None })
}
