//! One stage, tried until it is committed or has failed for good.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sluice_catalog::{CatalogError, StageRecord};
use sluice_engine::{EngineError, Session, StageCommit, StageOutcome};
use tokio::sync::mpsc::UnboundedSender;

use super::{elapsed_ms, journal::Journal};
use crate::{
    Event, Pipeline, StageFailure, StageResult, StageSummary,
    stage::{Planned, Setting},
};

/// The wait before the second attempt; it doubles from attempt to attempt.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// The longest wait between attempts.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// How often a stage tells how many rows it has written.
const PROGRESS_EVERY_MS: u64 = 100;

/// What the tasks of one run share.
pub(super) struct Work {
    pub(super) session: Session,
    pub(super) pipeline: Pipeline,
    pub(super) setting: Setting,
    pub(super) journal: Journal,
}

/// Runs the stage at position `at`, again and again while its failure may pass and the file's retries allow it.
///
/// # Errors
/// [`CatalogError`] if what happens cannot be recorded: then the run stays unfinished and can be taken up again.
pub(super) async fn run_stage(
    work: Arc<Work>,
    at: usize,
    before: StageRecord,
    told: UnboundedSender<Event>,
) -> Result<StageSummary, CatalogError> {
    let started = Instant::now();
    let stage = &work.pipeline.stages()[at];
    let name = stage.name();
    let mut record = before.clone();
    let mut attempt = 0;
    let result = loop {
        attempt += 1;
        record = work.journal.begin_stage(&record).await?;
        let error = match attempt_stage(&work, at, &told).await {
            Ok(mut outcome) => {
                work.journal.commit_stage(&before, record, &outcome).await?;
                if outcome.already_committed {
                    // Known to the attempt that wrote them, and to this one from the record.
                    outcome.rows = before.rows;
                }
                break StageResult::Committed(outcome);
            }
            Err(error) => error,
        };
        if attempt > work.pipeline.header().retries || !error.is_transient() {
            work.journal.fail_stage(record).await?;
            break StageResult::Failed(Arc::new(StageFailure::Engine(error)));
        }
        tell(&told, Event::StageRetried { stage: Arc::clone(name), attempt, error: Arc::new(error) });
        tokio::time::sleep(backoff(attempt)).await;
    };
    Ok(StageSummary { name: Arc::clone(name), elapsed_ms: elapsed_ms(started), result })
}

async fn attempt_stage(work: &Work, at: usize, told: &UnboundedSender<Event>) -> Result<StageOutcome, EngineError> {
    let stage = &work.pipeline.stages()[at];
    let commit = StageCommit { run: work.journal.run().to_string(), stage: stage.name().to_string() };
    let progress = progress(Arc::clone(stage.name()), told.clone());
    // The tables of earlier stages are there by now.
    let planned = Planned::new();
    work.session.run_stage(&stage.in_setting(&work.setting, &planned), &commit, &progress).await
}

/// Tells of rows, of the first batch and then now and then: batches come faster than anybody reads.
fn progress(stage: Arc<str>, told: UnboundedSender<Event>) -> impl Fn(u64) + Send + Sync {
    let (started, next_at_ms) = (Instant::now(), AtomicU64::new(0));
    move |rows| {
        let now_ms = elapsed_ms(started);
        if now_ms >= next_at_ms.load(Ordering::Relaxed) {
            next_at_ms.store(now_ms + PROGRESS_EVERY_MS, Ordering::Relaxed);
            tell(&told, Event::StageProgress { stage: Arc::clone(&stage), rows });
        }
    }
}

fn tell(told: &UnboundedSender<Event>, event: Event) {
    // Nobody listens any more where the run was stopped, and this task with it.
    let _ = told.send(event);
}

/// The wait after the failure of `attempt`, which counts from one.
fn backoff(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    FIRST_BACKOFF.saturating_mul(1 << doublings).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_limit() {
        let waits: Vec<_> = [1, 2, 3, 8, 9, 100].into_iter().map(|attempt| backoff(attempt).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 25_600, 30_000, 30_000]);
    }
}
