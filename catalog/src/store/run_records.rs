//! Runs and their stages as they are told to the catalog, and as its rows tell of them.

use std::sync::Arc;

use serde_json::Value;
use sluice_model::Domain;
use sqlx::FromRow;

use super::Result;
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

/// A row of `run`.
#[derive(FromRow)]
pub(super) struct RunRow {
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

/// A row of `run_stage`.
#[derive(FromRow)]
pub(super) struct StageRow {
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
