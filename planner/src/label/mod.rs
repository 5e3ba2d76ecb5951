//! Labels: which stored tags reach which outputs of a bound plan, and how.
//!
//! One file per operator family, in the order of the table in the user's guide; each states its rule. The walk is
//! over the plan as bound, before any optimization, and every `match` is exhaustive: an operator that has no rule
//! is refused by name.
//!
//! The same rules are read in two ways (`reading`): over stored tags, which is what decisions are made of, and
//! over the scanned columns themselves, which is column lineage.

mod aggregate;
mod case;
mod distinct;
mod expr;
mod filter;
mod join;
mod lateral;
mod projection;
pub(crate) mod reading;
mod recursive_cte;
mod relation;
pub(crate) mod rule;
mod scan;
mod sort;
mod subquery;
mod union;
mod unnest;
mod values;
mod window;

#[cfg(test)]
mod tests;

use datafusion_common::{DFSchema, DFSchemaRef};
use datafusion_expr::LogicalPlan;
pub use relation::{ColumnLabel, Dependencies, Dependency, RelationLabel};
use sluice_model::{Elements, Label};

use crate::{
    PlanError,
    bind::{BoundPlan, SecurityBarrier},
    label::{
        reading::{Reading, TagReading, Via},
        rule::{Rule, RuleSet},
    },
};

/// A bound plan with the label of its result.
#[derive(Debug)]
pub struct LabeledPlan {
    pub(crate) bound: BoundPlan,
    pub(crate) label: RelationLabel,
    pub(crate) elements: Elements,
    /// What each of the plan's boolean columns depends on.
    pub(crate) markers: Vec<ColumnLabel>,
    /// What each value that a change of rows computes depends on.
    pub(crate) computed: Vec<ColumnLabel>,
}

impl LabeledPlan {
    /// The label of the result.
    pub fn label(&self) -> &RelationLabel {
        &self.label
    }

    /// What its columns and rows depend on.
    pub fn dependencies(&self) -> Dependencies {
        self.label.dependencies(&self.elements)
    }

    /// The plan that was labelled.
    pub fn bound(&self) -> &BoundPlan {
        &self.bound
    }
}

/// Labels `bound`.
///
/// # Errors
/// [`PlanError::NoRule`] when the plan holds an operator or expression that has no labelling rule.
pub fn label(bound: BoundPlan) -> Result<LabeledPlan, PlanError> {
    let mut labeller = Labeller::new(TagReading::default(), RuleSet::all());
    let label = labeller.relation(&bound.plan)?;
    let (label, markers) = bound.expectations.split_label(label);
    let computed = bound.computed.as_ref().map(|plan| labeller.relation(plan)).transpose()?;
    let computed = computed.map_or_else(Vec::new, |label| label.columns);
    let elements = labeller.reading.into_elements();
    Ok(LabeledPlan { bound, label, elements, markers, computed })
}

/// Labels a plan, bottom up.
pub(crate) struct Labeller<R> {
    pub(crate) reading: R,
    rules: RuleSet,
    /// What correlated columns refer to, innermost last.
    scopes: Vec<Scope>,
    /// The relations that stand for themselves inside recursive queries, innermost last.
    work_tables: Vec<(String, RelationLabel)>,
    /// What the subqueries in the expressions of the operator at hand add to its rows.
    joined: Label,
    /// Called with every plan node and its label; for explanations.
    trace: Option<reading::Trace>,
}

/// A relation that a correlated subquery can refer to.
struct Scope {
    schema: DFSchemaRef,
    columns: Vec<ColumnLabel>,
}

/// What an expression's columns refer to: one relation, or both sides of a join.
#[derive(Clone, Copy)]
struct Input<'a> {
    sides: [Option<(&'a DFSchema, &'a [ColumnLabel])>; 2],
}

impl<'a> Input<'a> {
    fn one(schema: &'a DFSchema, label: &'a RelationLabel) -> Self {
        Self { sides: [Some((schema, &label.columns)), None] }
    }

    fn two(left: (&'a DFSchema, &'a RelationLabel), right: (&'a DFSchema, &'a RelationLabel)) -> Self {
        Self { sides: [Some((left.0, &left.1.columns)), Some((right.0, &right.1.columns))] }
    }

    fn none() -> Self {
        Self { sides: [None, None] }
    }
}

impl<R: Reading> Labeller<R> {
    pub(crate) fn new(reading: R, rules: RuleSet) -> Self {
        Self { reading, rules, scopes: Vec::new(), work_tables: Vec::new(), joined: Label::empty(), trace: None }
    }

    pub(crate) fn traced(mut self) -> Self {
        self.trace = Some(reading::Trace::default());
        self
    }

    pub(crate) fn into_parts(self) -> (R, reading::Trace) {
        (self.reading, self.trace.unwrap_or_default())
    }

    /// Whether `rule` is in force. Outside this crate's own tests every rule always is.
    fn on(&self, rule: Rule) -> bool {
        self.rules.contains(rule)
    }

    /// `label`, read as having passed through an operator of kind `via`.
    fn via(&mut self, label: &Label, via: Via) -> Label {
        self.reading.through(label, via)
    }

    /// The label of a relation.
    #[recursive::recursive]
    pub(crate) fn relation(&mut self, plan: &LogicalPlan) -> Result<RelationLabel, PlanError> {
        let outer = std::mem::take(&mut self.joined);
        let mut label = match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan)?,
            LogicalPlan::Projection(projection) => self.projection(projection)?,
            // A name for its input changes nothing.
            LogicalPlan::SubqueryAlias(alias) => self.relation(&alias.input)?,
            LogicalPlan::Filter(filter) => self.filter(filter)?,
            LogicalPlan::Join(join) => self.join(join)?,
            LogicalPlan::Subquery(subquery) => self.lateral(subquery)?,
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate)?,
            LogicalPlan::Window(window) => self.window(window)?,
            LogicalPlan::Sort(sort) => self.sort(sort)?,
            LogicalPlan::Limit(limit) => self.limit(limit)?,
            LogicalPlan::Distinct(distinct) => self.distinct(distinct)?,
            LogicalPlan::Union(union) => self.union(union)?,
            LogicalPlan::Unnest(unnest) => self.unnest(unnest)?,
            LogicalPlan::RecursiveQuery(query) => self.recursive_query(query)?,
            LogicalPlan::Values(values) => self.values(values)?,
            LogicalPlan::EmptyRelation(empty) => RelationLabel::empty(empty.schema.fields().len()),
            // No SQL text reaches these: they come from DataFrame calls, from other front ends, or are statements
            // that the parser handles by itself. Each is refused by name.
            LogicalPlan::Repartition(_) => return Err(PlanError::no_rule("REPARTITION")),
            LogicalPlan::Statement(_) => return Err(PlanError::no_rule("a session statement inside a query")),
            LogicalPlan::Explain(_) => return Err(PlanError::no_rule("EXPLAIN inside a query")),
            LogicalPlan::Analyze(_) => return Err(PlanError::no_rule("EXPLAIN ANALYZE")),
            LogicalPlan::Extension(node) => match SecurityBarrier::input(plan) {
                Some(input) => self.relation(input)?,
                None => return Err(PlanError::no_rule(format!("the extension node {}", node.node.name()))),
            },
            LogicalPlan::Dml(_) => return Err(PlanError::no_rule("a write inside a query")),
            LogicalPlan::Ddl(_) => return Err(PlanError::no_rule("a definition inside a query")),
            LogicalPlan::Copy(_) => return Err(PlanError::no_rule("COPY")),
            LogicalPlan::DescribeTable(_) => return Err(PlanError::no_rule("DESCRIBE inside a query")),
        };
        label.rows.join(&std::mem::replace(&mut self.joined, outer));
        if label.columns.len() != plan.schema().fields().len() {
            return Err(PlanError::Bug(format!(
                "{} columns were labelled where {} has {}",
                label.columns.len(),
                plan.display(),
                plan.schema().fields().len()
            )));
        }
        if let Some(trace) = &mut self.trace {
            trace.record(plan, &label);
        }
        Ok(label)
    }
}
