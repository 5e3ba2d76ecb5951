//! The last stage: a decided plan becomes one that the engine may run.

use datafusion_expr::LogicalPlan;
use sluice_model::Elements;

use crate::{
    Decided,
    authorize::{Access, Metrics, Ruling, StoredLabels, Verdict},
    bind::{Expectations, ParameterType, Relation},
    label::{Dependencies, LabeledPlan, RelationLabel},
};

/// A plan that may be run, with what was decided about it.
///
/// INVARIANT: there is no other way to make one than [`enforce`], which takes what [`crate::authorize()`] let pass.
#[derive(Debug)]
pub struct AuthorizedPlan {
    plan: LogicalPlan,
    relations: Vec<Relation>,
    expectations: Expectations,
    parameters: Vec<ParameterType>,
    rulings: Vec<Ruling>,
    accesses: Vec<Access>,
    metrics: Metrics,
    stored: StoredLabels,
    label: RelationLabel,
    elements: Elements,
}

/// Makes a decided plan runnable.
///
/// Nothing is rewritten here as long as policies neither mask columns nor filter rows: every scan already stands for
/// exactly what was decided about.
pub fn enforce(decided: Decided) -> AuthorizedPlan {
    let Decided { labeled, rulings, accesses, metrics, stored } = decided;
    let LabeledPlan { bound, label, elements, markers: _, computed: _ } = labeled;
    AuthorizedPlan {
        plan: bound.plan,
        relations: bound.relations,
        expectations: bound.expectations,
        parameters: bound.parameters,
        rulings,
        accesses,
        metrics,
        stored,
        label,
        elements,
    }
}

impl AuthorizedPlan {
    /// The plan. Its scans are [`crate::bind::GovernedSource`]s.
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// Every table and view that it reads.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// The parameters of a statement that is being prepared, with the types that they must have.
    pub fn parameters(&self) -> &[ParameterType] {
        &self.parameters
    }

    /// What its columns and rows depend on.
    pub fn dependencies(&self) -> Dependencies {
        self.label.dependencies(&self.elements)
    }

    /// What its last columns mean.
    pub fn expectations(&self) -> &Expectations {
        &self.expectations
    }

    /// What was decided about tags.
    pub fn rulings(&self) -> &[Ruling] {
        &self.rulings
    }

    /// What was decided about tables and schemas.
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }

    /// Which figures of the run its starter may see.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The tags that the written table gets.
    pub fn stored_labels(&self) -> &StoredLabels {
        &self.stored
    }

    /// Whether something passed only to be recorded.
    pub fn is_audited(&self) -> bool {
        self.rulings.iter().any(|ruling| ruling.verdict == Verdict::Audit)
    }
}
