//! A run on record: what is needed to take it up again, and to tell of it later.

use std::sync::Arc;

use serde_json::Value;
use sluice_catalog::{Catalog, CatalogError, RunRecord, RunStatus, StageRecord, StageStatus};
use sluice_engine::{Session, StageOutcome};
use uuid::Uuid;

use crate::{Arguments, Pipeline};

/// For how long after its beginning an unfinished run is taken up. What it had committed is not run again, so an
/// older one would mix tables of different days.
const TAKEN_UP_WITHIN_MS: i64 = 24 * 60 * 60 * 1_000;

/// A run that is going on, on record.
#[derive(Debug)]
pub(super) struct Journal {
    catalog: Catalog,
    run: Arc<str>,
    resumed: bool,
}

impl Journal {
    /// Takes up the unfinished run of the same file with the same arguments by the same principal, else begins one.
    /// Returns its stages as they stand on record, in the order of the file.
    ///
    /// INVARIANT: the caller holds the pipeline's lock, so an unfinished run is nobody's.
    pub(super) async fn begin(
        session: &Session,
        pipeline: &Pipeline,
        arguments: &Arguments,
    ) -> Result<(Self, Vec<StageRecord>), CatalogError> {
        let catalog = session.engine().catalog().clone();
        let digest = pipeline.digest().to_string();
        let params = Value::Object(arguments.record().clone());
        let principal = &session.subject().principal.name;
        if let Some(run) = catalog.unfinished_run(pipeline.name(), &digest, &params, principal).await?
            && let Some((run, stages)) = catalog.run(&run.id).await?
        {
            if now_ms() - run.started_at_ms <= TAKEN_UP_WITHIN_MS {
                return Ok((Self { catalog, run: run.id, resumed: true }, stages));
            }
            catalog.finish_run(&run.id, RunStatus::Failed).await?;
        }
        let run = RunRecord {
            id: Uuid::now_v7().to_string().into(),
            pipeline: Arc::clone(pipeline.name()),
            digest,
            params,
            principal: Arc::clone(principal),
            domain: session.subject().domain,
            status: RunStatus::Running,
            started_at_ms: now_ms(),
            ended_at_ms: None,
        };
        let stages: Vec<_> =
            pipeline.stages().iter().map(|stage| StageRecord::pending(Arc::clone(stage.name()))).collect();
        catalog.start_run(&run, &stages).await?;
        Ok((Self { catalog, run: run.id, resumed: false }, stages))
    }

    /// The run's id.
    pub(super) fn run(&self) -> &Arc<str> {
        &self.run
    }

    /// Whether the run had been begun before.
    pub(super) fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Records that a stage is begun once more, and returns the record.
    pub(super) async fn begin_stage(&self, before: &StageRecord) -> Result<StageRecord, CatalogError> {
        let record = StageRecord {
            status: StageStatus::Running,
            attempt: before.attempt + 1,
            started_at_ms: Some(now_ms()),
            ended_at_ms: None,
            ..StageRecord::pending(Arc::clone(&before.name))
        };
        self.catalog.put_stage(&self.run, &record).await?;
        Ok(record)
    }

    /// Records what a stage has done. Where an attempt before this process had committed it, what that attempt has
    /// recorded, in `before`, stays.
    pub(super) async fn commit_stage(
        &self,
        before: &StageRecord,
        record: StageRecord,
        outcome: &StageOutcome,
    ) -> Result<(), CatalogError> {
        let record = if outcome.already_committed && before.status == StageStatus::Committed {
            StageRecord { attempt: record.attempt, ..before.clone() }
        } else {
            StageRecord {
                status: if outcome.already_committed { StageStatus::Skipped } else { StageStatus::Committed },
                rows: outcome.rows,
                version: Some(outcome.version),
                withheld: outcome.rows.is_none(),
                ended_at_ms: Some(now_ms()),
                ..record
            }
        };
        self.catalog.put_stage(&self.run, &record).await
    }

    /// Records that a stage has failed.
    pub(super) async fn fail_stage(&self, record: StageRecord) -> Result<(), CatalogError> {
        let record = StageRecord { status: StageStatus::Failed, ended_at_ms: Some(now_ms()), ..record };
        self.catalog.put_stage(&self.run, &record).await
    }

    /// Records that a stage, which was stopped wherever it was, has failed.
    pub(super) async fn fail_stopped_stage(&self, name: &str) -> Result<(), CatalogError> {
        let Some((_, stages)) = self.catalog.run(&self.run).await? else { return Ok(()) };
        match stages.into_iter().find(|stage| *stage.name == *name) {
            Some(stage) => self.fail_stage(stage).await,
            None => Ok(()),
        }
    }

    /// Records that the run is over.
    pub(super) async fn end(&self, status: RunStatus) -> Result<(), CatalogError> {
        self.catalog.finish_run(&self.run, status).await
    }
}

/// Milliseconds since 1970 (UTC).
fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
