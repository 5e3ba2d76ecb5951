//! The two readings of the labelling rules.

use std::collections::HashMap;

use datafusion_expr::LogicalPlan;
use sluice_catalog::TableSnapshot;
use sluice_model::{ColumnName, Element, Elements, Flow, Label, Origin, Tag};

use super::{
    RelationLabel,
    rule::{Rule, RuleSet},
};

/// The kind of operator that a value or a row passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Via {
    /// A function, a cast, an operator: the value changes.
    Transformation,
    /// An aggregate's argument.
    Aggregation,
    /// A join's condition, or the other side's rows.
    Join,
    /// The keys of an aggregate or of `DISTINCT`.
    GroupBy,
    /// A predicate.
    Filter,
    /// The keys of a sort.
    Sort,
    /// The partition or order of a window.
    Window,
    /// The condition of a `CASE`.
    Conditional,
}

/// What the elements of labels are, and what happens to them on their way.
pub(crate) trait Reading {
    /// The labels of a scanned table, all columns in order.
    fn scan(&mut self, table: &TableSnapshot, rules: RuleSet) -> RelationLabel;

    /// `label` after it has passed through an operator of kind `via`.
    fn through(&mut self, label: &Label, via: Via) -> Label;
}

/// Labels of stored tags: what decisions are made of.
#[derive(Default)]
pub(crate) struct TagReading {
    elements: Elements,
}

impl TagReading {
    pub(crate) fn into_elements(self) -> Elements {
        self.elements
    }
}

impl Reading for TagReading {
    fn scan(&mut self, table: &TableSnapshot, rules: RuleSet) -> RelationLabel {
        let mut label = RelationLabel::empty(table.columns.len());
        for (column, label) in table.columns.iter().zip(&mut label.columns) {
            for stored in &column.tags {
                let element = Element { tag: stored.tag.clone(), origin: stored.origin.clone() };
                let id = self.elements.intern(&element);
                match stored.flow {
                    Flow::Direct if rules.contains(Rule::ScanDirect) => label.direct.insert(id),
                    Flow::Indirect if rules.contains(Rule::ScanIndirect) => label.indirect.insert(id),
                    Flow::Direct | Flow::Indirect | Flow::Row => {}
                }
            }
            if column.tags.is_empty() && rules.contains(Rule::ScanUnclassified) {
                let origin = Origin::column(&table.name, column.name.clone());
                label.direct.insert(self.elements.intern(&Element { tag: Tag::unclassified(), origin }));
            }
        }
        for stored in &table.row_tags {
            if rules.contains(Rule::ScanRows) {
                let element = Element { tag: stored.tag.clone(), origin: stored.origin.clone() };
                label.rows.insert(self.elements.intern(&element));
            }
        }
        label
    }

    fn through(&mut self, label: &Label, _via: Via) -> Label {
        label.clone()
    }
}

/// How an input column reaches an output, in OpenLineage's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LineageKind {
    /// The value, unchanged.
    Identity,
    /// A value computed from it.
    Transformation,
    /// An aggregate of it.
    Aggregation,
    /// It decided which rows met in a join.
    Join,
    /// It decided which rows were put together.
    GroupBy,
    /// It decided which rows were kept.
    Filter,
    /// It decided their order.
    Sort,
    /// It decided what a window function saw.
    Window,
    /// It decided which branch was taken.
    Conditional,
}

impl LineageKind {
    /// OpenLineage's type and subtype.
    pub fn as_strs(self) -> (&'static str, &'static str) {
        match self {
            Self::Identity => ("DIRECT", "IDENTITY"),
            Self::Transformation => ("DIRECT", "TRANSFORMATION"),
            Self::Aggregation => ("DIRECT", "AGGREGATION"),
            Self::Join => ("INDIRECT", "JOIN"),
            Self::GroupBy => ("INDIRECT", "GROUP_BY"),
            Self::Filter => ("INDIRECT", "FILTER"),
            Self::Sort => ("INDIRECT", "SORT"),
            Self::Window => ("INDIRECT", "WINDOW"),
            Self::Conditional => ("INDIRECT", "CONDITIONAL"),
        }
    }

    /// What this becomes when it passes through `via`: an aggregate stays one when it is computed with, and an
    /// indirect flow keeps the operator that made it indirect.
    fn through(self, via: Via) -> Self {
        match (self, via) {
            (Self::Identity, Via::Transformation) => Self::Transformation,
            (Self::Identity | Self::Transformation, Via::Aggregation) => Self::Aggregation,
            (Self::Identity | Self::Transformation | Self::Aggregation, Via::Join) => Self::Join,
            (Self::Identity | Self::Transformation | Self::Aggregation, Via::GroupBy) => Self::GroupBy,
            (Self::Identity | Self::Transformation | Self::Aggregation, Via::Filter) => Self::Filter,
            (Self::Identity | Self::Transformation | Self::Aggregation, Via::Sort) => Self::Sort,
            (Self::Identity | Self::Transformation | Self::Aggregation, Via::Window) => Self::Window,
            (Self::Identity | Self::Transformation | Self::Aggregation, Via::Conditional) => Self::Conditional,
            (kept, _) => kept,
        }
    }
}

/// Labels of scanned columns: what lineage is made of.
#[derive(Default)]
pub(crate) struct LineageReading {
    pub(crate) elements: Elements<(ColumnName, LineageKind)>,
}

impl Reading for LineageReading {
    fn scan(&mut self, table: &TableSnapshot, _rules: RuleSet) -> RelationLabel {
        let mut label = RelationLabel::empty(table.columns.len());
        for (column, label) in table.columns.iter().zip(&mut label.columns) {
            let name = table.name.column(column.name.clone());
            label.direct.insert(self.elements.intern(&(name, LineageKind::Identity)));
        }
        label
    }

    fn through(&mut self, label: &Label, via: Via) -> Label {
        label
            .iter()
            .map(|id| {
                let (column, kind) = self.elements.get(id).clone();
                self.elements.intern(&(column, kind.through(via)))
            })
            .collect()
    }
}

/// The label of every node of a plan, for explanations. A node is known by its address, so a trace is good for as
/// long as the plan is borrowed.
#[derive(Debug, Default)]
pub(crate) struct Trace(HashMap<usize, RelationLabel>);

impl Trace {
    pub(crate) fn record(&mut self, plan: &LogicalPlan, label: &RelationLabel) {
        self.0.insert(std::ptr::from_ref(plan).addr(), label.clone());
    }

    pub(crate) fn get(&self, plan: &LogicalPlan) -> Option<&RelationLabel> {
        self.0.get(&std::ptr::from_ref(plan).addr())
    }
}
