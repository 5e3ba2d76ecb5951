//! Column lineage: the labelling rules, read over the scanned columns themselves.

use std::sync::Arc;

use sluice_model::{ColumnName, Label};

use crate::{
    PlanError,
    bind::BoundPlan,
    label::{
        Labeller,
        reading::{LineageKind, LineageReading},
        rule::RuleSet,
    },
};

/// How one input column reaches one output column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineageEdge {
    /// The output column.
    pub output: Arc<str>,
    /// The column that is read.
    pub input: ColumnName,
    /// How.
    pub kind: LineageKind,
}

/// The lineage of every output column of `bound`. What decided which rows exist reaches every column.
///
/// # Errors
/// [`PlanError::NoRule`] when the plan holds something that no rule covers.
pub fn lineage(bound: &BoundPlan) -> Result<Vec<LineageEdge>, PlanError> {
    let mut labeller = Labeller::new(LineageReading::default(), RuleSet::all());
    let label = labeller.relation(&bound.plan)?;
    let (label, _) = bound.expectations.split_label(label);
    let (reading, _) = labeller.into_parts();
    let mut edges = Vec::new();
    for (column, field) in label.columns.iter().zip(bound.plan.schema().fields()) {
        let output: Arc<str> = field.name().as_str().into();
        let mut add = |label: &Label| {
            edges.extend(reading.elements.of(label).map(|(input, kind)| LineageEdge {
                output: Arc::clone(&output),
                input: input.clone(),
                kind: *kind,
            }));
        };
        add(&column.direct);
        add(&column.indirect);
        add(&label.rows);
    }
    edges.sort();
    edges.dedup();
    Ok(edges)
}
