//! Waiting for a place, and holding it.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout, timeout_at},
};

use super::{
    LimitOptions,
    turns::{Full, Ticket, Turns},
};
use crate::metrics::{Metrics, Stage};

/// Why a statement did not get a place. Nothing of it has run, so it may be sent again as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// As many statements are waiting as may, in total or of this principal.
    #[error("too many statements are waiting to run")]
    QueueFull {
        /// When to try again.
        retry_after: Duration,
    },
    /// No place came free in time.
    #[error("the statement waited for its turn for as long as it may")]
    TimedOut {
        /// When to try again.
        retry_after: Duration,
    },
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Draining,
}

/// Lets statements run, up to the limits, and the others wait for their turn. Clones share the limits.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    gate: Arc<Gate>,
}

impl Limiter {
    pub(crate) fn new(options: &LimitOptions, metrics: Metrics) -> Self {
        let state = State { turns: Turns::new(options), draining: false, usual_hold: Duration::ZERO };
        Self {
            gate: Arc::new(Gate {
                state: Mutex::new(state),
                nobody_runs: Notify::new(),
                max_statements: u32::try_from(options.max_statements.get()).unwrap_or(u32::MAX),
                queue_timeout: options.queue_timeout(),
                metrics,
            }),
        }
    }

    /// Waits until a statement of `principal` may run.
    ///
    /// Dropping the future gives up the place in the queue, or the permit if one was just granted.
    ///
    /// # Errors
    /// [`Refused`]; the statement must not run then.
    pub(crate) async fn admit(&self, principal: &Arc<str>) -> Result<Permit, Refused> {
        let asked = Instant::now();
        let answer = match self.gate.enter(principal)? {
            Entered::Running(permit) => Ok(permit),
            Entered::Waiting(_place, granted) => match timeout(self.gate.queue_timeout, granted).await {
                Ok(Ok(permit)) => Ok(permit),
                // Only draining takes a waiter out of the queue without a permit.
                Ok(Err(_)) => Err(Refused::Draining),
                Err(_) => Err(Refused::TimedOut { retry_after: self.gate.retry_after(&self.gate.state.lock()) }),
            },
        };
        self.gate.metrics.observe(Stage::Queue, asked.elapsed());
        answer
    }

    /// Refuses newcomers and everybody who waits, from now on, and lets `/healthz` say so. What runs goes on.
    pub(crate) fn drain(&self) {
        self.gate.metrics.set_draining();
        let waiters = self.gate.change(|state| {
            state.draining = true;
            state.turns.clear()
        });
        // A waiter whose sender is gone knows that it is refused.
        drop(waiters);
    }

    /// Waits until no permit is out; whether that came before `deadline`. It lasts only after [`Self::drain`].
    pub(crate) async fn drained(&self, deadline: Instant) -> bool {
        loop {
            // Made before looking: what happens between the look and the wait is noticed.
            let nobody_runs = self.gate.nobody_runs.notified();
            if self.gate.state.lock().turns.running() == 0 {
                return true;
            }
            if timeout_at(deadline, nobody_runs).await.is_err() {
                return false;
            }
        }
    }
}

/// The right to run one statement; dropping it ends the statement's claim.
#[derive(Debug)]
#[must_use = "a statement may run only while it holds its permit"]
pub(crate) struct Permit {
    gate: Arc<Gate>,
    principal: Arc<str>,
    since: Instant,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let held = self.since.elapsed();
        self.gate.change(|state| {
            state.turns.finish(&self.principal);
            state.usual_hold = state.usual_hold.saturating_mul(7).saturating_add(held) / 8;
        });
    }
}

/// A place in the queue; dropping it leaves the queue.
struct Place {
    gate: Arc<Gate>,
    principal: Arc<str>,
    ticket: Ticket,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing is left to take out where the waiter was granted a permit or refused.
        let sender = self.gate.change(|state| state.turns.leave(&self.principal, self.ticket));
        drop(sender);
    }
}

enum Entered {
    Running(Permit),
    Waiting(Place, oneshot::Receiver<Permit>),
}

#[derive(Debug)]
struct Gate {
    state: Mutex<State>,
    nobody_runs: Notify,
    max_statements: u32,
    queue_timeout: Duration,
    metrics: Metrics,
}

#[derive(Debug)]
struct State {
    turns: Turns<oneshot::Sender<Permit>>,
    draining: bool,
    /// How long permits are held, as a moving average.
    usual_hold: Duration,
}

impl Gate {
    fn enter(self: &Arc<Self>, principal: &Arc<str>) -> Result<Entered, Refused> {
        self.change(|state| {
            if state.draining {
                return Err(Refused::Draining);
            }
            if state.turns.start(principal) {
                return Ok(Entered::Running(self.permit(Arc::clone(principal))));
            }
            let (sender, granted) = oneshot::channel();
            match state.turns.wait(principal, sender) {
                Ok(ticket) => {
                    let place = Place { gate: Arc::clone(self), principal: Arc::clone(principal), ticket };
                    Ok(Entered::Waiting(place, granted))
                }
                Err(Full) => Err(Refused::QueueFull { retry_after: self.retry_after(state) }),
            }
        })
    }

    /// Changes the state, which happens in no other way.
    // INVARIANT: whoever may run is started before the lock is let go. No permit is dropped under the lock, since that
    // would take it again.
    fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> T) -> T {
        let (outcome, granted) = {
            let mut state = self.state.lock();
            let outcome = change(&mut state);
            let granted: Vec<_> = std::iter::from_fn(|| state.turns.next()).collect();
            self.metrics.set_running(state.turns.running());
            self.metrics.set_queued(state.turns.queued());
            if state.turns.running() == 0 {
                self.nobody_runs.notify_waiters();
            }
            (outcome, granted)
        };
        for (principal, waiter) in granted {
            // A waiter that has just gone sends its permit back, and dropping it serves the next.
            drop(waiter.send(self.permit(principal)));
        }
        outcome
    }

    fn permit(self: &Arc<Self>, principal: Arc<str>) -> Permit {
        Permit { gate: Arc::clone(self), principal, since: Instant::now() }
    }

    /// When a place in the queue can be hoped for: after what waits now, at the usual pace. Whole seconds only, since the
    /// pace of others is not everybody's to know.
    fn retry_after(&self, state: &State) -> Duration {
        let ahead = u32::try_from(state.turns.queued()).unwrap_or(u32::MAX).saturating_add(1);
        let expected = state.usual_hold.saturating_mul(ahead) / self.max_statements;
        let longest = self.queue_timeout.as_secs().max(1);
        Duration::from_secs(expected.as_secs().saturating_add(1).min(longest))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        num::NonZeroUsize,
        pin::Pin,
        sync::atomic::{AtomicBool, Ordering},
        task::{Context, Poll, Wake, Waker},
    };

    use proptest::prelude::*;

    use super::*;

    fn options(max_statements: usize, per_principal: usize, max_queued: usize) -> LimitOptions {
        LimitOptions {
            max_statements: NonZeroUsize::new(max_statements).unwrap(),
            max_statements_per_principal: NonZeroUsize::new(per_principal).unwrap(),
            max_queued,
            ..LimitOptions::default()
        }
    }

    fn limiter(options: &LimitOptions) -> Limiter {
        Limiter::new(options, Metrics::new().unwrap())
    }

    fn name(principal: &str) -> Arc<str> {
        principal.into()
    }

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    type Admission = Pin<Box<dyn Future<Output = Result<Permit, Refused>>>>;

    /// A call of `admit` that is polled when it is woken and never otherwise.
    struct Asker {
        principal: usize,
        admission: Admission,
        woken: Arc<Flag>,
    }

    impl Asker {
        fn new(limiter: &Limiter, principal: usize, name: &Arc<str>) -> Self {
            let (limiter, name) = (limiter.clone(), Arc::clone(name));
            let woken = Arc::new(Flag(AtomicBool::new(true)));
            Self { principal, admission: Box::pin(async move { limiter.admit(&name).await }), woken }
        }

        fn poll_if_woken(&mut self) -> Poll<Result<Permit, Refused>> {
            if !self.woken.0.swap(false, Ordering::SeqCst) {
                return Poll::Pending;
            }
            let waker = Waker::from(Arc::clone(&self.woken));
            self.admission.as_mut().poll(&mut Context::from_waker(&waker))
        }
    }

    /// `timeout` needs a clock to register with.
    fn clock() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[tokio::test]
    async fn a_statement_waits_until_a_permit_is_dropped() {
        let limiter = limiter(&options(1, 1, 4));
        let ana = name("ana");
        let first = limiter.admit(&ana).await.unwrap();
        let second = tokio::spawn({
            let (limiter, ana) = (limiter.clone(), Arc::clone(&ana));
            async move { limiter.admit(&ana).await }
        });
        while limiter.gate.state.lock().turns.queued() == 0 {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert!(second.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_full_queue_says_when_to_try_again() {
        let limiter = limiter(&options(1, 1, 0));
        let ana = name("ana");
        let _permit = limiter.admit(&ana).await.unwrap();
        let refused = limiter.admit(&ana).await.unwrap_err();
        assert_eq!(refused, Refused::QueueFull { retry_after: Duration::from_secs(1) });
    }

    #[tokio::test]
    async fn the_longer_statements_hold_their_places_the_later_is_the_next_try() {
        let limiter = limiter(&options(2, 2, 8));
        limiter.gate.state.lock().usual_hold = Duration::from_secs(9);
        let retry_after = || limiter.gate.retry_after(&limiter.gate.state.lock());
        assert_eq!(retry_after(), Duration::from_secs(5));
        limiter.gate.state.lock().usual_hold = Duration::MAX;
        assert_eq!(retry_after(), Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_statement_that_waits_too_long_is_refused_and_leaves_the_queue() {
        let limiter = limiter(&LimitOptions { queue_timeout_s: 0, ..options(1, 1, 4) });
        let ana = name("ana");
        let _permit = limiter.admit(&ana).await.unwrap();
        assert!(matches!(limiter.admit(&ana).await, Err(Refused::TimedOut { .. })));
        assert_eq!(limiter.gate.state.lock().turns.queued(), 0);
    }

    #[test]
    fn a_permit_granted_to_a_waiter_that_goes_serves_the_next() {
        let clock = clock();
        let _inside = clock.enter();
        let limiter = limiter(&options(1, 1, 8));
        let mut holder = Asker::new(&limiter, 0, &name("ana"));
        let Poll::Ready(Ok(permit)) = holder.poll_if_woken() else { panic!("the first is admitted at once") };
        let [mut bob, mut eve] = ["bob", "eve"].map(|principal| Asker::new(&limiter, 0, &name(principal)));
        assert!(bob.poll_if_woken().is_pending());
        assert!(eve.poll_if_woken().is_pending());
        drop(permit);
        assert!(eve.poll_if_woken().is_pending(), "it is bob's turn");
        drop(bob);
        assert!(matches!(eve.poll_if_woken(), Poll::Ready(Ok(_))));
    }

    #[tokio::test]
    async fn a_permit_granted_to_a_waiter_that_is_gone_comes_back() {
        let limiter = limiter(&options(1, 1, 4));
        let ana = name("ana");
        let permit = limiter.admit(&ana).await.unwrap();
        // As it is between the moments at which a waiter on another thread drops its receiver and leaves its place.
        let (sender, granted) = oneshot::channel();
        limiter.gate.state.lock().turns.wait(&ana, sender).unwrap();
        drop(granted);
        drop(permit);
        assert_eq!(limiter.gate.state.lock().turns.running(), 0);
    }

    #[tokio::test]
    async fn draining_refuses_newcomers_and_waiters_and_waits_for_what_runs() {
        let limiter = limiter(&options(1, 1, 4));
        let ana = name("ana");
        let permit = limiter.admit(&ana).await.unwrap();
        let mut waiter = Asker::new(&limiter, 0, &ana);
        assert!(waiter.poll_if_woken().is_pending());
        limiter.drain();
        assert!(matches!(waiter.poll_if_woken(), Poll::Ready(Err(Refused::Draining))));
        assert_eq!(limiter.admit(&ana).await.unwrap_err(), Refused::Draining);
        assert!(!limiter.drained(Instant::now()).await, "a permit is out");
        let drained = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.drained(Instant::now() + Duration::from_secs(10)).await }
        });
        tokio::task::yield_now().await;
        drop(permit);
        assert!(drained.await.unwrap());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Ask(usize),
        Cancel(usize),
        Finish(usize),
        Poll,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0..4usize).prop_map(Step::Ask),
            2 => any::<usize>().prop_map(Step::Cancel),
            3 => any::<usize>().prop_map(Step::Finish),
            3 => Just(Step::Poll),
        ]
    }

    proptest! {
        /// Waiters are cancelled before their first poll, while they wait, and after they were granted a permit that they
        /// have not seen yet.
        #[test]
        fn limits_hold_and_no_wakeup_is_lost(
            max_statements in 1..5usize,
            per_principal in 1..4usize,
            max_queued in 0..9usize,
            steps in prop::collection::vec(step(), 1..120),
        ) {
            let clock = clock();
            let _inside = clock.enter();
            let limiter = limiter(&options(max_statements, per_principal, max_queued));
            let names = ["ana", "bob", "eve", "joe"].map(name);
            let mut askers: Vec<Asker> = Vec::new();
            let mut running: Vec<(usize, Permit)> = Vec::new();
            for step in steps.into_iter().chain([Step::Poll]) {
                match step {
                    Step::Ask(principal) => askers.push(Asker::new(&limiter, principal, &names[principal])),
                    Step::Cancel(which) if !askers.is_empty() => {
                        drop(askers.swap_remove(which % askers.len()));
                    }
                    Step::Finish(which) if !running.is_empty() => {
                        drop(running.swap_remove(which % running.len()));
                    }
                    Step::Cancel(_) | Step::Finish(_) => {}
                    Step::Poll => {
                        askers.retain_mut(|asker| match asker.poll_if_woken() {
                            Poll::Pending => true,
                            Poll::Ready(Ok(permit)) => {
                                running.push((asker.principal, permit));
                                false
                            }
                            Poll::Ready(Err(_)) => false,
                        });
                        let runs = |principal| running.iter().filter(|(other, _)| *other == principal).count();
                        for asker in &askers {
                            prop_assert!(
                                running.len() == max_statements || runs(asker.principal) == per_principal,
                                "{} waits beside a free place", asker.principal
                            );
                        }
                    }
                }
                prop_assert!(running.len() <= max_statements);
                for principal in 0..4 {
                    prop_assert!(running.iter().filter(|(other, _)| *other == principal).count() <= per_principal);
                }
            }
            drop(askers);
            drop(running);
            let state = limiter.gate.state.lock();
            prop_assert_eq!((state.turns.running(), state.turns.queued()), (0, 0));
        }
    }
}
