//! The decisions of a check, as rows.

use arrow::{array::RecordBatch, error::ArrowError};
use sluice_model::TagAction;
use sluice_pipeline::{Checked, Verdict};
use sluice_planner::{Denial, DenialKind};

use crate::{answer::Answer, args::Format};

/// One decision about one stage.
struct Row {
    stage: String,
    /// What it was about; where nothing could be decided, the stages that have to be mended first.
    object: Option<String>,
    action: Option<String>,
    decision: &'static str,
    policies: Vec<String>,
}

/// One row for each decision that was taken, and one for each stage about which none could be.
pub(super) fn answer(checked: &Checked, format: Format) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<_> = checked.stages.iter().flat_map(|stage| rows(&stage.name, &stage.verdict)).collect();
    let answer = Answer::default()
        .text("stage", rows.iter().map(|row| &row.stage))
        .optional_text("object", rows.iter().map(|row| row.object.as_ref()))
        .optional_text("action", rows.iter().map(|row| row.action.as_ref()))
        .text("decision", rows.iter().map(|row| row.decision));
    let answer = match format {
        Format::Table => answer.text("policies", rows.iter().map(|row| row.policies.join(", "))),
        Format::Csv | Format::Json | Format::Ndjson | Format::Arrow => {
            answer.lists("policies", rows.iter().map(|row| row.policies.as_slice()))
        }
    };
    answer.finish()
}

fn rows(stage: &str, verdict: &Verdict) -> Vec<Row> {
    let undecided = |decision| Row { stage: stage.to_owned(), object: None, action: None, decision, policies: vec![] };
    match verdict {
        Verdict::Passed { decisions, .. } => decisions
            .iter()
            .map(|decision| Row {
                stage: stage.to_owned(),
                object: Some(decision.object.clone()),
                action: Some(decision.action.clone()),
                decision: decision.decision,
                policies: decision.policies.clone(),
            })
            .collect(),
        Verdict::Refused(error) if error.denials().is_empty() => vec![undecided("error")],
        Verdict::Refused(error) => error.denials().iter().map(|denial| refused(stage, denial)).collect(),
        Verdict::NotChecked { depends_on } => {
            vec![Row { object: Some(depends_on.join(", ")), ..undecided("not checked") }]
        }
    }
}

fn refused(stage: &str, denial: &Denial) -> Row {
    let (object, action) = match &denial.kind {
        DenialKind::Tag { column, tag, action, flow, .. } => {
            (Some(format!("{tag} @ {column} ({flow})")), Some(action.to_string()))
        }
        DenialKind::Object { object, action, .. } => (Some(object.clone()), Some(action.to_string())),
        DenialKind::Column { column, tag } => (Some(format!("{tag} into {column}")), None),
        DenialKind::Classify { tag } => (Some(tag.to_string()), Some(TagAction::Classify.to_string())),
        DenialKind::Administer => (None, None),
    };
    Row { stage: stage.to_owned(), object, action, decision: "deny", policies: denial.policies.clone() }
}
