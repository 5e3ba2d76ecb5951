//! What a run has come to, as rows.

use std::sync::Arc;

use arrow::{array::RecordBatch, error::ArrowError};
use sluice_engine::StageOutcome;
use sluice_pipeline::{StageResult, StageSummary, Summary};

use crate::{answer::Answer, args::Format};

/// One row for each stage whose table is written. Missing numbers are withheld ones.
///
/// A table for people is short: it names the expectations that rows violate, and which tags have arrived. The other
/// formats hold every expectation, and for every tag the column that it stands on.
pub(super) fn answer(summary: &Summary, format: Format) -> Result<RecordBatch, ArrowError> {
    let stages: Vec<(&StageSummary, &StageOutcome)> = summary
        .stages
        .iter()
        .filter_map(|stage| match &stage.result {
            StageResult::Committed(outcome) => Some((stage, outcome)),
            StageResult::Failed(_) | StageResult::Skipped(_) => None,
        })
        .collect();
    let outcomes = || stages.iter().map(|(_, outcome)| *outcome);
    let answer = Answer::default()
        .text("stage", stages.iter().map(|(stage, _)| &stage.name))
        .numbers("rows", outcomes().map(|outcome| outcome.rows))
        .numbers("elapsed_ms", stages.iter().map(|(stage, _)| Some(stage.elapsed_ms)))
        .numbers("version", outcomes().map(|outcome| Some(outcome.version)));
    let answer = match format {
        Format::Table => answer
            .text("violations", outcomes().map(|outcome| violated(&outcome.expectations)))
            .text("tags_gained", outcomes().map(|outcome| tags(&outcome.tags_gained))),
        Format::Csv | Format::Json | Format::Ndjson | Format::Arrow => answer
            .maps("violations", outcomes().map(|outcome| outcome.expectations.as_slice()))?
            .lists("tags_gained", outcomes().map(|outcome| outcome.tags_gained.as_slice())),
    };
    answer.finish()
}

/// The expectations that rows violate, as far as that may be known.
fn violated(expectations: &[(Arc<str>, Option<u64>)]) -> String {
    if !expectations.is_empty() && expectations.iter().all(|(_, rows)| rows.is_none()) {
        return "withheld".to_owned();
    }
    let violated = expectations.iter().filter(|(_, rows)| *rows != Some(0)).map(|(name, rows)| match rows {
        Some(rows) => format!("{name}: {rows}"),
        None => format!("{name}: withheld"),
    });
    violated.collect::<Vec<_>>().join(", ")
}

/// The tags among `gained`, each of which is written `column: tag`; each once.
fn tags(gained: &[String]) -> String {
    let mut tags: Vec<_> = gained.iter().map(|gained| gained.rsplit(": ").next().unwrap_or(gained)).collect();
    tags.sort_unstable();
    tags.dedup();
    tags.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_violated_or_withheld_is_named() {
        let check = |expectations: &[(&str, Option<u64>)]| {
            violated(&expectations.iter().map(|(name, rows)| (Arc::from(*name), *rows)).collect::<Vec<_>>())
        };
        assert_eq!(check(&[("a", Some(0)), ("b", Some(7)), ("c", None)]), "b: 7, c: withheld");
        assert_eq!(check(&[("a", None), ("b", None)]), "withheld");
        assert_eq!(check(&[]), "");
    }

    #[test]
    fn a_tag_on_two_columns_is_named_once() {
        let gained = ["age: personal.age", "(rows): personal.age", "x: public"].map(str::to_owned);
        assert_eq!(tags(&gained), "personal.age, public");
    }
}
