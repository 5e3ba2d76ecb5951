//! The labels of one relation.

use sluice_model::{Element, Elements, Flow, Label};

/// The labels of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnLabel {
    /// What the value is computed from.
    pub direct: Label,
    /// What decided which rows or groups contributed to the value.
    pub indirect: Label,
}

impl ColumnLabel {
    /// Everything that the column depends on, directly or indirectly: `E` of the rules.
    pub fn all(&self) -> Label {
        self.direct.clone().joined(&self.indirect)
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.direct.join(&other.direct);
        self.indirect.join(&other.indirect);
    }
}

/// The labels of a relation: of every column, and of the rows as such.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelationLabel {
    /// One label per output column, by position.
    pub columns: Vec<ColumnLabel>,
    /// What decided which rows exist, how many, and in what order.
    pub rows: Label,
}

impl RelationLabel {
    /// A relation of `columns` columns that depend on nothing.
    pub(crate) fn empty(columns: usize) -> Self {
        Self { columns: vec![ColumnLabel::default(); columns], rows: Label::empty() }
    }

    /// Everything that any of the columns depends on.
    pub(crate) fn all_columns(&self) -> Label {
        self.columns.iter().fold(Label::empty(), |label, column| label.joined(&column.direct).joined(&column.indirect))
    }

    /// Everything that the relation depends on, with how it flows; each flow's elements together.
    pub(crate) fn by_flow(&self) -> [(Flow, Label); 3] {
        let (mut direct, mut indirect) = (Label::empty(), Label::empty());
        for column in &self.columns {
            direct.join(&column.direct);
            indirect.join(&column.indirect);
        }
        [(Flow::Direct, direct), (Flow::Indirect, indirect), (Flow::Row, self.rows.clone())]
    }
}

/// A tag that something depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The tag and where it first came from.
    pub element: Element,
    /// How it flows.
    pub flow: Flow,
}

/// What a relation's columns and rows depend on, spelled out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// For each column, in order.
    pub columns: Vec<Vec<Dependency>>,
    /// What decided which rows there are.
    pub rows: Vec<Dependency>,
}

impl RelationLabel {
    /// What the label says, in the words of `elements`.
    pub(crate) fn dependencies(&self, elements: &Elements) -> Dependencies {
        let of = |label: &Label, flow: Flow| -> Vec<Dependency> {
            elements.of(label).map(|element| Dependency { element: element.clone(), flow }).collect()
        };
        let columns = self.columns.iter().map(|column| {
            let mut all = of(&column.direct, Flow::Direct);
            all.extend(of(&column.indirect, Flow::Indirect));
            all
        });
        Dependencies { columns: columns.collect(), rows: of(&self.rows, Flow::Row) }
    }
}
