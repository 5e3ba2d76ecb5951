//! Pipelines that the scheduler knows.

use std::sync::Arc;

use sluice_model::Domain;
use sqlx::{FromRow, query, query_as};

use super::{Catalog, Result};
use crate::CatalogError;

/// A pipeline with its schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineRecord {
    /// Its name.
    pub name: Arc<str>,
    /// The principal that it runs as.
    pub owner: Arc<str>,
    /// The domain that it runs in.
    pub domain: Domain,
    /// When it runs, as a cron expression; `None` for only when asked to.
    pub cron: Option<Arc<str>>,
    /// The IANA time zone in which the cron expression is meant.
    pub time_zone: Option<Arc<str>>,
    /// The digest of the file, in hexadecimal.
    pub digest: String,
    /// The text of the file.
    pub text: String,
}

#[derive(FromRow)]
struct Row {
    name: String,
    owner: String,
    domain: String,
    cron: Option<String>,
    time_zone: Option<String>,
    digest: String,
    text: String,
}

impl TryFrom<Row> for PipelineRecord {
    type Error = CatalogError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            name: row.name.into(),
            owner: row.owner.into(),
            domain: row.domain.parse().map_err(|_| CatalogError::Malformed("pipeline"))?,
            cron: row.cron.map(Arc::from),
            time_zone: row.time_zone.map(Arc::from),
            digest: row.digest,
            text: row.text,
        })
    }
}

impl Catalog {
    /// Records a pipeline, in place of an earlier one of the same name.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_pipeline(&self, pipeline: &PipelineRecord) -> Result<()> {
        let mut edit = self.edit().await?;
        query(
            "INSERT OR REPLACE INTO pipeline (name, owner, domain, cron, time_zone, digest, text)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&*pipeline.name)
        .bind(&*pipeline.owner)
        .bind(pipeline.domain.as_str())
        .bind(pipeline.cron.as_deref())
        .bind(pipeline.time_zone.as_deref())
        .bind(&pipeline.digest)
        .bind(&pipeline.text)
        .execute(&mut *edit)
        .await?;
        edit.commit().await
    }

    /// Every pipeline on record, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn pipelines(&self) -> Result<Vec<PipelineRecord>> {
        let rows: Vec<Row> =
            query_as("SELECT name, owner, domain, cron, time_zone, digest, text FROM pipeline ORDER BY name")
                .fetch_all(self.readers())
                .await?;
        rows.into_iter().map(PipelineRecord::try_from).collect()
    }

    /// The pipeline `name`, if it is on record.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn pipeline(&self, name: &str) -> Result<Option<PipelineRecord>> {
        let row: Option<Row> =
            query_as("SELECT name, owner, domain, cron, time_zone, digest, text FROM pipeline WHERE name = ?")
                .bind(name)
                .fetch_optional(self.readers())
                .await?;
        row.map(PipelineRecord::try_from).transpose()
    }
}
