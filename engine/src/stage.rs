//! Stages of pipelines: planned without running, and run so that a repeated attempt commits once.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::Schema;
use futures::future::BoxFuture;
use sluice_catalog::{ColumnSnapshot, Contents, SchemaSnapshot, TableKind, TableRequest, TableSnapshot, delta};
use sluice_model::TableName;
use sluice_planner::{
    AuthorizedPlan, Destination,
    bind::{self, LocalView, Parameters},
    parse::{Expectation, TableRef, Versions},
};
use sqlparser::ast;
use url::Url;

use crate::{
    EngineError, Session,
    load::{Loaded, Outside},
    stored_tags::gained,
    write::{Done, Job, Planned, location as location_of, managed, plan_in},
};

/// A stage that makes rows.
pub struct Stage<'a> {
    /// The query.
    pub query: &'a ast::Query,
    /// Which table names in it stand for a version.
    pub versions: &'a Versions,
    /// Everything that the query, the expectations and the local views that they use name.
    pub relations: Vec<TableRef>,
    /// The stage's own text, for the audit log and lineage.
    pub text: &'a str,
    /// Where the rows go.
    pub target: StageTarget<'a>,
    /// The pipeline's temporary views.
    pub locals: &'a HashMap<String, LocalView>,
    /// The run's parameters.
    pub parameters: &'a Parameters,
    /// The tables that earlier stages will write, while nothing is run yet.
    pub planned: &'a HashMap<TableName, Arc<TableSnapshot>>,
    /// Whether the pipeline's file has been approved for production.
    pub approved_pipeline: bool,
}

/// Where a stage's rows go.
#[derive(Clone, Copy)]
pub enum StageTarget<'a> {
    /// Into a table in place of all its rows; the table is made where it does not exist.
    Materialize {
        /// The table.
        table: &'a TableName,
        /// What the rows are held against.
        expectations: &'a [Expectation],
    },
    /// Into a table besides its rows.
    Insert {
        /// The table.
        table: &'a TableName,
        /// The columns that are named; empty for all of them in order.
        columns: &'a [Arc<str>],
    },
}

impl StageTarget<'_> {
    fn table(&self) -> &TableName {
        match self {
            Self::Materialize { table, .. } | Self::Insert { table, .. } => table,
        }
    }
}

/// A stage that could run.
#[derive(Debug)]
pub struct CheckedStage {
    /// The table as the stage would leave it.
    pub output: Arc<TableSnapshot>,
    /// Every table that it reads at its newest version, also through views; some perhaps twice.
    pub inputs: Vec<TableName>,
    /// What was decided.
    pub decisions: Vec<StageDecision>,
}

/// One decision about a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageDecision {
    /// What it was about: `table crm.t`, or `tag pii.email @ crm.users.email`.
    pub object: String,
    /// What was asked.
    pub action: String,
    /// What was answered.
    pub decision: &'static str,
    /// The policies that determined it.
    pub policies: Vec<String>,
}

/// By what a stage's commit is recognized.
#[derive(Debug, Clone)]
pub struct StageCommit {
    /// The run.
    pub run: String,
    /// The stage.
    pub stage: String,
}

/// What a stage did.
#[derive(Debug, Clone)]
pub struct StageOutcome {
    /// How many rows were written; `None` where that is withheld.
    pub rows: Option<u64>,
    /// The table's new version.
    pub version: u64,
    /// How many rows violate each expectation; `None` where that is withheld.
    pub expectations: Vec<(Arc<str>, Option<u64>)>,
    /// The tags that the table did not have before, as `column: tag`.
    pub tags_gained: Vec<String>,
    /// Whether a former attempt of the run had committed it already.
    pub already_committed: bool,
}

impl Session {
    /// Plans a stage as it would run now.
    ///
    /// # Errors
    /// [`EngineError`] as [`Session::run_stage`] would answer before running anything.
    pub async fn check_stage(&self, stage: &Stage<'_>) -> Result<CheckedStage, EngineError> {
        let loaded = self.load_stage(stage).await?;
        let planned = self.plan_stage(stage, &loaded).await?;
        let decisions = decisions(&planned.plan);
        let relations = planned.plan.relations().iter().map(|relation| &relation.table);
        let inputs = relations
            .filter(|table| loaded.table(&table.name).is_some_and(|latest| Arc::ptr_eq(latest, table)))
            .map(|table| table.name.clone())
            .collect();
        let output = self.output(stage, &loaded, &planned.plan).await?;
        Ok(CheckedStage { output, inputs, decisions })
    }

    /// Runs a stage: one Delta commit, however often it is tried.
    ///
    /// # Errors
    /// [`EngineError`]; the table is as it was before, then.
    // Boxed where all lifetimes are known: within a spawned task the compiler cannot see any more that it is `Send`.
    pub fn run_stage<'a>(
        &'a self,
        stage: &'a Stage<'a>,
        commit: &'a StageCommit,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> BoxFuture<'a, Result<StageOutcome, EngineError>> {
        Box::pin(self.run_planned_stage(stage, commit, progress))
    }

    async fn run_planned_stage(
        &self,
        stage: &Stage<'_>,
        commit: &StageCommit,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<StageOutcome, EngineError> {
        let loaded = self.load_stage(stage).await?;
        let planned = self.plan_stage(stage, &loaded).await?;
        let transaction = format!("sluice/{}/{}", commit.run, commit.stage);
        let name = stage.target.table().clone();
        let existing = loaded.table(&name).cloned();
        let tags_gained = gained(planned.plan.stored_labels(), existing.as_deref());
        let job = Job::of_stage(self, stage.text, planned, transaction.clone(), progress);
        let replaces = matches!(stage.target, StageTarget::Materialize { .. });

        let location = match &existing {
            Some(table) => location_of(table)?,
            None => self.new_location(&name, &transaction)?,
        };
        if committed_before(&name, &location, &transaction).await? {
            match &existing {
                Some(table) => job.settle(table, replaces).await?,
                None => job.adopt(&name, &location).await?,
            }
            let version = existing.as_ref().and_then(|table| table.version).unwrap_or_default();
            return Ok(outcome(job.plan(), None, version, tags_gained));
        }
        let done = match (&existing, replaces) {
            (None, _) => {
                // A former attempt may have left files without a commit here.
                let cannot_write = |source| EngineError::Write { table: name.clone(), source };
                delta::remove_table(&location).await.map_err(cannot_write)?;
                job.create_at(&name, &location).await?
            }
            (Some(table), true) => job.refresh_table(table).await?,
            (Some(table), false) => job.append_to(table).await?,
        };
        let version = done.committed.version;
        Ok(outcome(job.plan(), Some(&done), version, tags_gained))
    }

    async fn load_stage(&self, stage: &Stage<'_>) -> Result<Loaded, EngineError> {
        let mut relations = stage.relations.clone();
        let target = TableRef::Table(TableRequest { name: stage.target.table().clone(), at: Default::default() });
        if !relations.contains(&target) {
            relations.push(target);
        }
        self.load(&relations, stage.planned).await
    }

    async fn plan_stage(&self, stage: &Stage<'_>, loaded: &Loaded) -> Result<Planned, EngineError> {
        let outside = Outside {
            functions: self.functions(),
            locals: stage.locals,
            parameters: stage.parameters,
            approved_pipeline: stage.approved_pipeline,
        };
        match stage.target {
            StageTarget::Materialize { table: name, expectations } => {
                let schema;
                let existing = loaded.table(name);
                let destination = match existing {
                    Some(_) => Destination::Refresh(existing_managed(self, loaded, name)?),
                    None => {
                        schema = self.schema_for(loaded, &name.schema, stage.approved_pipeline).await?;
                        Destination::NewTable(&schema, name)
                    }
                };
                plan_in(loaded, &outside, destination, |surroundings, decisions| {
                    let bound = bind::bind(stage.query, stage.versions, surroundings, decisions)?;
                    bind::bind_expected(bound, expectations, stage.versions, surroundings, decisions)
                })
            }
            StageTarget::Insert { table: name, columns } => {
                let table = managed(self, loaded, name)?;
                plan_in(loaded, &outside, Destination::Insert(&table), |surroundings, decisions| {
                    let bound = bind::bind(stage.query, stage.versions, surroundings, decisions)?;
                    bind::bind_insert(bound, &table, columns)
                })
            }
        }
    }

    /// The table as the stage would leave it.
    async fn output(
        &self,
        stage: &Stage<'_>,
        loaded: &Loaded,
        plan: &AuthorizedPlan,
    ) -> Result<Arc<TableSnapshot>, EngineError> {
        let name = stage.target.table();
        let existing = loaded.table(name);
        let labels = plan.stored_labels();
        if let (StageTarget::Insert { .. }, Some(table)) = (stage.target, existing) {
            let mut table = table.as_ref().clone();
            for column in &mut table.columns {
                let new = labels.columns.iter().find(|(name, _)| *name == column.name);
                column.tags.extend(new.into_iter().flat_map(|(_, tags)| tags.iter().cloned()));
            }
            table.row_tags.extend(labels.rows.iter().cloned());
            return Ok(Arc::new(table));
        }
        let schema: SchemaSnapshot = match existing {
            Some(table) => table.schema.clone(),
            None => self.schema_for(loaded, &name.schema, stage.approved_pipeline).await?,
        };
        let markers = plan.expectations().markers().len();
        let fields = plan.plan().schema().fields();
        let fields: Vec<_> = fields.iter().take(fields.len() - markers).map(|field| field.as_ref().clone()).collect();
        let stored = delta::stored_schema(&Schema::new(fields))
            .map_err(|source| EngineError::Write { table: name.clone(), source })?;
        let by_hand = |tags: &[sluice_catalog::StoredTag]| {
            tags.iter().filter(|tag| tag.source == sluice_model::TagSource::Set).cloned().collect::<Vec<_>>()
        };
        let columns = labels.columns.iter().map(|(column, tags)| {
            let mut tags = tags.clone();
            let before = existing.and_then(|table| table.columns.iter().find(|before| before.name == *column));
            tags.extend(before.map(|before| by_hand(&before.tags)).unwrap_or_default());
            ColumnSnapshot { name: Arc::clone(column), tags }
        });
        let mut row_tags = labels.rows.clone();
        row_tags.extend(existing.map(|table| by_hand(&table.row_tags)).unwrap_or_default());
        Ok(Arc::new(TableSnapshot {
            id: existing
                .map_or_else(|| sluice_catalog::ObjectId(format!("planned:{name}").into()), |table| table.id.clone()),
            name: name.clone(),
            schema,
            kind: TableKind::Managed,
            owner: existing
                .map_or_else(|| Arc::clone(&self.subject().principal.name), |table| Arc::clone(&table.owner)),
            approved_for_experiment: existing.is_some_and(|table| table.approved_for_experiment),
            version: None,
            location: None,
            columns: columns.collect(),
            row_tags,
            vanished: Vec::new(),
            arrow_schema: stored,
            contents: Contents::Planned,
        }))
    }
}

fn existing_managed<'l>(
    session: &Session,
    loaded: &'l Loaded,
    name: &TableName,
) -> Result<&'l TableSnapshot, EngineError> {
    managed(session, loaded, name)?;
    loaded.table(name).map(AsRef::as_ref).ok_or_else(|| EngineError::not_visible(name))
}

async fn committed_before(name: &TableName, location: &Url, transaction: &str) -> Result<bool, EngineError> {
    let cannot_write = |source| EngineError::Write { table: name.clone(), source };
    if delta::latest_version(location).await.map_err(cannot_write)?.is_none() {
        return Ok(false);
    }
    Ok(delta::last_transaction(location, transaction).await.map_err(cannot_write)?.is_some())
}

fn outcome(plan: &AuthorizedPlan, done: Option<&Done>, version: u64, tags_gained: Vec<String>) -> StageOutcome {
    let metrics = plan.metrics();
    let rows = done.filter(|_| metrics.rows).map(|done| done.committed.rows);
    let expectations = plan
        .expectations()
        .markers()
        .iter()
        .enumerate()
        .map(|(index, marker)| {
            let shown = metrics.markers.get(index).copied().unwrap_or(false);
            (Arc::clone(&marker.name), done.filter(|_| shown).map(|done| done.counts[index]))
        })
        .collect();
    StageOutcome { rows, version, expectations, tags_gained, already_committed: done.is_none() }
}

fn decisions(plan: &AuthorizedPlan) -> Vec<StageDecision> {
    let accesses = plan.accesses().iter().map(|access| StageDecision {
        object: access.object.clone(),
        action: access.action.as_str().to_owned(),
        decision: "allow",
        policies: access.decision.policies.clone(),
    });
    let rulings = plan.rulings().iter().map(|ruling| StageDecision {
        object: format!("{} ({})", ruling.element, ruling.flow),
        action: ruling.action.as_str().to_owned(),
        decision: ruling.verdict.as_str(),
        policies: ruling.decision.policies.clone(),
    });
    accesses.chain(rulings).collect()
}
