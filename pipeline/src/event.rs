//! What is told while a pipeline runs.

use std::sync::Arc;

use sluice_engine::EngineError;

use crate::{Skipped, StageFailure};

/// What is told while a pipeline runs, as it happens. Every stage is started at most once, and then either finishes
/// or fails; a stage that is not started is skipped.
#[derive(Debug, Clone)]
pub enum Event {
    /// Another run of the pipeline is going on, and this one waits for it to end.
    Waiting {
        /// The pipeline.
        pipeline: Arc<str>,
    },
    /// Every stage was checked, and the run begins.
    RunStarted {
        /// The run's id.
        run: Arc<str>,
        /// The stages, in the order of the file.
        stages: Vec<Arc<str>>,
        /// Whether the run had been begun before and not ended.
        resumed: bool,
    },
    /// A stage begins.
    StageStarted {
        /// The stage.
        stage: Arc<str>,
    },
    /// A stage has written rows. Not told of every batch, and never where the number is withheld.
    StageProgress {
        /// The stage.
        stage: Arc<str>,
        /// How many rows it has written so far.
        rows: u64,
    },
    /// A stage failed in a way that may pass, and will be tried again.
    StageRetried {
        /// The stage.
        stage: Arc<str>,
        /// Which attempt of this run failed, counting from one.
        attempt: u32,
        /// Why.
        error: Arc<EngineError>,
    },
    /// A stage's table is written.
    StageFinished {
        /// The stage.
        stage: Arc<str>,
        /// How many rows were written; `None` where that is withheld, or an earlier attempt did not come to record it.
        rows: Option<u64>,
        /// The table's version.
        version: u64,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
        /// Whether an earlier attempt at the run had written the table already.
        already_committed: bool,
    },
    /// A stage has failed for good.
    StageFailed {
        /// The stage.
        stage: Arc<str>,
        /// Why.
        failure: Arc<StageFailure>,
    },
    /// A stage will not be started.
    StageSkipped {
        /// The stage.
        stage: Arc<str>,
        /// Why.
        why: Skipped,
    },
}
