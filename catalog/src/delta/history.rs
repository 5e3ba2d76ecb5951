//! What has been done to a table.

use serde_json::Value;
use url::Url;

use crate::{StorageError, sources::DeltaLog};

/// One version of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// The version.
    pub version: u64,
    /// When it was committed, in milliseconds since 1970 (UTC).
    pub at_ms: i64,
    /// What was done.
    pub operation: String,
    /// How many rows were written, if the writer says so. Released like data.
    pub rows: Option<u64>,
    /// The numbers under which applications committed it.
    pub transactions: Vec<(String, i64)>,
    /// Everything that the commit says about itself.
    pub info: Value,
}

/// The versions of the table at `location` whose commits are there, newest first.
///
/// # Errors
/// [`StorageError::NotDelta`], and when the log cannot be read.
pub async fn history(location: &Url) -> Result<Vec<HistoryRow>, StorageError> {
    let log = DeltaLog::at(location)?;
    let entries = log.list().await?;
    let mut rows = Vec::new();
    for version in entries.versions().rev() {
        let mut info = Value::Null;
        let mut transactions = Vec::new();
        for mut action in log.actions(version).await? {
            if let Some(said) = action.get_mut("commitInfo") {
                info = said.take();
            } else if let Some((app_id, number)) = action.get("txn").and_then(transaction) {
                transactions.push((app_id, number));
            }
        }
        let operation = info["operation"].as_str().unwrap_or_default().to_owned();
        let metric = &info["operationMetrics"]["numOutputRows"];
        // Some writers put every metric into a string.
        let written = metric.as_u64().or_else(|| metric.as_str()?.parse().ok());
        rows.push(HistoryRow {
            version,
            at_ms: log.commit_time(version).await?,
            operation,
            rows: written,
            transactions,
            info,
        });
    }
    Ok(rows)
}

fn transaction(action: &Value) -> Option<(String, i64)> {
    Some((action["appId"].as_str()?.to_owned(), action["version"].as_i64()?))
}
