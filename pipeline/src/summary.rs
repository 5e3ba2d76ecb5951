//! What a run has come to.

use std::sync::Arc;

use sluice_engine::StageOutcome;

use crate::StageFailure;

/// What a run has come to.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The run's id.
    pub run: Arc<str>,
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// How long it took from the first stage on, in milliseconds.
    pub elapsed_ms: u64,
    /// Its stages, in the order of the file.
    pub stages: Vec<StageSummary>,
}

/// What a stage has come to.
#[derive(Debug, Clone)]
pub struct StageSummary {
    /// The stage.
    pub name: Arc<str>,
    /// How long it took with all its attempts, in milliseconds; zero if it was not started.
    pub elapsed_ms: u64,
    /// What it has come to.
    pub result: StageResult,
}

/// What a stage has come to.
#[derive(Debug, Clone)]
pub enum StageResult {
    /// Its table is written.
    Committed(StageOutcome),
    /// It failed, and its table is as it was.
    Failed(Arc<StageFailure>),
    /// It was not started, and its table is as it was.
    Skipped(Skipped),
}

/// Why a stage was not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skipped {
    /// What it needs was not written.
    DependsOn(Vec<Arc<str>>),
    /// Another stage had failed or the time was over, and nothing new is started then.
    RunEnding,
}

impl Summary {
    /// Whether every stage's table is written.
    pub fn is_ok(&self) -> bool {
        self.stages.iter().all(|stage| matches!(stage.result, StageResult::Committed(_)))
    }

    /// The stages that failed, each with why.
    pub fn failures(&self) -> impl Iterator<Item = (&Arc<str>, &StageFailure)> {
        self.stages.iter().filter_map(|stage| match &stage.result {
            StageResult::Failed(failure) => Some((&stage.name, failure.as_ref())),
            StageResult::Committed(_) | StageResult::Skipped(_) => None,
        })
    }
}
