//! Running statements within their limits.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use arrow_flight::FlightData;
use futures::{Stream, StreamExt, stream::BoxStream};
use sluice_engine::{EngineError, Outcome};
use tokio::{sync::watch, time::Instant};
use tonic::Status;

use super::{Caller, Core};
use crate::{
    limits::{ByteBudget, Permit},
    metrics::{Stage, StatementKind, StatementOutcome},
    status,
    wire::{Sending, encode},
};

/// Ends what runs under a handle.
#[derive(Debug, Clone)]
pub(crate) struct Cancel(watch::Sender<bool>);

impl Default for Cancel {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancel {
    pub(crate) fn cancel(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when somebody cancels.
    pub(super) async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as this, so the wait ends by a cancellation only.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}

/// A statement that may run.
pub(super) struct Turn {
    /// Shared with the work: what still computes counts, whether or not anybody waits for it.
    permit: Arc<Permit>,
    deadline: Instant,
    kind: StatementKind,
}

impl Core {
    /// Waits for the turn of one of `caller`'s statements.
    pub(super) async fn turn(&self, caller: &Caller, kind: StatementKind) -> Result<Turn, Status> {
        let waiting = tracing::info_span!("queue");
        let admitted = tracing::Instrument::instrument(self.limiter.admit(&caller.identity.principal), waiting).await;
        let permit = admitted.map_err(|refused| {
            self.metrics.statement(kind, StatementOutcome::Exhausted);
            status::of_refused(&refused)
        })?;
        Ok(Turn { permit: Arc::new(permit), deadline: Instant::now() + self.limits.statement_timeout(), kind })
    }

    /// Does `work` in its turn, for no longer than a statement may take, and until somebody cancels it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        turn: &Turn,
        stage: Stage,
        cancel: &Cancel,
        work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, Status> {
        let started = Instant::now();
        let permit = Arc::clone(&turn.permit);
        let work = async move {
            let _permit = permit;
            work.await
        };
        let work = self.executor.run(tracing::Instrument::in_current_span(work));
        let result = tokio::select! {
            done = tokio::time::timeout_at(turn.deadline, work) => match done {
                Ok(Ok(result)) => result.map_err(|error| status::of(&error)),
                Ok(Err(_)) => Err(status::internal("the statement broke off")),
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

    /// Sends the rows of `outcome`. The turn ends with the last of them, or when nobody reads on.
    pub(super) fn send(
        &self,
        turn: Turn,
        cancel: &Cancel,
        schema: arrow::datatypes::SchemaRef,
        rows: datafusion::execution::SendableRecordBatchStream,
    ) -> BoxStream<'static, Result<FlightData, Status>> {
        let sending = Sending {
            metrics: self.metrics.clone(),
            budget: ByteBudget::new(self.limits.max_result_bytes()),
            most_message_bytes: self.limits.max_message_bytes(),
        };
        let cancelled = {
            let cancel = cancel.clone();
            async move { cancel.cancelled().await }
        };
        let data = encode(schema, self.executor.stream(rows, Arc::clone(&turn.permit)), sending)
            .take_until(Box::pin(cancelled));
        let sent = Sent {
            data: data.boxed(),
            cancel: cancel.clone(),
            metrics: self.metrics.clone(),
            kind: turn.kind,
            started: Instant::now(),
            outcome: None,
            _permit: turn.permit,
        };
        self.sweeper.watch(sent, turn.deadline).boxed()
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
    data: BoxStream<'static, Result<FlightData, Status>>,
    cancel: Cancel,
    metrics: crate::metrics::Metrics,
    kind: StatementKind,
    started: Instant,
    outcome: Option<StatementOutcome>,
    _permit: Arc<Permit>,
}

impl Stream for Sent {
    type Item = Result<FlightData, Status>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.outcome.is_some() {
            return Poll::Ready(None);
        }
        let polled = self.data.as_mut().poll_next(ctx);
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
        self.metrics.statement(self.kind, self.outcome.unwrap_or(StatementOutcome::Cancelled));
    }
}
