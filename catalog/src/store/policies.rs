//! Policies written in Cedar, and the texts of all that there are.

use std::sync::Arc;

use sqlx::{query, query_as, query_scalar};

use super::{Catalog, Result, now_ms};
use crate::CatalogError;

/// A policy that somebody wrote, rather than granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRecord {
    /// Its name.
    pub name: Arc<str>,
    /// Its text, in Cedar.
    pub text: String,
    /// Who wrote it.
    pub by: Arc<str>,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub at_ms: i64,
}

/// One policy for the authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// What decisions and the audit call it: `grant:7` or `policy:fraud_night`. No id is used for two policies of
    /// which one was granted.
    pub id: String,
    /// Its text, in Cedar.
    pub text: String,
}

impl Catalog {
    /// Makes a policy. That it is valid is the caller's to see to.
    ///
    /// # Errors
    /// [`CatalogError::PolicyExists`].
    pub async fn create_policy(&self, name: &str, text: &str, by: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        let inserted =
            query("INSERT INTO policy (name, text, created_by, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
                .bind(name)
                .bind(text)
                .bind(by)
                .bind(now_ms())
                .execute(&mut *edit)
                .await?;
        if inserted.rows_affected() == 0 {
            return Err(CatalogError::PolicyExists(name.into()));
        }
        edit.commit().await
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// [`CatalogError::PolicyMissing`].
    pub async fn drop_policy(&self, name: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        let removed = query("DELETE FROM policy WHERE name = ?").bind(name).execute(&mut *edit).await?;
        if removed.rows_affected() == 0 {
            return Err(CatalogError::PolicyMissing(name.into()));
        }
        edit.commit().await
    }

    /// Every policy that somebody wrote, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn policies(&self) -> Result<Vec<PolicyRecord>> {
        let rows: Vec<(String, String, String, i64)> =
            query_as("SELECT name, text, created_by, created_at FROM policy ORDER BY name")
                .fetch_all(self.readers())
                .await?;
        Ok(rows
            .into_iter()
            .map(|(name, text, by, at_ms)| PolicyRecord { name: name.into(), text, by: by.into(), at_ms })
            .collect())
    }

    /// A number that grows whenever a grant or a policy comes or goes, in whatever way; other changes leave it. What
    /// was made of [`Self::policy_texts`] holds as long as this number stays, which is longer than an epoch.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn policy_version(&self) -> Result<u64> {
        let version: i64 = query_scalar("SELECT policies FROM meta").fetch_one(self.readers()).await?;
        Ok(version.unsigned_abs())
    }

    /// Every policy, granted or written, with the epoch at which these were all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn policy_texts(&self) -> Result<(u64, Vec<PolicyText>)> {
        let mut reading = self.begin_read().await?;
        let epoch: i64 = query_scalar("SELECT epoch FROM meta").fetch_one(&mut *reading).await?;
        let rows: Vec<(String, String)> = query_as(
            "SELECT 'grant:' || key, cedar FROM access_grant UNION ALL SELECT 'policy:' || name, text FROM policy",
        )
        .fetch_all(&mut *reading)
        .await?;
        Ok((epoch.unsigned_abs(), rows.into_iter().map(|(id, text)| PolicyText { id, text }).collect()))
    }
}
