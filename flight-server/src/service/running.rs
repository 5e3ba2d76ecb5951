//! Running statements within their limits.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use datafusion::error::DataFusionError;
use futures::{FutureExt, Stream, StreamExt, stream, stream::BoxStream};
use sluice_engine::{EngineError, Outcome, Session};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;

use super::{Caller, Core};
use crate::{
    executor::{self, Begun, Depth},
    limits::{ByteBudget, Permit},
    metrics::{Stage, StatementKind, StatementOutcome},
    status,
    wire::{Columns, IpcMessage, Messages, Sending},
};

/// A statement that may run. What it computes ends when this is dropped.
pub(super) struct Turn {
    /// Shared with the work: what still computes counts, whether or not anybody waits for it.
    permit: Arc<Permit>,
    deadline: Instant,
    kind: StatementKind,
    depth: Depth,
    over: CancellationToken,
    _ends: DropGuard,
}

impl Turn {
    /// The caller's session for the statement.
    pub(super) fn session(&self, caller: &Caller) -> Result<Session, Status> {
        let mut session = caller.session()?;
        session.cancelled_by(self.over.clone());
        Ok(session)
    }
}

impl Core {
    /// Waits for the turn of one of `caller`'s statements.
    pub(super) async fn turn(&self, caller: &Caller, kind: StatementKind, depth: Depth) -> Result<Turn, Status> {
        let waiting = tracing::info_span!("queue");
        let admitted = tracing::Instrument::instrument(self.limiter.admit(&caller.identity.principal), waiting).await;
        let permit = admitted.map_err(|refused| {
            self.metrics.statement(kind, StatementOutcome::Exhausted);
            status::of_refused(&refused)
        })?;
        let over = CancellationToken::new();
        Ok(Turn {
            permit: Arc::new(permit),
            deadline: Instant::now() + self.limits.statement_timeout(),
            kind,
            depth,
            _ends: over.clone().drop_guard(),
            over,
        })
    }

    /// Does `work` in its turn, for no longer than a statement may take, and until somebody cancels it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        turn: &Turn,
        stage: Stage,
        cancel: &CancellationToken,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, Status> {
        let permit = Arc::clone(&turn.permit);
        // The future of a statement is large and changes hands several times before it runs: only its box does.
        let work = Box::pin(work);
        let work = async move {
            let _permit = permit;
            work.await
        };
        let work = self.executor.run(turn.depth, tracing::Instrument::in_current_span(work));
        self.ended(turn, stage, cancel, work).await
    }

    /// As [`Self::run`], of `work` that is over at once, within the call itself.
    pub(super) async fn run_here<T>(
        &self,
        turn: &Turn,
        stage: Stage,
        cancel: &CancellationToken,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, Status> {
        self.ended(turn, stage, cancel, executor::run_here(work)).await
    }

    /// What `work` comes to in its turn.
    async fn ended<T>(
        &self,
        turn: &Turn,
        stage: Stage,
        cancel: &CancellationToken,
        work: impl Future<Output = Result<Result<T, EngineError>, DataFusionError>>,
    ) -> Result<T, Status> {
        let started = Instant::now();
        let result = tokio::select! {
            done = tokio::time::timeout_at(turn.deadline, work) => match done {
                Ok(Ok(result)) => result.map_err(|error| status::of(&error)),
                Ok(Err(broken)) => Err(status::of(&EngineError::from_stream(broken))),
                Err(_) => Err(crate::limits::Interrupted::TimedOut.into()),
            },
            () = cancel.cancelled() => Err(status::cancelled()),
        };
        self.metrics.observe(stage, started.elapsed());
        if let Err(status) = &result {
            self.metrics.statement(turn.kind, outcome(status));
        }
        result
    }

    /// Looks for what is there already, within the call itself: it takes less than a way to another thread and back. Whatever
    /// goes wrong is as if nothing was found.
    pub(super) async fn look<T>(&self, turn: &Turn, stage: Stage, look: impl Future<Output = Option<T>>) -> Option<T> {
        let started = Instant::now();
        let look = AssertUnwindSafe(look).catch_unwind();
        let found = tokio::time::timeout_at(turn.deadline, look).await.ok()?.ok()??;
        self.metrics.observe(stage, started.elapsed());
        Some(found)
    }

    /// Sends the rows of `outcome`. The turn ends with the last of them, or when nobody reads on.
    pub(super) fn send(
        &self,
        turn: Turn,
        cancel: &CancellationToken,
        columns: &Columns,
        rows: Begun,
    ) -> BoxStream<'static, Result<IpcMessage, Status>> {
        let sending = Sending {
            metrics: self.metrics.clone(),
            budget: ByteBudget::new(self.limits.max_result_bytes()),
            most_message_bytes: self.limits.max_message_bytes(),
        };
        let rows = self.executor.stream(turn.depth, rows, Arc::clone(&turn.permit));
        let messages = match Messages::new(rows, columns, sending) {
            Ok(messages) => messages.take_until(Box::pin(cancel.clone().cancelled_owned())).boxed(),
            Err(status) => stream::iter([Err(status)]).boxed(),
        };
        let deadline = turn.deadline;
        let sent = Sent {
            messages,
            cancel: cancel.clone(),
            metrics: self.metrics.clone(),
            started: Instant::now(),
            outcome: None,
            span: tracing::info_span!("stream"),
            turn,
        };
        self.sweeper.watch(sent, deadline).boxed()
    }

    /// A statement came to its end without rows.
    pub(super) fn finished(&self, turn: Turn) {
        self.metrics.statement(turn.kind, StatementOutcome::Done);
    }
}

/// What a call counts as.
pub(super) fn outcome(status: &Status) -> StatementOutcome {
    match status.code() {
        tonic::Code::PermissionDenied => StatementOutcome::Denied,
        tonic::Code::Cancelled => StatementOutcome::Cancelled,
        tonic::Code::ResourceExhausted | tonic::Code::DeadlineExceeded => StatementOutcome::Exhausted,
        tonic::Code::Unimplemented => StatementOutcome::Unimplemented,
        tonic::Code::Unavailable => StatementOutcome::Unavailable,
        tonic::Code::Internal => StatementOutcome::Bug,
        _ => StatementOutcome::Invalid,
    }
}

/// How many rows an outcome changed; −1 where that is withheld.
pub(super) fn affected(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Done { affected: Some(rows), .. } => i64::try_from(*rows).unwrap_or(i64::MAX),
        Outcome::Done { affected: None, .. } | Outcome::Rows { .. } => -1,
    }
}

/// Rows on their way, with the turn that they hold.
struct Sent {
    messages: BoxStream<'static, Result<IpcMessage, Status>>,
    cancel: CancellationToken,
    metrics: crate::metrics::Metrics,
    started: Instant,
    outcome: Option<StatementOutcome>,
    span: tracing::Span,
    turn: Turn,
}

impl Stream for Sent {
    type Item = Result<IpcMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.outcome.is_some() {
            return Poll::Ready(None);
        }
        let span = self.span.clone();
        let polled = span.in_scope(|| self.messages.as_mut().poll_next(ctx));
        match &polled {
            Poll::Ready(Some(Err(status))) => self.outcome = Some(outcome(status)),
            Poll::Ready(None) if self.cancel.is_cancelled() => {
                self.outcome = Some(StatementOutcome::Cancelled);
                return Poll::Ready(Some(Err(status::cancelled())));
            }
            Poll::Ready(None) => self.outcome = Some(StatementOutcome::Done),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.metrics.observe(Stage::Stream, self.started.elapsed());
        // Whoever went away before the end cancelled.
        self.metrics.statement(self.turn.kind, self.outcome.unwrap_or(StatementOutcome::Cancelled));
    }
}
