//! Approvals of tables for experiments, and of pipeline files for production.

use std::sync::Arc;

use sluice_model::Digest;
use sqlx::{query, query_as, query_scalar};

use super::{Catalog, Change, Result, now_ms, tables::held};
use crate::ObjectId;

/// A change to whether experiments may read a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperimentApproval {
    /// When, in milliseconds since 1970 (UTC).
    pub at_ms: i64,
    /// By whom.
    pub by: Arc<str>,
    /// Why, if a reason was given.
    pub why: Option<Arc<str>>,
    /// Whether they may from then on.
    pub approved: bool,
}

impl Catalog {
    /// Lets experiments read a production table, or no longer.
    ///
    /// # Errors
    /// [`crate::CatalogError::TableDropped`].
    pub async fn approve_for_experiment(&self, id: &ObjectId, approved: bool, change: &Change<'_>) -> Result<()> {
        let mut edit = self.edit().await?;
        let row = held(&mut edit, id).await?;
        query("UPDATE relation SET approved = ? WHERE key = ?")
            .bind(approved)
            .bind(row.key)
            .execute(&mut *edit)
            .await?;
        query("INSERT INTO approval_change (at, by, why, approved, relation_id) VALUES (?, ?, ?, ?, ?)")
            .bind(now_ms())
            .bind(change.by)
            .bind(change.why)
            .bind(approved)
            .bind(id.as_str())
            .execute(&mut *edit)
            .await?;
        edit.commit().await
    }

    /// Every approval of a table for experiments and its withdrawals, oldest first. It outlives the table.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn experiment_approvals(&self, id: &ObjectId) -> Result<Vec<ExperimentApproval>> {
        let rows: Vec<(i64, String, Option<String>, bool)> =
            query_as("SELECT at, by, why, approved FROM approval_change WHERE relation_id = ? ORDER BY key")
                .bind(id.as_str())
                .fetch_all(self.readers())
                .await?;
        Ok(rows
            .into_iter()
            .map(|(at_ms, by, why, approved)| ExperimentApproval {
                at_ms,
                by: by.into(),
                why: why.map(Arc::from),
                approved,
            })
            .collect())
    }

    /// Lets the pipeline file with the digest `digest` write to production. Approving it again changes nothing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn approve_pipeline(&self, digest: &Digest, pipeline: &str, by: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        query(
            "INSERT INTO pipeline_approval (digest, pipeline, approved_by, approved_at) VALUES (?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(digest.to_string())
        .bind(pipeline)
        .bind(by)
        .bind(now_ms())
        .execute(&mut *edit)
        .await?;
        edit.commit().await
    }

    /// Whether the pipeline file with the digest `digest` may write to production.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_approved(&self, digest: &Digest) -> Result<bool> {
        Ok(query_scalar("SELECT EXISTS (SELECT 1 FROM pipeline_approval WHERE digest = ?)")
            .bind(digest.to_string())
            .fetch_one(self.readers())
            .await?)
    }
}
