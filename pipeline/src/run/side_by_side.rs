//! The stages of a run, side by side where their order allows it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sluice_catalog::{CatalogError, StageRecord};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

use super::attempts::{Work, run_stage};
use crate::{Event, Graph, Skipped, StageFailure, StageResult, StageSummary, graph::Frontier};

/// How many stages run at the same time at most. Each one spreads over the cores by itself; more at once hold more
/// memory and win nothing.
const MOST_AT_ONCE: usize = 4;

/// Runs the stages of `work` in the order of `graph`, and returns what each has come to, in the order of the file.
///
/// When a stage fails, those that run go on to their end and nothing new is started. When the time is over, those
/// that run are stopped.
///
/// # Errors
/// [`CatalogError`] if what happens cannot be recorded. Every stage is stopped then, and the run stays unfinished.
pub(super) async fn run(
    work: &Arc<Work>,
    graph: &Graph,
    records: Vec<StageRecord>,
    timeout: Option<Duration>,
    events: &(dyn Fn(Event) + Send + Sync),
) -> Result<Vec<StageSummary>, CatalogError> {
    let (told, mut heard) = mpsc::unbounded_channel();
    let mut running = Running { work, records, told, tasks: JoinSet::new(), stages: HashMap::new(), events };
    let mut frontier = Frontier::new(graph);
    let mut results = HashMap::new();
    let mut limit = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, MOST_AT_ONCE);
    let deadline = timeout.map(|timeout| (Instant::now() + timeout, timeout));
    let mut timed_out = None;
    loop {
        while running.tasks.len() < limit
            && let Some(stage) = frontier.start()
        {
            running.start(stage);
        }
        if running.tasks.is_empty() {
            break;
        }
        tokio::select! {
            // In this order: however much the stages have to tell, the time is kept.
            biased;
            timeout = expired(deadline), if timed_out.is_none() => {
                timed_out = Some(timeout);
                limit = 0;
                running.tasks.abort_all();
            }
            Some(event) = heard.recv() => events(event),
            Some(ended) = running.tasks.join_next_with_id() => {
                tell_all(&mut heard, events);
                let (stage, summary) = match running.end(ended, timed_out).await {
                    Ok(Some(ended)) => ended,
                    Ok(None) => continue,
                    Err(error) => {
                        running.tasks.shutdown().await;
                        return Err(error);
                    }
                };
                if matches!(summary.result, StageResult::Committed(_)) {
                    frontier.finish(stage);
                } else {
                    limit = 0;
                }
                results.insert(stage, summary);
            }
        }
    }
    Ok(all_results(work, graph, results, events))
}

/// The stages that run, each in a task of its own: so that they use several cores, and a panic in one of them is not
/// a panic in all.
struct Running<'a> {
    work: &'a Arc<Work>,
    records: Vec<StageRecord>,
    told: UnboundedSender<Event>,
    tasks: JoinSet<Result<StageSummary, CatalogError>>,
    stages: HashMap<Id, (usize, std::time::Instant)>,
    events: &'a (dyn Fn(Event) + Send + Sync),
}

impl Running<'_> {
    fn start(&mut self, stage: usize) {
        let record = self.records[stage].clone();
        (self.events)(Event::StageStarted { stage: Arc::clone(&record.name) });
        let task = self.tasks.spawn(run_stage(Arc::clone(self.work), stage, record, self.told.clone()));
        self.stages.insert(task.id(), (stage, std::time::Instant::now()));
    }

    /// What the stage has come to whose task has ended.
    async fn end(
        &mut self,
        ended: Result<(Id, Result<StageSummary, CatalogError>), JoinError>,
        timed_out: Option<Duration>,
    ) -> Result<Option<(usize, StageSummary)>, CatalogError> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some((stage, started)) = self.stages.remove(&id) else { return Ok(None) };
        let summary = match ended {
            Ok((_, summary)) => summary?,
            Err(error) => {
                let name = Arc::clone(&self.records[stage].name);
                self.work.journal.fail_stopped_stage(&name).await?;
                let failure = match timed_out {
                    Some(timeout) if error.is_cancelled() => StageFailure::TimedOut { timeout },
                    _ => StageFailure::BrokeOff,
                };
                let result = StageResult::Failed(Arc::new(failure));
                StageSummary { name, elapsed_ms: super::elapsed_ms(started), result }
            }
        };
        tell_end(&summary, self.events);
        Ok(Some((stage, summary)))
    }
}

/// Waits until the time is over, for ever where there is no limit.
async fn expired(deadline: Option<(Instant, Duration)>) -> Duration {
    match deadline {
        Some((at, timeout)) => {
            tokio::time::sleep_until(at).await;
            timeout
        }
        None => std::future::pending().await,
    }
}

/// Passes on what the tasks have said so far: a stage's own words come before its end.
fn tell_all(heard: &mut UnboundedReceiver<Event>, events: &(dyn Fn(Event) + Send + Sync)) {
    while let Ok(event) = heard.try_recv() {
        events(event);
    }
}

fn tell_end(summary: &StageSummary, events: &(dyn Fn(Event) + Send + Sync)) {
    let stage = Arc::clone(&summary.name);
    events(match &summary.result {
        StageResult::Committed(outcome) => Event::StageFinished {
            stage,
            rows: outcome.rows,
            version: outcome.version,
            elapsed_ms: summary.elapsed_ms,
            already_committed: outcome.already_committed,
        },
        StageResult::Failed(failure) => Event::StageFailed { stage, failure: Arc::clone(failure) },
        StageResult::Skipped(why) => Event::StageSkipped { stage, why: why.clone() },
    });
}

/// `results` with the stages that were not started, in the order of the file.
fn all_results(
    work: &Work,
    graph: &Graph,
    mut results: HashMap<usize, StageSummary>,
    events: &(dyn Fn(Event) + Send + Sync),
) -> Vec<StageSummary> {
    let stages = work.pipeline.stages();
    for &stage in graph.order() {
        if results.contains_key(&stage) {
            continue;
        }
        let failed = graph.needs(stage).filter(|need| match results.get(need).map(|need| &need.result) {
            Some(StageResult::Failed(_) | StageResult::Skipped(Skipped::DependsOn(_))) => true,
            Some(StageResult::Committed(_) | StageResult::Skipped(Skipped::RunEnding)) | None => false,
        });
        let failed: Vec<_> = failed.map(|need| Arc::clone(stages[need].name())).collect();
        let why = if failed.is_empty() { Skipped::RunEnding } else { Skipped::DependsOn(failed) };
        let name = Arc::clone(stages[stage].name());
        let summary = StageSummary { name, elapsed_ms: 0, result: StageResult::Skipped(why) };
        tell_end(&summary, events);
        results.insert(stage, summary);
    }
    let mut results: Vec<_> = results.into_iter().collect();
    results.sort_unstable_by_key(|(stage, _)| *stage);
    results.into_iter().map(|(_, summary)| summary).collect()
}
