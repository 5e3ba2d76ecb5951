//! Runs of pipelines, stage by stage.

use serde_json::Value;
use sqlx::{query, query_as, query_scalar};

use super::{
    Catalog, Result, RunRecord, RunStatus, StageRecord, now_ms,
    run_records::{RunRow, StageRow},
    stored,
};
use crate::CatalogError;

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
