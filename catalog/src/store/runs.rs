//! Runs of pipelines, stage by stage.

use std::sync::Arc;

use serde_json::Value;
use sluice_model::Domain;
use sqlx::{FromRow, query, query_as, query_scalar};

use super::{Catalog, Result, now_ms, stored};
use crate::CatalogError;

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// It has begun and not ended; also of a run whose process died.
    Running,
    /// Every stage is done.
    Succeeded,
    /// Some stage failed.
    Failed,
}

impl RunStatus {
    /// The word used in answers and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The status that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Succeeded, Self::Failed].into_iter().find(|status| status.as_str() == word)
    }
}

/// How far a stage has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StageStatus {
    /// It has not begun.
    Pending,
    /// It has begun and not ended.
    Running,
    /// Its table is written.
    Committed,
    /// Its table was as it had to be already.
    Skipped,
    /// It has failed.
    Failed,
}

impl StageStatus {
    const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Committed, Self::Skipped, Self::Failed];

    /// The word used in answers and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Committed => "committed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    /// The status that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// One run of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Its id, unique among all runs.
    pub id: Arc<str>,
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The digest of the pipeline's file, in hexadecimal.
    pub digest: String,
    /// The values of its parameters.
    pub params: Value,
    /// The principal that it runs as.
    pub principal: Arc<str>,
    /// The domain that it runs in.
    pub domain: Domain,
    /// How far it has come.
    pub status: RunStatus,
    /// When it began, in milliseconds since 1970 (UTC).
    pub started_at_ms: i64,
    /// When it ended, in milliseconds since 1970 (UTC).
    pub ended_at_ms: Option<i64>,
}

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRecord {
    /// Its name, unique within the run.
    pub name: Arc<str>,
    /// How far it has come.
    pub status: StageStatus,
    /// How often it has been begun.
    pub attempt: u32,
    /// How many rows it wrote.
    pub rows: Option<u64>,
    /// The Delta version that it wrote.
    pub version: Option<u64>,
    /// When its last attempt began, in milliseconds since 1970 (UTC).
    pub started_at_ms: Option<i64>,
    /// When its last attempt ended, in milliseconds since 1970 (UTC).
    pub ended_at_ms: Option<i64>,
    /// Whether what it tells about the data is to be kept from those who may only process them.
    pub withheld: bool,
}

impl StageRecord {
    /// A stage that has not begun.
    pub fn pending(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            status: StageStatus::Pending,
            attempt: 0,
            rows: None,
            version: None,
            started_at_ms: None,
            ended_at_ms: None,
            withheld: false,
        }
    }
}

#[derive(FromRow)]
struct RunRow {
    id: String,
    pipeline: String,
    digest: String,
    params: String,
    principal: String,
    domain: String,
    status: String,
    started_at: i64,
    ended_at: Option<i64>,
}

impl TryFrom<RunRow> for RunRecord {
    type Error = CatalogError;

    fn try_from(row: RunRow) -> Result<Self> {
        let malformed = || CatalogError::Malformed("run");
        Ok(Self {
            id: row.id.into(),
            pipeline: row.pipeline.into(),
            digest: row.digest,
            params: serde_json::from_str(&row.params).map_err(|_| malformed())?,
            principal: row.principal.into(),
            domain: row.domain.parse().map_err(|_| malformed())?,
            status: RunStatus::parse(&row.status).ok_or_else(malformed)?,
            started_at_ms: row.started_at,
            ended_at_ms: row.ended_at,
        })
    }
}

#[derive(FromRow)]
struct StageRow {
    name: String,
    status: String,
    attempt: u32,
    rows: Option<i64>,
    version: Option<i64>,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    withheld: bool,
}

impl TryFrom<StageRow> for StageRecord {
    type Error = CatalogError;

    fn try_from(row: StageRow) -> Result<Self> {
        Ok(Self {
            name: row.name.into(),
            status: StageStatus::parse(&row.status).ok_or(CatalogError::Malformed("stage"))?,
            attempt: row.attempt,
            rows: row.rows.map(i64::unsigned_abs),
            version: row.version.map(i64::unsigned_abs),
            started_at_ms: row.started_at,
            ended_at_ms: row.ended_at,
            withheld: row.withheld,
        })
    }
}

impl Catalog {
    /// Records that a run begins, with its stages in the order in which they are to be shown.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn start_run(&self, run: &RunRecord, stages: &[StageRecord]) -> Result<()> {
        let mut edit = self.journal().await?;
        let inserted = query(
            "INSERT INTO run (id, pipeline, digest, params, principal, domain, status, started_at, ended_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&*run.id)
        .bind(&*run.pipeline)
        .bind(&run.digest)
        .bind(run.params.to_string())
        .bind(&*run.principal)
        .bind(run.domain.as_str())
        .bind(run.status.as_str())
        .bind(run.started_at_ms)
        .bind(run.ended_at_ms)
        .execute(&mut *edit)
        .await?;
        for (position, stage) in (0_i64..).zip(stages) {
            query(
                "INSERT INTO run_stage
                    (run_key, position, name, status, attempt, rows, version, started_at, ended_at, withheld)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(inserted.last_insert_rowid())
            .bind(position)
            .bind(&*stage.name)
            .bind(stage.status.as_str())
            .bind(stage.attempt)
            .bind(stage.rows.map(stored))
            .bind(stage.version.map(stored))
            .bind(stage.started_at_ms)
            .bind(stage.ended_at_ms)
            .bind(stage.withheld)
            .execute(&mut *edit)
            .await?;
        }
        edit.commit().await
    }

    /// Records how far a stage has come.
    ///
    /// # Errors
    /// [`CatalogError::RunMissing`] if the run has no stage of that name.
    pub async fn put_stage(&self, run: &str, stage: &StageRecord) -> Result<()> {
        let mut edit = self.journal().await?;
        let updated = query(
            "UPDATE run_stage
             SET status = ?, attempt = ?, rows = ?, version = ?, started_at = ?, ended_at = ?, withheld = ?
             WHERE run_key = (SELECT key FROM run WHERE id = ?) AND name = ?",
        )
        .bind(stage.status.as_str())
        .bind(stage.attempt)
        .bind(stage.rows.map(stored))
        .bind(stage.version.map(stored))
        .bind(stage.started_at_ms)
        .bind(stage.ended_at_ms)
        .bind(stage.withheld)
        .bind(run)
        .bind(&*stage.name)
        .execute(&mut *edit)
        .await?;
        if updated.rows_affected() == 0 {
            return Err(CatalogError::RunMissing(stage.name.clone()));
        }
        edit.commit().await
    }

    /// Records that a run ends.
    ///
    /// # Errors
    /// [`CatalogError::RunMissing`].
    pub async fn finish_run(&self, run: &str, status: RunStatus) -> Result<()> {
        let mut edit = self.journal().await?;
        let updated = query("UPDATE run SET status = ?, ended_at = ? WHERE id = ?")
            .bind(status.as_str())
            .bind(now_ms())
            .bind(run)
            .execute(&mut *edit)
            .await?;
        if updated.rows_affected() == 0 {
            return Err(CatalogError::RunMissing(run.into()));
        }
        edit.commit().await
    }

    /// The last `limit` runs, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>> {
        let rows: Vec<RunRow> = query_as(
            "SELECT id, pipeline, digest, params, principal, domain, status, started_at, ended_at
             FROM run ORDER BY key DESC LIMIT ?",
        )
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(RunRecord::try_from).collect()
    }

    /// The run `id` with its stages, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn run(&self, id: &str) -> Result<Option<(RunRecord, Vec<StageRecord>)>> {
        let mut reading = self.begin_read().await?;
        let run: Option<RunRow> = query_as(
            "SELECT id, pipeline, digest, params, principal, domain, status, started_at, ended_at
             FROM run WHERE id = ?",
        )
        .bind(id)
        .fetch_optional(&mut *reading)
        .await?;
        let Some(run) = run else { return Ok(None) };
        let stages: Vec<StageRow> = query_as(
            "SELECT name, status, attempt, rows, version, started_at, ended_at, withheld
             FROM run_stage WHERE run_key = (SELECT key FROM run WHERE id = ?) ORDER BY position",
        )
        .bind(id)
        .fetch_all(&mut *reading)
        .await?;
        Ok(Some((run.try_into()?, stages.into_iter().map(StageRecord::try_from).collect::<Result<_>>()?)))
    }

    /// The newest run of the same file with the same parameters by the same principal that has not ended: one that
    /// goes on in another process, or whose process died and which can be taken up again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unfinished_run(
        &self,
        pipeline: &str,
        digest: &str,
        params: &Value,
        principal: &str,
    ) -> Result<Option<RunRecord>> {
        let id: Option<String> = query_scalar(
            "SELECT id FROM run WHERE status = 'running' AND pipeline = ? AND digest = ? AND params = ?
             AND principal = ? ORDER BY key DESC LIMIT 1",
        )
        .bind(pipeline)
        .bind(digest)
        .bind(params.to_string())
        .bind(principal)
        .fetch_optional(self.readers())
        .await?;
        match id {
            Some(id) => Ok(self.run(&id).await?.map(|(run, _)| run)),
            None => Ok(None),
        }
    }
}
