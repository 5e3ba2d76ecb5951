//! The audit: every statement, what was decided about it, and why.

use std::sync::Arc;

use serde_json::Value;
use sluice_model::Domain;
use sqlx::{FromRow, query_as};

use super::{Catalog, Result, journal::Entry};
use crate::CatalogError;

/// What was decided about a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditDecision {
    /// It ran.
    Allow,
    /// It was refused.
    Deny,
    /// It ran, with flows that were let pass to be recorded.
    Audit,
}

impl AuditDecision {
    /// The word used in answers and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Audit => "audit",
        }
    }

    /// The decision that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Allow, Self::Deny, Self::Audit].into_iter().find(|decision| decision.as_str() == word)
    }
}

/// One statement as the audit has it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// When it was asked, in milliseconds since 1970 (UTC).
    pub at_ms: i64,
    /// Who asked.
    pub principal: Arc<str>,
    /// In which domain.
    pub domain: Domain,
    /// Its text.
    pub statement: Arc<str>,
    /// What was decided.
    pub decision: AuditDecision,
    /// Why.
    pub reason: Option<String>,
    /// The fingerprint of its plan, in hexadecimal.
    pub fingerprint: Option<String>,
    /// Whether its result was in the cache: `hit`, `miss` or `off`.
    pub cache: Arc<str>,
    /// How long parsing, labelling, deciding and enforcing took, in microseconds.
    pub analysis_us: u64,
    /// How many rows it gave; `None` if it did not end.
    pub rows: Option<u64>,
    /// Everything else, for those who look closer.
    pub detail: Arc<Value>,
}

/// Which records of the audit are wanted; by default all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those of this principal.
    pub principal: Option<Arc<str>>,
    /// At most so many.
    pub limit: Option<u32>,
}

#[derive(FromRow)]
struct Row {
    at: i64,
    principal: String,
    domain: String,
    statement: String,
    decision: String,
    reason: Option<String>,
    fingerprint: Option<String>,
    cache: String,
    analysis_us: i64,
    rows: Option<i64>,
    detail: String,
}

impl TryFrom<Row> for AuditRecord {
    type Error = CatalogError;

    fn try_from(row: Row) -> Result<Self> {
        let malformed = || CatalogError::Malformed("audit record");
        Ok(Self {
            at_ms: row.at,
            principal: row.principal.into(),
            domain: row.domain.parse().map_err(|_| malformed())?,
            statement: row.statement.into(),
            decision: AuditDecision::parse(&row.decision).ok_or_else(malformed)?,
            reason: row.reason,
            fingerprint: row.fingerprint,
            cache: row.cache.into(),
            analysis_us: row.analysis_us.unsigned_abs(),
            rows: row.rows.map(i64::unsigned_abs),
            detail: Arc::new(serde_json::from_str(&row.detail).map_err(|_| malformed())?),
        })
    }
}

impl Catalog {
    /// Records a statement, and answers the record's id. It survives the end of the process at once, and a power
    /// failure some moments later.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn record_audit(&self, record: AuditRecord) -> Result<i64> {
        self.written(Entry::Begun(Box::new(record))).await
    }

    /// Records that the statement `id` gave `rows` rows.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn finish_audit(&self, id: i64, rows: u64) -> Result<()> {
        self.written(Entry::Ended { id, rows }).await.map(|_| ())
    }

    async fn written(&self, entry: Entry) -> Result<i64> {
        self.writers()?.journal.write(entry).await
    }

    /// The records that `filter` wants, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>> {
        // Two statements, since one with an optional condition would not use the index.
        let rows: Vec<Row> = match &filter.principal {
            Some(principal) => query_as(
                "SELECT at, principal, domain, statement, decision, reason, fingerprint, cache, analysis_us, rows, detail
                 FROM audit WHERE principal = ? ORDER BY id DESC LIMIT ?",
            )
            .bind(&**principal),
            None => query_as(
                "SELECT at, principal, domain, statement, decision, reason, fingerprint, cache, analysis_us, rows, detail
                 FROM audit ORDER BY id DESC LIMIT ?",
            ),
        }
        .bind(filter.limit.map_or(-1, i64::from))
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(AuditRecord::try_from).collect()
    }
}
