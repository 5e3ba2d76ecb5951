//! Sessions: what a client set, and what it brought along, from one call to the next.
//!
//! Calls with the same credential share a session, and `x-sluice-session` tells several apart. A handshake gives a
//! credential of its own, and so a session of its own.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use sluice_engine::{Engine, EngineError, MemoryShare, Session, SessionOptions};
use sluice_model::Digest;
use uuid::Uuid;

use crate::{
    identity::Identity,
    limits::LimitOptions,
    metrics::{Counted, Metrics},
    wire::ViewTypes,
};

/// How many sessions one principal may have at a time; the one that was used longest ago goes first.
const MOST_PER_PRINCIPAL: usize = 1024;

/// A session's identity within this process. It never leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(Uuid);

impl SessionId {
    pub(crate) fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

/// A session, as one call finds it.
#[derive(Clone)]
pub(crate) struct ClientSession {
    pub(crate) id: SessionId,
    state: Arc<Mutex<State>>,
}

/// What lasts from call to call.
struct State {
    session: Session,
    views: ViewTypes,
}

/// All sessions.
pub(crate) struct Sessions {
    engine: Engine,
    idle: Duration,
    memory_bytes: Option<usize>,
    metrics: Metrics,
    kept: Mutex<Kept>,
}

struct Kept {
    sessions: HashMap<Key, Entry>,
    /// The memory of each principal's statements.
    shares: HashMap<Arc<str>, MemoryShare>,
    swept: Instant,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    credential: Digest,
    /// Groups that the credential claims are part of what it is.
    principal: Arc<str>,
    name: String,
}

struct Entry {
    session: ClientSession,
    groups: Vec<Arc<str>>,
    used: Instant,
    _counted: Counted,
}

impl Sessions {
    pub(crate) fn new(engine: Engine, limits: &LimitOptions, metrics: Metrics) -> Self {
        let kept = Kept { sessions: HashMap::new(), shares: HashMap::new(), swept: Instant::now() };
        Self {
            engine,
            idle: limits.session_idle_timeout(),
            memory_bytes: limits.memory_per_principal_bytes(),
            metrics,
            kept: Mutex::new(kept),
        }
    }

    /// The session that `identity` calls `name`; it begins here if there is none.
    ///
    /// # Errors
    /// [`EngineError`] where the principal is gone.
    pub(crate) async fn find(&self, identity: &Identity, name: &str) -> Result<ClientSession, EngineError> {
        let key =
            Key { credential: identity.credential, principal: Arc::clone(&identity.principal), name: name.to_owned() };
        if let Some(found) = self.known(&key, identity) {
            return Ok(found);
        }
        let options = SessionOptions {
            principal: Some(identity.principal.to_string()),
            groups: identity.groups.clone(),
            ..SessionOptions::default()
        };
        let mut session = self.engine.session(options).await?;
        let mut kept = self.kept.lock();
        if let Some(share) = self.share(&mut kept, &identity.principal) {
            session.limit_memory(share);
        }
        let state = Arc::new(Mutex::new(State { session, views: ViewTypes::default() }));
        let session = ClientSession { id: SessionId::new(), state };
        // Of two calls that begin the same session, the later one finds the earlier one's.
        if let Some(entry) = kept.sessions.get(&key).filter(|entry| entry.groups == identity.groups) {
            return Ok(entry.session.clone());
        }
        let entry = Entry {
            session: session.clone(),
            groups: identity.groups.clone(),
            used: Instant::now(),
            _counted: self.metrics.session(),
        };
        make_room(&mut kept, &identity.principal);
        kept.sessions.insert(key, entry);
        Ok(session)
    }

    /// The session if it is open. One that was opened with other claims is not it: the claims are the newer truth.
    fn known(&self, key: &Key, identity: &Identity) -> Option<ClientSession> {
        let mut kept = self.kept.lock();
        self.sweep(&mut kept);
        let entry = kept.sessions.get_mut(key)?;
        if entry.groups != identity.groups {
            kept.sessions.remove(key);
            return None;
        }
        entry.used = Instant::now();
        Some(entry.session.clone())
    }

    fn share(&self, kept: &mut Kept, principal: &Arc<str>) -> Option<MemoryShare> {
        let bytes = self.memory_bytes?;
        let share = kept.shares.entry(Arc::clone(principal));
        Some(share.or_insert_with(|| MemoryShare::new(&self.engine, bytes)).clone())
    }

    /// Ends a session.
    pub(crate) fn close(&self, session: &ClientSession) {
        session.state.lock().session.drop_temporary();
        self.kept.lock().sessions.retain(|_, entry| entry.session.id != session.id);
    }

    fn sweep(&self, kept: &mut Kept) {
        if kept.swept.elapsed() < self.idle / 8 {
            return;
        }
        kept.swept = Instant::now();
        kept.sessions.retain(|_, entry| entry.used.elapsed() <= self.idle);
        let principals: std::collections::HashSet<_> =
            kept.sessions.keys().map(|key| Arc::clone(&key.principal)).collect();
        kept.shares.retain(|principal, share| principals.contains(principal) || share.used() > 0);
    }
}

/// Closes the session of `principal` that was used longest ago, if there are as many as may be.
fn make_room(kept: &mut Kept, principal: &Arc<str>) {
    let own = || kept.sessions.iter().filter(|(key, _)| key.principal == *principal);
    if own().count() < MOST_PER_PRINCIPAL {
        return;
    }
    if let Some(oldest) = own().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone()) {
        kept.sessions.remove(&oldest);
    }
}

impl ClientSession {
    /// The engine's session as it stands. What a statement changes in it does not last:
    /// [`Self::change`] does.
    pub(crate) fn session(&self) -> Session {
        self.state.lock().session.clone()
    }

    /// Whether views of texts are sent as such.
    pub(crate) fn views(&self) -> ViewTypes {
        self.state.lock().views
    }

    pub(crate) fn set_views(&self, views: ViewTypes) {
        self.state.lock().views = views;
    }

    /// Changes the session for the calls to come.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Session) -> T) -> T {
        change(&mut self.state.lock().session)
    }
}
