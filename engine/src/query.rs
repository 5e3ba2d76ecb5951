//! Queries and their explanations.

use std::{
    collections::HashMap,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use arrow::{
    array::{RecordBatch, RecordBatchOptions},
    datatypes::{Schema, SchemaRef},
    error::ArrowError,
};
use datafusion::{
    error::DataFusionError, execution::SendableRecordBatchStream, logical_expr::LogicalPlan,
    physical_plan::stream::RecordBatchStreamAdapter,
};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use sluice_model::{ErrorClass, TableName};
use sluice_planner::{
    AuthorizedPlan, Destination, authorize,
    bind::{self, Parameters, Surroundings},
    enforce, explain as explain_labels, label,
    parse::{Explain, Parsed, Statement, TableRef, Versions},
    render_plan,
};
use sluice_policy::Decisions;
use sqlparser::ast;
use tracing::info_span;

use crate::{
    Described, EngineError, Outcome, ResultLabels, Session, StatementKind,
    answer::{Cell, answer},
    audit::Audited,
    exact::exact_pieces,
    load::Loaded,
    lookup::Lookup,
    prepared::Kept,
    ready::ReadyPlan,
    redact::redact,
};

/// What a query was written as.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// SQL, with the versions that it names.
    Text(&'a ast::Query, &'a Versions),
    /// A plan whose scans name tables, with what short names stand for.
    Plan(&'a LogicalPlan, &'a Versions),
}

impl Source<'_> {
    fn relations(self) -> Result<Vec<TableRef>, EngineError> {
        match self {
            Self::Text(query, versions) => Ok(versions.relations_of(query)),
            Self::Plan(plan, versions) => crate::substrait::relations(plan, versions),
        }
    }

    fn bind(
        self,
        surroundings: &Surroundings<'_>,
        decisions: &mut Decisions<'_>,
    ) -> Result<bind::BoundPlan, sluice_planner::PlanError> {
        match self {
            Self::Text(query, versions) => bind::bind(query, versions, surroundings, decisions),
            Self::Plan(plan, versions) => bind::bind_plan(plan.clone(), versions, surroundings, decisions),
        }
    }
}

/// What planning `source` needs of the catalog.
pub(crate) async fn load(session: &Session, source: Source<'_>) -> Result<Loaded, EngineError> {
    session.load(&source.relations()?, &HashMap::new()).await
}

/// Runs a query for whoever asks. `text` is what is written down about it, and `kept` what was planned for it before.
pub(crate) async fn run(
    session: &Session,
    text: &str,
    source: Source<'_>,
    parameters: &Parameters,
    kept: Option<&Kept>,
) -> Result<Outcome, EngineError> {
    let planned = match kept {
        Some(kept) => kept.get(session, parameters).await,
        None => None,
    };
    if let Some(lookup) = planned.as_ref().and_then(|planned| planned.lookup.as_ref())
        && let Some(ready) = lookup.with(parameters)
    {
        let record = session.record(lookup.audited()).await?;
        return Ok(start(session, lookup, &ready).await?.recorded(session, record));
    }
    let loaded = load(session, source).await?;
    let (plan, times) = plan(session, &loaded, source, parameters)?;
    let record = session.record(Audited::plan(text, &plan, times.analysis())).await?;
    let tables = tables(&plan);
    let (schema, rows) = session.execute(&plan).await.map_err(|error| translate(error, &tables))?;
    Ok(Answer::of(tables, &schema, rows).recorded(session, record))
}

/// Runs `lookup`, which is over at once, and writes it down when it is, with the number of its rows: none of them has been given
/// to anybody then.
pub(crate) async fn run_at_once(session: &Session, lookup: &Lookup, ready: &ReadyPlan) -> Result<Outcome, EngineError> {
    let found = async { start(session, lookup, ready).await?.whole().await }.await;
    let count = |batches: &[RecordBatch]| batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let rows = found.as_ref().ok().map(|(_, batches)| count(batches));
    session.record(lookup.audited().with_rows(rows)).await?;
    let (schema, batches) = found?;
    let rows = stream::iter(batches.into_iter().map(Ok));
    let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
    Ok(Outcome::Rows { schema, rows })
}

/// Starts `lookup` as it is `ready` to.
async fn start(session: &Session, lookup: &Lookup, ready: &ReadyPlan) -> Result<Answer, EngineError> {
    let tables = tables(lookup.authorized());
    let started = session.execute_ready(lookup.authorized(), ready).await;
    let (schema, rows) = started.map_err(|error| translate(error, &tables))?;
    Ok(Answer::of(tables, &schema, rows))
}

/// The answer of a query that has been started, as it leaves.
struct Answer {
    schema: SchemaRef,
    rows: BoxStream<'static, Result<RecordBatch, DataFusionError>>,
    counted: Arc<AtomicU64>,
}

impl Answer {
    /// `rows` with nothing but their values. Failures may name `tables`.
    fn of(tables: Vec<TableName>, schema: &Schema, rows: SendableRecordBatchStream) -> Self {
        // Files may bring metadata of their own, which names tags and origins that are not everybody's to know.
        let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_metadata(HashMap::new()));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let plain = Arc::clone(&schema);
        let counted = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&counted);
        let rows = rows.map(move |batch| -> Result<_, DataFusionError> {
            let batch = batch.map_err(|error| DataFusionError::External(Box::new(translate(error, &tables))))?;
            counting.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&plain), batch.columns().to_vec(), &options)
                .map_err(|error| DataFusionError::External(Box::new(EngineError::Bug(error.to_string()))))?;
            let pieces = exact_pieces(batch);
            Ok(stream::iter(pieces.map(|rows| rows.map_err(|e| DataFusionError::External(Box::new(unanswerable(e)))))))
        });
        Self { schema, rows: rows.try_flatten().boxed(), counted }
    }

    /// All of it.
    async fn whole(self) -> Result<(SchemaRef, Vec<RecordBatch>), EngineError> {
        let batches = self.rows.try_collect().await.map_err(EngineError::from_stream)?;
        Ok((self.schema, batches))
    }

    /// As it comes. Once the last row is out, `record` learns how many there were.
    fn recorded(self, session: &Session, record: i64) -> Outcome {
        let Self { schema, rows, counted } = self;
        let catalog = session.engine().catalog().clone();
        let finish = stream::once(async move {
            let rows = counted.load(Ordering::Relaxed);
            let finished = catalog.finish_audit(record, rows).await;
            finished.err().map(|error| Err(DataFusionError::External(Box::new(EngineError::from(error)))))
        });
        let rows = rows.chain(finish.filter_map(|error| async { error }));
        let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
        Outcome::Rows { schema, rows }
    }
}

/// What a query would answer, and the parameters that it takes. Nothing is run.
pub(crate) async fn describe(
    session: &Session,
    source: Source<'_>,
    parameters: &Parameters,
) -> Result<Described, EngineError> {
    let loaded = load(session, source).await?;
    describe_loaded(session, &loaded, source, parameters).await
}

/// As [`describe`], of what was loaded.
pub(crate) async fn describe_loaded(
    session: &Session,
    loaded: &Loaded,
    source: Source<'_>,
    parameters: &Parameters,
) -> Result<Described, EngineError> {
    let (plan, _) = plan(session, loaded, source, parameters)?;
    describe_plan(session, loaded, &plan).await
}

/// What a plan over what was loaded would answer.
pub(crate) async fn describe_plan(
    session: &Session,
    loaded: &Loaded,
    plan: &AuthorizedPlan,
) -> Result<Described, EngineError> {
    let answered = session.context().answered(plan.plan());
    let fields = answered.fields().iter().map(|field| field.as_ref().clone().with_metadata(HashMap::new()));
    Ok(Described {
        kind: StatementKind::Query,
        schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        labels: session.shown_labels(loaded, plan.dependencies(), plan.relations(), plan.plan().schema()).await?,
        parameters: plan.parameters().to_vec(),
    })
}

/// The columns of what a query answers and their labels, whoever may read them: whoever may know of the tables may
/// know of their columns.
pub(crate) async fn columns(session: &Session, parsed: &Parsed) -> Result<(SchemaRef, ResultLabels), EngineError> {
    let Statement::Query(query) = &parsed.statement else {
        return Err(EngineError::Bug("only a query has columns".to_owned()));
    };
    let loaded = session.load(&parsed.relations(), &HashMap::new()).await?;
    let labeled = {
        let (locals, parameters) = (HashMap::new(), Parameters::default());
        let outside = session.outside(&locals, &parameters);
        let mut decisions = Decisions::new(&loaded.authorizer, &loaded.subject);
        label::label(bind::bind(query, &parsed.versions, &loaded.surroundings(&outside), &mut decisions)?)?
    };
    let bound = labeled.bound();
    let labels =
        session.shown_labels(&loaded, labeled.dependencies(), bound.relations(), bound.plan().schema()).await?;
    Ok((Arc::new(bound.plan().schema().as_arrow().clone()), labels))
}

/// How long each stage of planning took.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlanningTimes {
    /// Names to columns.
    pub bind: Duration,
    /// Labels.
    pub label: Duration,
    /// Decisions.
    pub authorize: Duration,
    /// Making the plan runnable.
    pub enforce: Duration,
}

impl PlanningTimes {
    /// What governance adds to planning.
    pub fn analysis(&self) -> Duration {
        self.label + self.authorize + self.enforce
    }
}

pub(crate) fn plan(
    session: &Session,
    loaded: &Loaded,
    source: Source<'_>,
    parameters: &Parameters,
) -> Result<(AuthorizedPlan, PlanningTimes), EngineError> {
    let locals = HashMap::new();
    let outside = session.outside(&locals, parameters);
    let surroundings = loaded.surroundings(&outside);
    let mut times = PlanningTimes::default();
    let started = Instant::now();
    let mut decisions = Decisions::new(&loaded.authorizer, &loaded.subject);
    let bound = info_span!("bind").in_scope(|| source.bind(&surroundings, &mut decisions))?;
    times.bind = started.elapsed();
    let started = Instant::now();
    let labeled = info_span!("label").in_scope(|| label::label(bound))?;
    times.label = started.elapsed();
    let started = Instant::now();
    let decided = info_span!("authorize")
        .in_scope(|| authorize(labeled, Destination::Principal, &surroundings, &mut decisions))?;
    times.authorize = started.elapsed();
    let started = Instant::now();
    let plan = info_span!("enforce").in_scope(|| enforce(decided));
    times.enforce = started.elapsed();
    Ok((plan, times))
}

impl Session {
    /// Plans a query without running it, and says what each stage cost.
    ///
    /// # Errors
    /// [`EngineError`] as [`Session::run`].
    pub async fn time_planning(&self, parsed: &Parsed) -> Result<PlanningTimes, EngineError> {
        let Statement::Query(query) = &parsed.statement else {
            return Err(EngineError::invalid("only queries are timed", "give a SELECT"));
        };
        let loaded = self.load(&parsed.relations(), &HashMap::new()).await?;
        let source = Source::Text(query, &parsed.versions);
        plan(self, &loaded, source, &Parameters::default()).map(|(_, times)| times)
    }
}

/// `EXPLAIN` and `EXPLAIN GOVERNANCE`.
pub(crate) async fn explain(
    session: &Session,
    parsed: &Parsed,
    explain: &Explain,
    parameters: &Parameters,
) -> Result<Outcome, EngineError> {
    let started = Instant::now();
    let loaded = session.load(&parsed.relations(), &HashMap::new()).await?;
    let locals = HashMap::new();
    let outside = session.outside(&locals, parameters);
    let surroundings = loaded.surroundings(&outside);
    let mut rows = Vec::new();
    let text = {
        let mut decisions = Decisions::new(&loaded.authorizer, &loaded.subject);
        let bound = bind::bind(&explain.query, &parsed.versions, &surroundings, &mut decisions)?;
        let labeled = label::label(bound)?;
        if explain.governance {
            rows = explain_labels(&labeled, &surroundings, &mut decisions)?;
            String::new()
        } else {
            let text = render_plan(&labeled);
            // Who may not run a query is not shown how it would run.
            authorize(labeled, Destination::Principal, &surroundings, &mut decisions)?;
            text
        }
    };
    session.record(Audited::allowed(&parsed.text, started.elapsed())).await?;
    if !explain.governance {
        let lines = text.lines().map(|line| [Cell::from(line)]).collect();
        return answer(["plan"], &[], lines);
    }
    let mut origins = session.origins(&loaded);
    let mut cells = Vec::with_capacity(rows.len());
    for row in rows {
        cells.push([
            Cell::from(row.column),
            row.tag.as_str().into(),
            row.flow.as_str().into(),
            origins.show(&row.origin).await?.into(),
            row.action.as_str().into(),
            row.verdict.as_str().into(),
            (!row.policies.is_empty()).then(|| row.policies.join(", ")).into(),
            row.path.join(" → ").into(),
        ]);
    }
    answer(["column", "tag", "flow", "origin", "action", "decision", "policy", "path"], &[], cells)
}

/// The tables that the caller named: what may be said about where a failure happened.
pub(crate) fn tables(plan: &AuthorizedPlan) -> Vec<TableName> {
    let mut names: Vec<_> = plan
        .relations()
        .iter()
        .filter(|relation| relation.via.is_empty())
        .map(|relation| relation.table.name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Rows that cannot be cut to their values.
fn unanswerable(error: ArrowError) -> EngineError {
    match error {
        ArrowError::NotYetImplemented(why) => EngineError::Execution {
            message: format!("the rows cannot be answered: {why}"),
            class: ErrorClass::Caller,
            hint: Some("select the parts of a union one by one, with union_extract".to_owned()),
        },
        other => redact(&other.into(), &[]),
    }
}

/// An error of our own as it is; any other without what it says about the data.
pub(crate) fn translate(error: DataFusionError, tables: &[TableName]) -> EngineError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<EngineError>() {
            Ok(ours) => *ours,
            Err(other) => redact(&DataFusionError::External(other), tables),
        },
        other => redact(&other, tables),
    }
}
