//! Where statements run: threads of their own, so that one that computes for long keeps no other call waiting. What is over at
//! once runs within its call.

use std::{
    mem::ManuallyDrop,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use arrow::array::RecordBatch;
use datafusion::{error::DataFusionError, execution::SendableRecordBatchStream};
use futures::{
    FutureExt, Stream, StreamExt,
    future::{self, AbortHandle, Aborted},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::JoinHandle,
};

/// How much stack a thread has, in bytes: planning recurses over trees that may be a thousand deep. It is reserved, and
/// used only as far as a plan needs it.
const STACK: usize = 256 << 20;

/// How many words, literals and marks a shallow statement has at most. Planning a chain of so many takes a debug build some
/// mebibytes of stack.
const SHALLOW: usize = 32;

/// How long a thread of a deep statement waits for another one.
const KEPT: Duration = Duration::from_secs(1);

/// How many threads of either kind there are besides one for each statement.
const SPARE: usize = 8;

/// How many batches are computed before the client has asked for them.
const AHEAD: usize = 2;

/// How long rows are waited for where their statement was started.
const PATIENCE: Duration = Duration::from_millis(5);

/// The threads.
#[derive(Debug)]
pub(crate) struct Executor(Option<Threads>);

/// Ended in their order: what runs in the first leans on the second.
#[derive(Debug)]
struct Threads {
    /// One for each deep statement, for as long as it computes. With a thread ends what its stack and its allocator keep.
    deep: Runtime,
    /// Shared by shallow statements, and by what statements of either kind start besides.
    shared: Runtime,
}

/// How deep the tree of a statement may be, and with it how much stack planning it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Less than a thread of its own is worth.
    Shallow,
    /// As deep as the statement is long, if it is a chain.
    Deep,
}

impl Depth {
    /// That of a statement of so many words, literals and marks.
    pub(crate) fn of_statement(tokens: usize) -> Self {
        if tokens <= SHALLOW { Self::Shallow } else { Self::Deep }
    }
}

impl Executor {
    /// Threads for `statements` at a time and some more: a statement that computes without a pause holds its thread, and
    /// nobody else's may stand behind it. The system shares the cores among them.
    pub(crate) fn start(statements: usize) -> std::io::Result<Self> {
        let threads = statements.saturating_add(SPARE);
        let shared = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("statements")
            .thread_stack_size(STACK)
            .enable_all()
            .build()?;
        let deep = Builder::new_current_thread()
            .max_blocking_threads(threads)
            .thread_name("deep-statements")
            .thread_stack_size(STACK)
            .thread_keep_alive(KEPT)
            .build()?;
        Ok(Self(Some(Threads { deep, shared })))
    }

    /// Does `work` there. Dropping the future that is answered gives the work up, at its next pause.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        depth: Depth,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Running<T> {
        let (work, end) = future::abortable(work);
        // Before the work is anywhere: should no thread be found, which is a panic, it is not to run later.
        let end = End(end);
        let task = match (&self.0, depth) {
            (Some(Threads { shared, .. }), Depth::Shallow) => shared.spawn(work),
            (Some(Threads { deep, shared }), Depth::Deep) => {
                let shared = shared.handle().clone();
                deep.spawn_blocking(move || shared.block_on(work))
            }
            // The executor ends with the server, after its last call.
            (None, _) => tokio::spawn(work),
        };
        Running { task, _end: end }
    }

    /// Computes the rest of `begun` there, a little ahead of whoever reads it. Dropping the stream gives it up. What is `held`
    /// is let go of when nothing is computed any more.
    pub(crate) fn stream(&self, depth: Depth, begun: Begun, held: impl Send + 'static) -> Rows {
        let Begun { first, rest } = begun;
        let first = first.into_iter();
        let Some(mut rows) = rest else { return Rows { first, rest: None } };
        let (sender, receiver) = mpsc::channel(AHEAD);
        let work = self.run(depth, async move {
            let _held = held;
            while let Some(batch) = rows.next().await {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        Rows { first, rest: Some(Rest { receiver, work }) }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if let Some(threads) = self.0.take() {
            // Waiting for threads is not possible where this may be dropped, so that another thread does. Nobody waits for
            // that one, and it is not let go of either: doing so just as a thread ends crashes in glibc (its bug 19951).
            let threads = ManuallyDrop::new(threads);
            let joiner = std::thread::Builder::new().name("joiner".to_owned());
            std::mem::forget(joiner.spawn(move || drop(ManuallyDrop::into_inner(threads))));
        }
    }
}

/// Does `work` where it is waited for, which is to be over at once.
pub(crate) async fn run_here<T>(work: impl Future<Output = T>) -> Result<T, DataFusionError> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| broke_off())
}

/// That work ended by a panic, in whichever of its parts.
fn broke_off() -> DataFusionError {
    DataFusionError::Internal("a statement broke off".to_owned())
}

/// Work that runs elsewhere.
#[derive(Debug)]
pub(crate) struct Running<T> {
    task: JoinHandle<Result<T, Aborted>>,
    _end: End,
}

/// Gives work up when it is dropped.
#[derive(Debug)]
struct End(AbortHandle);

impl<T> Future for Running<T> {
    /// What the work came to, or that it broke off.
    type Output = Result<T, DataFusionError>;

    fn poll(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = std::task::ready!(Pin::new(&mut self.task).poll(ctx));
        Poll::Ready(ended.ok().and_then(Result::ok).ok_or_else(broke_off))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Rows of which the first have been computed where their statement was started: few rows need no task of their own.
pub(crate) struct Begun {
    first: Vec<Result<RecordBatch, DataFusionError>>,
    /// `None` where there are no more.
    rest: Option<SendableRecordBatchStream>,
}

impl Begun {
    /// Nothing of `rows` yet.
    pub(crate) fn nothing(rows: SendableRecordBatchStream) -> Self {
        Self { first: Vec::new(), rest: Some(rows) }
    }

    /// As much of `rows` as comes at once.
    pub(crate) async fn of(mut rows: SendableRecordBatchStream) -> Self {
        let mut first = Vec::new();
        let patience = tokio::time::Instant::now() + PATIENCE;
        while first.len() < AHEAD {
            match tokio::time::timeout_at(patience, rows.next()).await {
                Ok(Some(batch)) => first.push(batch),
                Ok(None) => return Self { first, rest: None },
                Err(_) => break,
            }
        }
        Self { first, rest: Some(rows) }
    }
}

/// Rows that are computed elsewhere.
pub(crate) struct Rows {
    first: std::vec::IntoIter<Result<RecordBatch, DataFusionError>>,
    rest: Option<Rest>,
}

struct Rest {
    receiver: mpsc::Receiver<Result<RecordBatch, DataFusionError>>,
    work: Running<()>,
}

impl Stream for Rows {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(batch) = self.first.next() {
            return Poll::Ready(Some(batch));
        }
        let Some(rest) = self.rest.as_mut() else { return Poll::Ready(None) };
        if let Some(batch) = std::task::ready!(rest.receiver.poll_recv(ctx)) {
            return Poll::Ready(Some(batch));
        }
        // The last row is out, or the work broke off: then its rows are not all there, and that has to be said.
        let ended = std::task::ready!(Pin::new(&mut rest.work).poll(ctx));
        self.rest = None;
        Poll::Ready(ended.err().map(Err))
    }
}
