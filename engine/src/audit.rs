//! The audit log: what was asked, what was decided and why, and what it cost.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use sluice_catalog::{AuditDecision, AuditRecord};
use sluice_planner::{AuthorizedPlan, PlanError};

use crate::{EngineError, Session};

/// In the detail of a record of a table that was not to be seen: whether it exists. Who asked is not told.
const EXISTS: &str = "exists";

/// Why a statement was refused, for who may know everything.
pub(crate) fn full_reason(record: &AuditRecord) -> Option<String> {
    let reason = record.reason.as_deref()?;
    Some(match record.detail.get(EXISTS).and_then(Value::as_bool) {
        Some(true) => format!("{reason}: it exists"),
        Some(false) => format!("{reason}: it does not exist"),
        None => reason.to_owned(),
    })
}

/// What is written down about one statement.
#[derive(Debug, Clone)]
pub(crate) struct Audited {
    statement: Arc<str>,
    decision: AuditDecision,
    reason: Option<String>,
    analysis: Duration,
    rows: Option<u64>,
    detail: Arc<Value>,
}

impl Audited {
    pub(crate) fn allowed(statement: &str, analysis: Duration) -> Self {
        Self {
            statement: statement.into(),
            decision: AuditDecision::Allow,
            reason: None,
            analysis,
            rows: None,
            detail: Arc::new(Value::Null),
        }
    }

    /// The same, of which it is known already how many rows it answers.
    pub(crate) fn with_rows(self, rows: Option<u64>) -> Self {
        Self { rows, ..self }
    }

    /// A plan that passed, with every decision about it.
    pub(crate) fn plan(statement: &str, plan: &AuthorizedPlan, analysis: Duration) -> Self {
        let accesses = plan.accesses().iter().map(|access| {
            json!({
                "object": access.object, "action": access.action.as_str(), "policies": access.decision.policies,
            })
        });
        let rulings = plan.rulings().iter().map(|ruling| {
            json!({
                "tag": ruling.element.tag.as_str(),
                "origin": ruling.element.origin.to_string(),
                "flow": ruling.flow.as_str(),
                "action": ruling.action.as_str(),
                "decision": ruling.verdict.as_str(),
                "policies": ruling.decision.policies,
            })
        });
        let detail = json!({ "objects": accesses.collect::<Vec<_>>(), "tags": rulings.collect::<Vec<_>>() });
        let decision = if plan.is_audited() { AuditDecision::Audit } else { AuditDecision::Allow };
        Self { decision, detail: Arc::new(detail), ..Self::allowed(statement, analysis) }
    }
}

impl Session {
    /// Writes a record. A statement whose record cannot be written does not run; a lookup that is over at once is not answered.
    pub(crate) async fn record(&self, audited: Audited) -> Result<i64, EngineError> {
        let record = AuditRecord {
            at_ms: chrono::Utc::now().timestamp_millis(),
            principal: self.subject().principal.name.clone(),
            domain: self.subject().domain,
            statement: audited.statement,
            decision: audited.decision,
            reason: audited.reason,
            fingerprint: None,
            cache: "off".into(),
            analysis_us: u64::try_from(audited.analysis.as_micros()).unwrap_or(u64::MAX),
            rows: audited.rows,
            detail: audited.detail,
        };
        Ok(self.engine().catalog().record_audit(record).await?)
    }

    /// Writes down what was refused. The log is told what the caller is not: whether a table that is not visible
    /// exists.
    pub(crate) async fn record_failure(
        &self,
        statement: &str,
        error: &EngineError,
        analysis: Duration,
    ) -> Result<(), EngineError> {
        let (reason, detail) = match error {
            EngineError::Plan(PlanError::NotVisible(name)) => {
                let exists = match name.split_once('.') {
                    Some((schema, table)) => {
                        let unquoted = |part: &str| part.trim_matches('"').replace("\"\"", "\"");
                        let name = sluice_model::TableName::new(unquoted(schema), unquoted(table));
                        self.engine().catalog().table(&name).await?.is_some()
                    }
                    None => false,
                };
                (error.to_string(), json!({ EXISTS: exists }))
            }
            EngineError::Plan(PlanError::Denied(denials)) => {
                let list = denials.iter().map(
                    |denial| json!({ "denial": denial.to_string(), "path": denial.path, "policies": denial.policies }),
                );
                (error.to_string(), Value::Array(list.collect()))
            }
            EngineError::Plan(PlanError::NoRule(_)) => (error.to_string(), Value::Null),
            _ => return Ok(()),
        };
        let audited = Audited {
            statement: statement.into(),
            decision: AuditDecision::Deny,
            reason: Some(reason),
            analysis,
            rows: None,
            detail: Arc::new(detail),
        };
        self.record(audited).await.map(|_| ())
    }
}
