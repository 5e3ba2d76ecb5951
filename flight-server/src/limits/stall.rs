//! Answers that end when nobody reads them, or when their statement has run for too long.
//!
//! A stream does nothing by itself: one that is not polled cannot notice that it is not polled. So the stream proper lies
//! where two can reach it, its reader and the [`Sweeper`], a single task that looks at all streams now and then. The
//! sweeper drops what is due, and with it the running query and the permit that it holds; a reader that comes back finds
//! an [`Interrupted`] in its place.
//!
//! A reader is late only while it is its move: after an item was handed out, or after it was woken. While a query
//! computes, its reader waits and is not late.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock, Weak},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures::{Stream, task::AtomicWaker};
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::LimitOptions;

/// Why a stream ended before its answer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Interrupted {
    /// Nobody read on for too long.
    #[error("the answer went unread for {} seconds, so the statement was ended", .after.as_secs())]
    Unread {
        /// How long an answer may go unread.
        after: Duration,
    },
    /// The statement reached its deadline.
    #[error("the statement ran for as long as a statement may")]
    TimedOut,
}

/// Ends the streams that it watches when they are due. Clones share one task, which ends soon after the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Sweeper {
    watched: Arc<WatchList>,
    unread_timeout: Duration,
}

impl Sweeper {
    /// Starts sweeping, on the runtime that this is called in.
    pub(crate) fn start(options: &LimitOptions) -> Self {
        let watched = Arc::new(WatchList::default());
        let unread_timeout = options.stalled_stream_timeout();
        let every = options.statement_timeout().min(unread_timeout) / 8;
        tokio::spawn(sweep_until_gone(Arc::downgrade(&watched), every.min(Duration::from_secs(1))));
        Self { watched, unread_timeout }
    }

    /// Hands `stream` on until it ends, goes unread for too long, or `deadline` is there.
    pub(crate) fn watch<S: Send + 'static>(&self, stream: S, deadline: Instant) -> Stalled<S> {
        let reader = Arc::new(Reader { late_since: Mutex::new(Some(Instant::now())), waker: AtomicWaker::new() });
        let shared = Arc::new(Shared {
            stream: Mutex::new(Some(stream)),
            reader: Arc::clone(&reader),
            interrupted: OnceLock::new(),
            deadline,
            unread_timeout: self.unread_timeout,
        });
        // The wide pointer takes its type from this binding.
        let watched: Arc<dyn Watched> = Arc::<Shared<S>>::clone(&shared);
        self.watched.0.lock().push(Arc::downgrade(&watched));
        Stalled { shared, waker: Waker::from(reader), ended: false }
    }
}

/// A stream that is ended when its reader is late or its statement has run for too long.
///
/// The stream within is dropped when it ends, when it is interrupted, or with this, whichever is first.
#[derive(Debug)]
pub(crate) struct Stalled<S> {
    shared: Arc<Shared<S>>,
    waker: Waker,
    ended: bool,
}

impl<S, T, E> Stream for Stalled<S>
where
    S: Stream<Item = Result<T, E>> + Unpin,
    E: From<Interrupted>,
{
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.shared.reader.asks(ctx.waker());
        let polled = match self.shared.stream.lock().as_mut() {
            Some(stream) => Pin::new(stream).poll_next(&mut Context::from_waker(&self.waker)),
            None => Poll::Ready(None),
        };
        // Looked at after polling: while the stream is polled the sweeper cannot take it, and leaves that to this.
        if let Some(interrupted) = self.shared.interrupted.get().copied() {
            self.end();
            return Poll::Ready(Some(Err(interrupted.into())));
        }
        match &polled {
            Poll::Ready(Some(_)) => self.shared.reader.is_answered(),
            Poll::Ready(None) => self.end(),
            Poll::Pending => {}
        }
        polled
    }
}

impl<S> Stalled<S> {
    fn end(&mut self) {
        self.ended = true;
        self.shared.let_go();
    }
}

impl<S> Drop for Stalled<S> {
    fn drop(&mut self) {
        // The sweeper may be looking at it, so the last reference is not for sure this one.
        self.shared.let_go();
    }
}

/// What a reader and the sweeper share of a stream.
#[derive(Debug)]
struct Shared<S> {
    stream: Mutex<Option<S>>,
    // On its own, because the stream keeps it as a waker: within one allocation they would keep each other alive.
    reader: Arc<Reader>,
    interrupted: OnceLock<Interrupted>,
    deadline: Instant,
    unread_timeout: Duration,
}

impl<S> Shared<S> {
    fn let_go(&self) {
        // Out of the lock first: dropping a query may take a while.
        let stream = self.stream.lock().take();
        drop(stream);
    }

    fn due(&self, now: Instant) -> Option<Interrupted> {
        let late_since = *self.reader.late_since.lock();
        if now >= self.deadline {
            Some(Interrupted::TimedOut)
        } else if late_since.is_some_and(|since| now.saturating_duration_since(since) >= self.unread_timeout) {
            Some(Interrupted::Unread { after: self.unread_timeout })
        } else {
            None
        }
    }
}

/// The reader of a stream, as far as the stream knows it.
#[derive(Debug)]
struct Reader {
    /// Since when it is the reader's move; `None` while it waits for the stream.
    late_since: Mutex<Option<Instant>>,
    waker: AtomicWaker,
}

impl Reader {
    fn asks(&self, waker: &Waker) {
        self.waker.register(waker);
        *self.late_since.lock() = None;
    }

    fn is_answered(&self) {
        *self.late_since.lock() = Some(Instant::now());
    }
}

impl Wake for Reader {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The first of several wakeups counts: the others do not make the reader any less late.
        self.late_since.lock().get_or_insert_with(Instant::now);
        self.waker.wake();
    }
}

/// A stream of any type, to the sweeper.
trait Watched: Send + Sync {
    /// Interrupts the stream if it is due; whether it must be looked at again.
    fn sweep(&self, now: Instant) -> bool;
}

impl<S: Send + 'static> Watched for Shared<S> {
    fn sweep(&self, now: Instant) -> bool {
        if self.interrupted.get().is_none() {
            let Some(interrupted) = self.due(now) else { return true };
            self.interrupted.get_or_init(|| interrupted);
        }
        // It is being polled: either the reader sees after that why it was interrupted, or the next sweep finds it idle.
        let Some(mut place) = self.stream.try_lock() else {
            return true;
        };
        let stream = place.take();
        drop(place);
        // On its own, so that a query that takes long to drop, or panics, does not keep the others from being swept.
        tokio::spawn(async move { drop(stream) });
        self.reader.waker.wake();
        false
    }
}

#[derive(Default)]
struct WatchList(Mutex<Vec<Weak<dyn Watched>>>);

impl std::fmt::Debug for WatchList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WatchList").field(&self.0.lock().len()).finish()
    }
}

impl WatchList {
    fn sweep(&self, now: Instant) {
        self.0.lock().retain(|watched| watched.upgrade().is_some_and(|watched| watched.sweep(now)));
    }
}

async fn sweep_until_gone(watched: Weak<WatchList>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(watched) = watched.upgrade() else { return };
        watched.sweep(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, stream};
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::UnboundedReceiverStream;

    use super::*;

    type Answer = Result<u32, Interrupted>;

    const UNREAD: Interrupted = Interrupted::Unread { after: Duration::from_secs(120) };

    /// A sweeper that sweeps when it is told to.
    fn sweeper() -> Sweeper {
        Sweeper { watched: Arc::default(), unread_timeout: Duration::from_secs(120) }
    }

    fn query() -> (mpsc::UnboundedSender<Answer>, UnboundedReceiverStream<Answer>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, UnboundedReceiverStream::new(receiver))
    }

    /// What is awaited comes at once or, where something is broken, never.
    async fn soon<F: Future>(future: F) -> F::Output {
        tokio::time::timeout(Duration::from_secs(10), future).await.expect("this should have happened by now")
    }

    async fn dropped(running: &mpsc::UnboundedSender<Answer>) {
        soon(running.closed()).await;
    }

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn an_answer_that_is_read_comes_whole() {
        let sweeper = sweeper();
        let answer = sweeper.watch(stream::iter([Ok(1), Ok(2), Ok(3)]), after(3600));
        assert_eq!(answer.collect::<Vec<Answer>>().await, [Ok(1), Ok(2), Ok(3)]);
        sweeper.watched.sweep(Instant::now());
        assert!(sweeper.watched.0.lock().is_empty(), "what is gone is not watched");
    }

    #[tokio::test]
    async fn an_unread_answer_is_ended_and_its_query_dropped() {
        let sweeper = sweeper();
        let (running, query) = query();
        running.send(Ok(1)).unwrap();
        running.send(Ok(2)).unwrap();
        let mut answer = sweeper.watch(query, after(3600));
        assert_eq!(answer.next().await, Some(Ok(1)));
        sweeper.watched.sweep(after(119));
        assert!(!running.is_closed(), "it may still be read");
        sweeper.watched.sweep(after(121));
        dropped(&running).await;
        assert_eq!(answer.next().await, Some(Err(UNREAD)));
        assert_eq!(answer.next().await, None);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_begins_to_read_is_ended() {
        let sweeper = sweeper();
        let (running, query) = query();
        let _answer = sweeper.watch(query, after(3600));
        sweeper.watched.sweep(after(121));
        dropped(&running).await;
    }

    #[tokio::test]
    async fn a_reader_that_waits_for_a_slow_query_is_not_late() {
        let sweeper = sweeper();
        let (running, query) = query();
        let mut answer = sweeper.watch(query, after(3600));
        assert!(answer.next().now_or_never().is_none());
        sweeper.watched.sweep(after(3000));
        running.send(Ok(1)).unwrap();
        assert_eq!(answer.next().await, Some(Ok(1)));
    }

    #[tokio::test]
    async fn a_reader_that_was_woken_and_does_not_come_is_late() {
        let sweeper = sweeper();
        let (running, query) = query();
        let mut answer = sweeper.watch(query, after(3600));
        assert!(answer.next().now_or_never().is_none());
        running.send(Ok(1)).unwrap();
        sweeper.watched.sweep(after(121));
        dropped(&running).await;
        assert_eq!(answer.next().await, Some(Err(UNREAD)));
    }

    #[tokio::test]
    async fn the_deadline_ends_a_query_that_computes_and_wakes_its_reader() {
        let sweeper = sweeper();
        let (running, query) = query();
        let mut answer = sweeper.watch(query, after(60));
        let reading = tokio::spawn(async move { answer.next().await });
        tokio::task::yield_now().await;
        sweeper.watched.sweep(after(59));
        assert!(!running.is_closed());
        sweeper.watched.sweep(after(61));
        assert_eq!(soon(reading).await.unwrap(), Some(Err(Interrupted::TimedOut)));
        dropped(&running).await;
    }

    #[tokio::test]
    async fn a_stream_that_is_due_while_it_is_polled_is_dropped_after_that() {
        let sweeper = sweeper();
        let (running, mut query) = query();
        let watched = Arc::clone(&sweeper.watched);
        let busy = stream::poll_fn(move |ctx| {
            watched.sweep(after(61));
            query.poll_next_unpin(ctx)
        });
        running.send(Ok(1)).unwrap();
        let mut answer = sweeper.watch(busy, after(60));
        assert_eq!(answer.next().await, Some(Err(Interrupted::TimedOut)));
        assert!(running.is_closed());
    }

    #[tokio::test]
    async fn a_query_is_dropped_with_its_last_row() {
        struct Held(Arc<()>);
        let sweeper = sweeper();
        let permit = Arc::new(());
        let held = Held(Arc::clone(&permit));
        let mut answer = sweeper.watch(stream::iter([Ok(1)]).inspect(move |_: &Answer| _ = &held.0), after(60));
        assert_eq!(answer.next().await, Some(Ok(1)));
        assert_eq!(answer.next().await, None);
        assert_eq!(Arc::strong_count(&permit), 1, "the reader is still there, the query is not");
    }

    #[tokio::test]
    async fn a_query_is_dropped_with_its_reader() {
        let sweeper = sweeper();
        let (running, query) = query();
        let mut answer = sweeper.watch(query, after(60));
        assert!(answer.next().now_or_never().is_none(), "the query keeps a waker");
        let looked_at = sweeper.watched.0.lock()[0].upgrade();
        drop(answer);
        assert!(running.is_closed());
        drop(looked_at);
        sweeper.watched.sweep(Instant::now());
        assert!(sweeper.watched.0.lock().is_empty());
    }

    #[tokio::test]
    async fn a_query_that_panics_when_dropped_does_not_keep_the_others() {
        struct Bomb(mpsc::UnboundedSender<()>);
        impl Drop for Bomb {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
                panic!("expected by this test");
            }
        }
        let options = LimitOptions { statement_timeout_s: const { std::num::NonZeroU32::MIN }, ..Default::default() };
        let sweeper = Sweeper::start(&options);
        let (exploding, mut exploded) = mpsc::unbounded_channel();
        let bomb = Bomb(exploding);
        let panicking = stream::pending::<Answer>().inspect(move |_| _ = &bomb);
        let mut panicking = sweeper.watch(panicking, Instant::now());
        assert_eq!(soon(panicking.next()).await, Some(Err(Interrupted::TimedOut)));
        assert_eq!(soon(exploded.recv()).await, Some(()));
        let mut other = sweeper.watch(stream::pending::<Answer>(), Instant::now());
        assert_eq!(soon(other.next()).await, Some(Err(Interrupted::TimedOut)), "the sweeper still sweeps");
    }

    #[tokio::test]
    async fn sweeping_ends_after_the_last_sweeper() {
        let watched = Arc::new(WatchList::default());
        let sweeping = tokio::spawn(sweep_until_gone(Arc::downgrade(&watched), Duration::from_millis(1)));
        drop(watched);
        soon(sweeping).await.unwrap();
    }
}
