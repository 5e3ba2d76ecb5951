//! A stage of a pipeline: a statement that writes a table.

use std::{collections::HashMap, sync::Arc};

use sluice_catalog::{TableRequest, TableSnapshot};
use sluice_engine::{Stage, StageTarget};
use sluice_model::TableName;
use sluice_planner::{
    bind::{LocalView, Parameters},
    parse::{Expectation, SourceSpan, StageKind, StageStatement, TableRef, Versions},
};
use sqlparser::ast::Query;

use crate::names::Names;

/// The tables that earlier stages will write, as they will be.
pub(crate) type Planned = HashMap<TableName, Arc<TableSnapshot>>;

/// A statement of the file that writes a table. A temporary view is none: it is a part of the stages that read it.
#[derive(Debug, Clone)]
pub struct PipelineStage {
    name: Arc<str>,
    output: TableName,
    writes: Writes,
    query: Box<Query>,
    versions: Versions,
    text: Arc<str>,
    span: SourceSpan,
    relations: Vec<TableRef>,
    reads: Vec<TableRequest>,
}

#[derive(Debug, Clone)]
enum Writes {
    Materialize(Vec<Expectation>),
    Insert(Vec<Arc<str>>),
}

/// What the stages of one run or check have in common.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The values of the parameters.
    pub(crate) parameters: Parameters,
    /// The temporary views.
    pub(crate) views: HashMap<String, LocalView>,
    /// Whether the digest of the file is approved for production.
    pub(crate) approved: bool,
}

impl PipelineStage {
    /// The stage that `statement` is, if it is one; `names` is what it names, also through views.
    pub(crate) fn of(statement: &StageStatement, names: Names) -> Option<Self> {
        let (output, writes) = match &statement.kind {
            StageKind::Materialize { table, expectations } => (table, Writes::Materialize(expectations.clone())),
            StageKind::Insert { table, columns } => (table, Writes::Insert(columns.clone())),
            StageKind::View { .. } => return None,
        };
        Some(Self {
            name: statement.name().into(),
            output: output.clone(),
            writes,
            query: statement.query.clone(),
            versions: statement.versions.clone(),
            text: Arc::clone(&statement.text),
            span: statement.span,
            relations: names.relations,
            reads: names.tables.into_iter().map(|(table, _)| table).collect(),
        })
    }

    /// The name under which it is recorded and shown: the table that it writes.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The table that it writes.
    pub fn output(&self) -> &TableName {
        &self.output
    }

    /// Whether it adds to its table, and does not replace what is in it.
    pub fn adds(&self) -> bool {
        matches!(self.writes, Writes::Insert(_))
    }

    /// The tables and catalog views that it names, also through temporary views, in the order of first mention.
    pub fn reads(&self) -> &[TableRequest] {
        &self.reads
    }

    /// Its own text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Where it stands in the file.
    pub fn span(&self) -> SourceSpan {
        self.span
    }

    /// Whether it reads the temporary view `view`.
    pub(crate) fn reads_view(&self, view: &str) -> bool {
        self.relations.iter().any(|relation| matches!(relation, TableRef::Local(name) if name == view))
    }

    /// The stage as the engine takes it.
    pub(crate) fn in_setting<'a>(&'a self, setting: &'a Setting, planned: &'a Planned) -> Stage<'a> {
        let table = &self.output;
        Stage {
            query: &self.query,
            versions: &self.versions,
            relations: self.relations.clone(),
            text: &self.text,
            target: match &self.writes {
                Writes::Materialize(expectations) => StageTarget::Materialize { table, expectations },
                Writes::Insert(columns) => StageTarget::Insert { table, columns },
            },
            locals: &setting.views,
            parameters: &setting.parameters,
            planned,
            approved_pipeline: setting.approved,
        }
    }
}
