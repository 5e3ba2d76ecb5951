//! What clients hold by a handle: announced and prepared statements.
//!
//! INVARIANT: a handle is random and says nothing. It opens what it stands for to the principal and session that got
//! it, until it expires; to anybody else it is as unknown as one that was never given.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use hashlink::LruCache;
use parking_lot::Mutex;
use prost::bytes::Bytes;
use uuid::Uuid;

use crate::{
    metrics::{Counted, Metrics},
    sessions::SessionId,
};

/// How long a statement that was announced, or prepared, is kept unused.
pub(crate) const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// How many handles one session may hold at a time; the one that was used longest ago goes first.
const MOST_PER_SESSION: usize = 512;

/// How much one principal's handles may hold together, in bytes.
pub(crate) const MOST_BYTES: usize = 128 << 20;

/// Whose a handle is. Sessions belong to one principal each.
pub(crate) type Owner = SessionId;

/// How much each principal's handles hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<HashMap<Arc<str>, usize>>>);

/// Bytes that are held; dropping it frees them.
#[derive(Debug)]
pub(crate) struct Weight {
    bytes: usize,
    principal: Arc<str>,
    ledger: Ledger,
}

impl Ledger {
    /// Takes `bytes` of the share of `principal`, if there are so many.
    pub(crate) fn weigh(&self, principal: &Arc<str>, bytes: usize) -> Option<Weight> {
        let mut held = self.0.lock();
        let own = held.get(principal).copied().unwrap_or_default().checked_add(bytes)?;
        if own > MOST_BYTES {
            return None;
        }
        held.insert(Arc::clone(principal), own);
        Some(Weight { bytes, principal: Arc::clone(principal), ledger: self.clone() })
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        let mut held = self.ledger.0.lock();
        if let Some(own) = held.get_mut(&self.principal) {
            *own -= self.bytes;
            if *own == 0 {
                held.remove(&self.principal);
            }
        }
    }
}

/// Things of type `T` that clients hold.
pub(crate) struct Handles<T> {
    lifetime: Duration,
    metrics: Metrics,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    by_owner: HashMap<Owner, LruCache<Bytes, Entry<T>>>,
    swept: Instant,
}

struct Entry<T> {
    thing: Arc<T>,
    used: Instant,
    weight: Arc<Weight>,
    _counted: Counted,
}

impl<T> Handles<T> {
    /// No handles yet; each will live for `lifetime` after it was used last.
    pub(crate) fn new(lifetime: Duration, metrics: Metrics) -> Self {
        let held = Mutex::new(Held { by_owner: HashMap::new(), swept: Instant::now() });
        Self { lifetime, metrics, held }
    }

    /// How long a handle lives after it was used last.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Holds `thing`, which weighs `weight`, for `owner`; answers the handle.
    pub(crate) fn give(&self, owner: Owner, thing: T, weight: Arc<Weight>) -> Bytes {
        let handle = random();
        let entry = Entry { thing: Arc::new(thing), used: Instant::now(), weight, _counted: self.metrics.handle() };
        let mut held = self.held.lock();
        self.sweep(&mut held);
        let own = held.by_owner.entry(owner).or_insert_with(LruCache::new_unbounded);
        let oldest = if own.len() >= MOST_PER_SESSION { own.remove_lru() } else { None };
        own.insert(handle.clone(), entry);
        // Freed after the lock, as in `make_room`.
        drop(held);
        drop(oldest);
        handle
    }

    /// What `handle` stands for, if it is `owner`'s. It lives on for another lifetime.
    pub(crate) fn get(&self, owner: Owner, handle: &[u8]) -> Option<Arc<T>> {
        let mut held = self.held.lock();
        let own = held.by_owner.get_mut(&owner)?;
        let entry = own.get_mut(handle)?;
        if entry.used.elapsed() > self.lifetime {
            own.remove(handle);
            return None;
        }
        entry.used = Instant::now();
        Some(Arc::clone(&entry.thing))
    }

    /// Forgets a handle; answers what it stood for.
    pub(crate) fn take(&self, owner: Owner, handle: &[u8]) -> Option<Arc<T>> {
        self.held.lock().by_owner.get_mut(&owner)?.remove(handle).map(|entry| entry.thing)
    }

    /// Forgets everything that `owner` holds.
    pub(crate) fn forget(&self, owner: Owner) {
        self.held.lock().by_owner.remove(&owner);
    }

    /// Forgets what `principal` holds, in any session, until `bytes` are freed, or a quarter of its share where that is
    /// more, since looking takes time. What was used longest ago goes first; what weighs nothing stays.
    pub(crate) fn make_room(&self, principal: &str, bytes: usize) {
        let mut forgotten = Vec::new();
        let mut held = self.held.lock();
        let all =
            held.by_owner.iter().flat_map(|(owner, own)| own.iter().map(move |(handle, entry)| (owner, handle, entry)));
        let mut own: Vec<_> = all
            .filter(|(_, _, entry)| entry.weight.bytes > 0 && &*entry.weight.principal == principal)
            .map(|(owner, handle, entry)| (entry.used, *owner, handle.clone()))
            .collect();
        own.sort_unstable_by_key(|(used, ..)| *used);
        let mut missing = bytes.max(MOST_BYTES / 4);
        for (_, owner, handle) in own {
            if missing == 0 {
                break;
            }
            if let Some(entry) = held.by_owner.get_mut(&owner).and_then(|own| own.remove(&handle)) {
                missing = missing.saturating_sub(entry.weight.bytes);
                forgotten.push(entry);
            }
        }
        // Large things take a while to be freed, and everybody waits for the lock.
        drop(held);
    }

    /// What has expired goes.
    pub(crate) fn forget_expired(&self) {
        self.sweep_now(&mut self.held.lock());
    }

    /// Now and then, what has expired goes, so that nobody has to come back for its memory to be freed.
    fn sweep(&self, held: &mut Held<T>) {
        if held.swept.elapsed() < self.lifetime / 8 {
            return;
        }
        self.sweep_now(held);
    }

    fn sweep_now(&self, held: &mut Held<T>) {
        held.swept = Instant::now();
        for own in held.by_owner.values_mut() {
            own.retain(|_, entry| entry.used.elapsed() <= self.lifetime);
        }
        held.by_owner.retain(|_, own| !own.is_empty());
    }
}

/// 244 random bits from the operating system.
fn random() -> Bytes {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend_from_slice(Uuid::new_v4().as_bytes());
    bytes.extend_from_slice(Uuid::new_v4().as_bytes());
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light() -> Arc<Weight> {
        Arc::new(Ledger::default().weigh(&"ann".into(), 1).unwrap())
    }

    fn handles(lifetime: Duration) -> Handles<&'static str> {
        Handles::new(lifetime, Metrics::new().unwrap())
    }

    #[test]
    fn a_handle_is_its_owners_alone() {
        let handles = handles(Duration::from_secs(60));
        let (ann, bob) = (SessionId::new(), SessionId::new());
        let handle = handles.give(ann, "hers", light());
        assert_eq!(handles.get(ann, &handle).as_deref(), Some(&"hers"));
        assert!(handles.get(bob, &handle).is_none());
        assert!(handles.take(bob, &handle).is_none());
        assert!(handles.take(ann, &handle).is_some() && handles.get(ann, &handle).is_none());
    }

    #[test]
    fn a_handle_expires() {
        let handles = handles(Duration::ZERO);
        let owner = SessionId::new();
        let handle = handles.give(owner, "short", light());
        assert!(handles.get(owner, &handle).is_none());
    }

    #[test]
    fn a_session_holds_so_many_and_loses_the_oldest() {
        let handles = handles(Duration::from_secs(60));
        let owner = SessionId::new();
        let first = handles.give(owner, "first", light());
        let all: Vec<_> = (0..MOST_PER_SESSION).map(|_| handles.give(owner, "later", light())).collect();
        assert!(handles.get(owner, &first).is_none());
        assert!(all.iter().all(|handle| handles.get(owner, handle).is_some()));
    }

    #[test]
    fn what_is_held_is_bounded_and_freed() {
        let ledger = Ledger::default();
        let (ann, bob): (Arc<str>, Arc<str>) = ("ann".into(), "bob".into());
        let all = ledger.weigh(&ann, MOST_BYTES).unwrap();
        assert!(ledger.weigh(&ann, 1).is_none());
        assert!(ledger.weigh(&bob, 1).is_some(), "everybody has a share");
        drop(all);
        assert!(ledger.weigh(&ann, 1).is_some());
    }

    #[test]
    fn who_holds_too_much_loses_the_oldest_of_any_session_and_nobody_else_does() {
        let (ledger, handles) = (Ledger::default(), handles(Duration::from_secs(60)));
        let (ann, bob): (Arc<str>, Arc<str>) = ("ann".into(), "bob".into());
        let (first, second, foreign) = (SessionId::new(), SessionId::new(), SessionId::new());
        let weigh = |who, bytes| Arc::new(ledger.weigh(who, bytes).unwrap());
        let bobs = handles.give(foreign, "his", weigh(&bob, MOST_BYTES));
        let running = handles.give(first, "running", weigh(&ann, 0));
        let oldest = handles.give(first, "oldest", weigh(&ann, MOST_BYTES / 2));
        let newer = handles.give(second, "newer", weigh(&ann, MOST_BYTES / 2));
        assert!(ledger.weigh(&ann, MOST_BYTES / 2).is_none());
        handles.make_room(&ann, MOST_BYTES / 2);
        assert!(ledger.weigh(&ann, MOST_BYTES / 2).is_some());
        assert!(handles.get(first, &oldest).is_none() && handles.get(second, &newer).is_some());
        assert!(handles.get(first, &running).is_some(), "it would free nothing");
        assert!(handles.get(foreign, &bobs).is_some());
    }

    #[test]
    fn what_has_expired_can_be_forgotten_at_once() {
        let (ledger, handles) = (Ledger::default(), handles(Duration::ZERO));
        let ann: Arc<str> = "ann".into();
        handles.give(SessionId::new(), "expired", Arc::new(ledger.weigh(&ann, MOST_BYTES).unwrap()));
        handles.forget_expired();
        assert!(ledger.weigh(&ann, MOST_BYTES).is_some());
    }

    #[test]
    fn handles_differ() {
        let all: std::collections::HashSet<_> = (0..1000).map(|_| random()).collect();
        assert!(all.len() == 1000 && all.iter().all(|handle| handle.len() == 32));
    }
}
