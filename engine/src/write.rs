//! Statements that write: `CREATE TABLE`, `INSERT`, `UPDATE`, `DELETE`, `MERGE`.
//!
//! All of them run a query whose rows become the rows of a managed table, in one Delta commit.
//!
//! INVARIANT: a table's tags are at every moment at least those of every version that can be read as its newest. So
//! tags are added before the commit and taken away after it, and a new table gets its name last.

use std::{collections::HashMap, sync::Arc, time::Instant};

use arrow::datatypes::Schema;
use serde_json::json;
use sluice_catalog::{
    Change, CommittedVersion, Contents, DeltaCommit, LineageEdge, LineageKind, NewTable, ObjectId, SchemaSnapshot,
    TableKind, TableSnapshot, TableSource, WriteMode,
};
use sluice_model::{Digest, TableAction, TableName};
use sluice_planner::{
    AuthorizedPlan, Destination, LineageEdge as PlannedEdge, PlanError, StoredLabels, authorize,
    bind::{self, BoundPlan, ParameterType, Parameters, Surroundings},
    enforce, label, lineage,
    parse::{CreateTable, Parsed, TableRef, Write},
};
use sluice_policy::{Decisions, SchemaResource};
use tracing::info_span;
use url::Url;

use crate::{
    Described, EngineError, Outcome, ResultLabels, Session, StatementKind,
    audit::Audited,
    load::{Loaded, Outside},
    sink::{Pending, write_files},
    stored_tags::{column_metadata, new_columns, own_unclassified},
};

pub(crate) async fn run(
    session: &Session,
    parsed: &Parsed,
    write: &Write,
    parameters: &Parameters,
) -> Result<Outcome, EngineError> {
    let loaded = load(session, parsed, write).await?;
    if let Write::CreateTable(create) = write {
        let schema = visible_schema(session, &loaded, &create.name).await?;
        if let Some(outcome) = existing(session, create, &schema, &loaded)? {
            return Ok(outcome);
        }
        if create.query.is_none() {
            return create_empty(session, parsed, create, &loaded).await;
        }
    }
    let planned = plan(session, parsed, write, &loaded, parameters).await?;
    let job = Job::new(session, parsed, planned);
    match write {
        Write::CreateTable(create) => match loaded.table(&create.name) {
            Some(table) => job.refresh(table).await,
            None => job.create(&create.name).await,
        },
        Write::Insert { table, overwrite, .. } => {
            let table = managed(session, &loaded, table)?;
            if *overwrite { job.refresh(&table).await } else { job.append(&table).await }
        }
        Write::Update(_) | Write::Delete(_) | Write::Merge(_) => {
            let table = managed(session, &loaded, &target(parsed, write)?)?;
            job.change(&table).await
        }
    }
}

/// What a write would answer, and the parameters that it takes. Nothing is run.
pub(crate) async fn describe(
    session: &Session,
    parsed: &Parsed,
    write: &Write,
    parameters: Option<&Parameters>,
) -> Result<Described, EngineError> {
    let loaded = load(session, parsed, write).await?;
    let described = |parameters| Described {
        kind: StatementKind::Write,
        schema: Arc::new(Schema::empty()),
        labels: ResultLabels::default(),
        parameters,
    };
    if let Write::CreateTable(create) = write {
        let schema = visible_schema(session, &loaded, &create.name).await?;
        if existing(session, create, &schema, &loaded)?.is_some() || create.query.is_none() {
            return Ok(described(Vec::new()));
        }
    }
    let open = Parameters::open(declared(session, parsed, write, &loaded)?);
    let planned = plan(session, parsed, write, &loaded, parameters.unwrap_or(&open)).await?;
    Ok(described(planned.plan.parameters().to_vec()))
}

/// The parameters of a write, with types where they stand as values for columns.
fn declared(
    session: &Session,
    parsed: &Parsed,
    write: &Write,
    loaded: &Loaded,
) -> Result<Vec<ParameterType>, EngineError> {
    let known = match write {
        Write::Insert { table, columns, query, .. } => {
            bind::insert_parameters(query, managed(session, loaded, table)?.as_ref(), columns)
        }
        Write::CreateTable(_) | Write::Update(_) | Write::Delete(_) | Write::Merge(_) => Vec::new(),
    };
    let typed = parsed.parameters.iter().map(|name| {
        let found = known.iter().find(|(known, _)| known == name);
        (Arc::clone(name), found.and_then(|(_, data_type)| data_type.clone()))
    });
    Ok(typed.collect())
}

async fn load(session: &Session, parsed: &Parsed, write: &Write) -> Result<Loaded, EngineError> {
    let mut relations = parsed.relations();
    let name = target(parsed, write)?;
    let target_ref = TableRef::Table(sluice_catalog::TableRequest { name, at: Default::default() });
    if !relations.contains(&target_ref) {
        relations.push(target_ref);
    }
    session.load(&relations, &HashMap::new()).await
}

fn target(parsed: &Parsed, write: &Write) -> Result<TableName, EngineError> {
    write.target(&parsed.versions).ok_or_else(|| {
        EngineError::invalid("the statement does not name a table to write", "write its name as schema.table")
    })
}

/// Whether the caller may see the table `name`, or else make it in `schema`.
///
/// INVARIANT: this comes before anything that depends on whether the table is there. Who may make it would meet it.
pub(crate) fn require_seen_or_create(
    session: &Session,
    loaded: &Loaded,
    schema: &SchemaSnapshot,
    name: &TableName,
) -> Result<(), EngineError> {
    let mut decisions = Decisions::new(&loaded.authorizer, &loaded.subject);
    let mut is_seen =
        |table: &TableSnapshot| decisions.table(TableAction::See, &bind::resource(table, false)).is_allowed();
    if loaded.table(name).is_some_and(|table| is_seen(table)) {
        return Ok(());
    }
    let (locals, parameters) = (HashMap::new(), Parameters::default());
    let outside = session.outside(&locals, &parameters);
    let surroundings = loaded.surroundings(&outside);
    let resource = SchemaResource { id: schema.id.as_str(), domain: schema.domain, approved_pipeline: false };
    let decision = decisions.schema(TableAction::Create, &resource);
    let object = format!("schema {}", schema.name);
    Ok(sluice_planner::require(&decision, object, TableAction::Create, schema.domain, &surroundings)?)
}

/// What `CREATE TABLE` says of a table that is there: nothing where it will be replaced.
fn existing(
    session: &Session,
    create: &CreateTable,
    schema: &SchemaSnapshot,
    loaded: &Loaded,
) -> Result<Option<Outcome>, EngineError> {
    require_seen_or_create(session, loaded, schema, &create.name)?;
    let Some(existing) = loaded.table(&create.name) else { return Ok(None) };
    if create.if_not_exists {
        return Ok(Some(Outcome::done(format!("table {} exists already", create.name))));
    }
    if !create.or_replace {
        return Err(EngineError::invalid(
            format!("table `{}` already exists", create.name),
            "drop it first, or write CREATE OR REPLACE TABLE",
        ));
    }
    if existing.kind != TableKind::Managed {
        return Err(not_managed(existing));
    }
    Ok(None)
}

/// Plans a write whose rows come from a query.
async fn plan(
    session: &Session,
    parsed: &Parsed,
    write: &Write,
    loaded: &Loaded,
    parameters: &Parameters,
) -> Result<Planned, EngineError> {
    let locals = HashMap::new();
    let outside = session.outside(&locals, parameters);
    let versions = &parsed.versions;
    match write {
        Write::CreateTable(create) => {
            let schema = visible_schema(session, loaded, &create.name).await?;
            let destination = match loaded.table(&create.name) {
                Some(table) => Destination::Refresh(table),
                None => Destination::NewTable(&schema, &create.name),
            };
            let query = create.query.as_ref().ok_or_else(|| EngineError::Bug("a table without a query".to_owned()))?;
            let declared = bind::column_schema(&create.columns, session.functions())?;
            plan_in(loaded, &outside, destination, |surroundings, decisions| {
                let bound = bind::bind(query, versions, surroundings, decisions)?;
                if create.columns.is_empty() { Ok(bound) } else { bind::bind_declared(bound, &declared, &create.name) }
            })
        }
        Write::Insert { table, columns, overwrite, query } => {
            let table = managed(session, loaded, table)?;
            let destination = if *overwrite { Destination::Refresh(&table) } else { Destination::Insert(&table) };
            plan_in(loaded, &outside, destination, |surroundings, decisions| {
                bind::bind_insert(bind::bind(query, versions, surroundings, decisions)?, &table, columns)
            })
        }
        Write::Update(_) | Write::Delete(_) | Write::Merge(_) => {
            let table = managed(session, loaded, &target(parsed, write)?)?;
            plan_in(loaded, &outside, Destination::Change(&table), |surroundings, decisions| {
                bind::bind_change(write, &table, versions, surroundings, decisions)
            })
        }
    }
}

/// `CREATE TABLE t (columns)`: no rows, and nobody has classified the columns yet.
async fn create_empty(
    session: &Session,
    parsed: &Parsed,
    create: &CreateTable,
    loaded: &Loaded,
) -> Result<Outcome, EngineError> {
    if loaded.table(&create.name).is_some() {
        return Err(EngineError::invalid(
            format!("table `{}` already exists", create.name),
            "CREATE OR REPLACE TABLE takes a query; drop the table first to start it empty",
        ));
    }
    let columns = bind::column_schema(&create.columns, session.functions())?;
    session.record(Audited::allowed(&parsed.text, Default::default())).await?;
    let location = session.new_location(&create.name, &uuid::Uuid::new_v4().to_string())?;
    let cannot_write = |source| EngineError::Write { table: create.name.clone(), source };
    let write = sluice_catalog::DeltaWrite::begin(&location, Arc::new(columns.clone()), WriteMode::Create)
        .await
        .map_err(cannot_write)?;
    let commit = DeltaCommit {
        operation: "CREATE TABLE".to_owned(),
        app_id: None,
        column_metadata: Default::default(),
        info: Default::default(),
    };
    write.commit(commit).await.map_err(cannot_write)?;
    let labels = StoredLabels {
        columns: columns.fields().iter().map(|field| (field.name().as_str().into(), Vec::new())).collect(),
        rows: Vec::new(),
    };
    session.name_table(&create.name, &location, &labels, &columns).await?;
    Ok(Outcome::done(format!("created table {}", create.name)))
}

/// An authorized plan with its lineage.
pub(crate) struct Planned {
    pub(crate) plan: AuthorizedPlan,
    pub(crate) lineage: Vec<PlannedEdge>,
    pub(crate) analysis: std::time::Duration,
}

/// Takes what `bind` makes through labels, decisions and enforcement.
pub(crate) fn plan_in(
    loaded: &Loaded,
    outside: &Outside<'_>,
    destination: Destination<'_>,
    bind: impl FnOnce(&Surroundings<'_>, &mut Decisions<'_>) -> Result<BoundPlan, PlanError>,
) -> Result<Planned, EngineError> {
    let surroundings = loaded.surroundings(outside);
    let mut decisions = Decisions::new(&loaded.authorizer, &loaded.subject);
    let bound = info_span!("bind").in_scope(|| bind(&surroundings, &mut decisions))?;
    let started = Instant::now();
    let lineage = lineage(&bound)?;
    let labeled = info_span!("label").in_scope(|| label::label(bound))?;
    let decided =
        info_span!("authorize").in_scope(|| authorize(labeled, destination, &surroundings, &mut decisions))?;
    let plan = info_span!("enforce").in_scope(|| enforce(decided));
    Ok(Planned { plan, lineage, analysis: started.elapsed() })
}

/// The table `name`, if the caller may know of it and it is one that Sluice writes.
pub(crate) fn managed(session: &Session, loaded: &Loaded, name: &TableName) -> Result<Arc<TableSnapshot>, EngineError> {
    let table = session.visible_table(loaded, name)?;
    if table.kind == TableKind::Managed { Ok(table) } else { Err(not_managed(&table)) }
}

fn not_managed(table: &TableSnapshot) -> EngineError {
    EngineError::invalid(
        format!(
            "`{}` is {} and is not written by Sluice",
            table.name,
            match table.kind {
                TableKind::External => "an external table",
                TableKind::View => "a view",
                TableKind::Managed => "a managed table",
                TableKind::Temporary => "a temporary table",
            }
        ),
        "write into a table made with CREATE TABLE",
    )
}

pub(crate) async fn visible_schema(
    session: &Session,
    loaded: &Loaded,
    name: &TableName,
) -> Result<SchemaSnapshot, EngineError> {
    session.schema_for(loaded, &name.schema, false).await
}

/// A planned write, and what is written down about it.
pub(crate) struct Job<'a> {
    session: &'a Session,
    text: &'a str,
    planned: Planned,
    /// The transaction that makes a repeated attempt recognizable.
    transaction: Option<String>,
    progress: &'a (dyn Fn(u64) + Send + Sync),
}

/// What a write did.
pub(crate) struct Done {
    pub(crate) committed: CommittedVersion,
    pub(crate) counts: Vec<u64>,
}

impl<'a> Job<'a> {
    fn new(session: &'a Session, parsed: &'a Parsed, planned: Planned) -> Self {
        Self { session, text: &parsed.text, planned, transaction: None, progress: &|_| {} }
    }

    /// A write of a pipeline's stage, known by its transaction.
    pub(crate) fn of_stage(
        session: &'a Session,
        text: &'a str,
        planned: Planned,
        transaction: String,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    ) -> Self {
        Self { session, text, planned, transaction: Some(transaction), progress }
    }

    pub(crate) fn plan(&self) -> &AuthorizedPlan {
        &self.planned.plan
    }

    async fn create(self, name: &TableName) -> Result<Outcome, EngineError> {
        let location = self.session.new_location(name, &uuid::Uuid::new_v4().to_string())?;
        let done = self.create_at(name, &location).await?;
        Ok(self.outcome("created", name, done.committed.rows))
    }

    async fn refresh(self, table: &TableSnapshot) -> Result<Outcome, EngineError> {
        let done = self.refresh_table(table).await?;
        Ok(self.outcome("replaced", &table.name, done.committed.rows))
    }

    async fn append(self, table: &TableSnapshot) -> Result<Outcome, EngineError> {
        let done = self.append_to(table).await?;
        Ok(self.outcome("inserted into", &table.name, done.committed.rows))
    }

    async fn change(self, table: &TableSnapshot) -> Result<Outcome, EngineError> {
        let mode = WriteMode::Overwrite { expected_version: version(table)? };
        let done = self.write_over(table, mode, "CHANGE", false).await?;
        // A `MERGE` also marks rows that were never in the table; what it changed has a marker of its own.
        let markers = self.planned.plan.expectations().markers();
        let counted = markers.iter().position(|marker| &*marker.name == bind::CHANGED).unwrap_or(0);
        let changed = done.counts.get(counted).copied().unwrap_or(0);
        Ok(self.outcome("changed", &table.name, changed))
    }

    fn outcome(&self, verb: &str, name: &TableName, rows: u64) -> Outcome {
        let metrics = self.planned.plan.metrics();
        let shown = metrics.rows && metrics.markers.iter().all(|shown| *shown);
        let affected = shown.then_some(rows);
        let count = affected.map_or_else(|| "row count withheld".to_owned(), |rows| format!("{rows} rows"));
        Outcome::Done { message: format!("{verb} {name} ({count})"), affected }
    }

    /// Makes a table at `location`, then gives it its name.
    pub(crate) async fn create_at(&self, name: &TableName, location: &Url) -> Result<Done, EngineError> {
        let labels = self.planned.plan.stored_labels();
        let record = self.record().await?;
        let pending = self.files(name, location, WriteMode::Create).await?;
        let (schema, done) = self.commit(name, pending, "CREATE TABLE AS SELECT", labels, None).await?;
        let id = self.session.name_table(name, location, labels, &schema).await?;
        self.keep_lineage(&id, record, &done).await?;
        Ok(done)
    }

    /// Gives a table its name that a former attempt committed and could not name any more.
    pub(crate) async fn adopt(&self, name: &TableName, location: &Url) -> Result<(), EngineError> {
        let labels = self.planned.plan.stored_labels();
        let schema = self.planned.plan.plan().schema().as_arrow().clone();
        let id = self.session.name_table(name, location, labels, &schema).await?;
        self.session.engine().catalog().record_lineage(&id, &self.edges(), self.text).await?;
        Ok(())
    }

    pub(crate) async fn refresh_table(&self, table: &TableSnapshot) -> Result<Done, EngineError> {
        let mode = WriteMode::Overwrite { expected_version: version(table)? };
        self.write_over(table, mode, "REFRESH", true).await
    }

    pub(crate) async fn append_to(&self, table: &TableSnapshot) -> Result<Done, EngineError> {
        self.write_over(table, WriteMode::Append, "INSERT", false).await
    }

    /// Writes into an existing table. Where all its rows are new ones, its propagated tags are theirs afterwards.
    async fn write_over(
        &self,
        table: &TableSnapshot,
        mode: WriteMode,
        operation: &str,
        replaces: bool,
    ) -> Result<Done, EngineError> {
        let labels = self.planned.plan.stored_labels();
        let record = self.record().await?;
        let location = location(table)?;
        let pending = self.files(&table.name, &location, mode).await?;
        if let Err(error) = self.grow_tags(table, labels, replaces).await {
            let _ = pending.write.abort().await;
            return Err(error);
        }
        let merged = if replaces { labels.clone() } else { merged(table, labels) };
        let (schema, done) = self.commit(&table.name, pending, operation, &merged, Some(table)).await?;
        if replaces {
            self.settle_tags(table, labels, &schema).await?;
        }
        self.keep_lineage(&table.id, record, &done).await?;
        Ok(done)
    }

    /// What a former attempt could not finish after its commit: the table's tags are those of its rows again.
    pub(crate) async fn settle(&self, table: &TableSnapshot, replaces: bool) -> Result<(), EngineError> {
        let labels = self.planned.plan.stored_labels();
        if replaces {
            let schema = Arc::clone(&table.arrow_schema);
            self.settle_tags(table, labels, &schema).await?;
        } else {
            self.grow_tags(table, labels, false).await?;
        }
        self.session.engine().catalog().record_lineage(&table.id, &self.edges(), self.text).await?;
        Ok(())
    }

    async fn grow_tags(&self, table: &TableSnapshot, labels: &StoredLabels, replaces: bool) -> Result<(), EngineError> {
        let known = labels.columns.iter().filter(|(name, _)| table.columns.iter().any(|column| column.name == *name));
        let known: Vec<_> = known
            .filter_map(|(name, tags)| match tags.as_slice() {
                // New rows without tags are unclassified, whatever the former ones were.
                [] if replaces => Some((Arc::clone(name), vec![own_unclassified(&table.name, name)])),
                [] => None,
                tags => Some((Arc::clone(name), tags.to_vec())),
            })
            .collect();
        let change = self.change_note();
        Ok(self.session.engine().catalog().add_propagated(&table.id, &known, &labels.rows, &change).await?)
    }

    async fn settle_tags(
        &self,
        table: &TableSnapshot,
        labels: &StoredLabels,
        schema: &arrow::datatypes::Schema,
    ) -> Result<(), EngineError> {
        let columns = new_columns(labels, schema);
        let change = self.change_note();
        Ok(self.session.engine().catalog().replace_propagated(&table.id, &columns, &labels.rows, &change).await?)
    }

    fn change_note(&self) -> Change<'_> {
        Change { by: &self.session.subject().principal.name, why: Some(self.text) }
    }

    async fn files(&self, name: &TableName, location: &Url, mode: WriteMode) -> Result<Pending, EngineError> {
        write_files(self.session, &self.planned.plan, name, location, mode, self.progress).await
    }

    async fn commit(
        &self,
        name: &TableName,
        pending: Pending,
        operation: &str,
        labels: &StoredLabels,
        existing: Option<&TableSnapshot>,
    ) -> Result<(arrow::datatypes::SchemaRef, Done), EngineError> {
        let Pending { write, schema, counts } = pending;
        let mut info = serde_json::Map::new();
        info.insert("sluice.principal".to_owned(), json!(self.session.subject().principal.name));
        let commit = DeltaCommit {
            operation: operation.to_owned(),
            app_id: self.transaction.clone().map(|id| (id, 1)),
            column_metadata: column_metadata(labels, existing),
            info,
        };
        let cannot_write = |source| EngineError::Write { table: name.clone(), source };
        let committed = write.commit(commit).await.map_err(cannot_write)?;
        Ok((schema, Done { committed, counts }))
    }

    async fn record(&self) -> Result<i64, EngineError> {
        self.session.record(Audited::plan(self.text, &self.planned.plan, self.planned.analysis)).await
    }

    async fn keep_lineage(&self, table: &ObjectId, record: i64, done: &Done) -> Result<(), EngineError> {
        let catalog = self.session.engine().catalog();
        catalog.record_lineage(table, &self.edges(), self.text).await?;
        if self.planned.plan.metrics().rows {
            catalog.finish_audit(record, done.committed.rows).await?;
        }
        Ok(())
    }

    fn edges(&self) -> Vec<LineageEdge> {
        let edges = self.planned.lineage.iter().map(|edge| {
            let (kind, subtype) = edge.kind.as_strs();
            LineageEdge {
                output: Some(Arc::clone(&edge.output)),
                input: edge.input.clone(),
                kind: if kind == LineageKind::Direct.as_str() { LineageKind::Direct } else { LineageKind::Indirect },
                subtype: subtype.into(),
            }
        });
        edges.collect()
    }
}

/// The tags of a table that takes on `labels` besides what it has.
fn merged(table: &TableSnapshot, labels: &StoredLabels) -> StoredLabels {
    let columns = table.columns.iter().map(|column| {
        let mut tags = propagated(&column.tags);
        let new = labels.columns.iter().find(|(name, _)| *name == column.name).map(|(_, tags)| tags.as_slice());
        tags.extend(new.unwrap_or_default().iter().cloned());
        (Arc::clone(&column.name), tags)
    });
    let mut rows = propagated(&table.row_tags);
    rows.extend(labels.rows.iter().cloned());
    StoredLabels { columns: columns.collect(), rows }
}

fn propagated(tags: &[sluice_catalog::StoredTag]) -> Vec<sluice_catalog::StoredTag> {
    tags.iter().filter(|tag| tag.source == sluice_model::TagSource::Propagated).cloned().collect()
}

fn version(table: &TableSnapshot) -> Result<u64, EngineError> {
    table.version.ok_or_else(|| EngineError::Bug(format!("the managed table `{}` has no version", table.name)))
}

pub(crate) fn location(table: &TableSnapshot) -> Result<Url, EngineError> {
    table
        .location
        .as_deref()
        .filter(|_| matches!(table.contents, Contents::Files(_)))
        .and_then(|location| Url::parse(location).ok())
        .ok_or_else(|| EngineError::Bug(format!("the managed table `{}` has no location", table.name)))
}

impl Session {
    /// A folder of the warehouse for a table; the same for the same name and key.
    pub(crate) fn new_location(&self, name: &TableName, key: &str) -> Result<Url, EngineError> {
        let readable: String = format!("{}-{}", name.schema.as_str(), name.table)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' })
            .take(60)
            .collect();
        let folder = format!("{readable}-{}", Digest::of(format!("{name}\n{key}").as_bytes()).short());
        let path = self.engine().home().warehouse().join(folder);
        Url::from_directory_path(&path)
            .map_err(|()| EngineError::Bug(format!("`{}` is not an absolute path", path.display())))
    }

    /// Enters a written table into the catalog; from here on it can be seen.
    pub(crate) async fn name_table(
        &self,
        name: &TableName,
        location: &Url,
        labels: &StoredLabels,
        schema: &arrow::datatypes::Schema,
    ) -> Result<ObjectId, EngineError> {
        let table = NewTable {
            name: name.clone(),
            owner: Arc::clone(&self.subject().principal.name),
            source: TableSource::Managed { location: location.to_string() },
            columns: new_columns(labels, schema),
            row_tags: labels.rows.clone(),
        };
        Ok(self.engine().catalog().create_table(&table).await?.id)
    }
}
