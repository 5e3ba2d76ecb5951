//! Substrait plans as queries.
//!
//! A plan is decoded to one of our own whose scans do no more than name tables, and takes the way of every query from
//! there: bound to the catalog, labelled, decided. What the decoder cannot map is refused.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::SchemaRef,
    catalog::TableProvider,
    common::{DFSchema, TableReference, tree_node::TreeNodeRecursion},
    datasource::MemTable,
    error::DataFusionError,
    execution::{FunctionRegistry, SessionState},
    logical_expr::{Expr, LogicalPlan},
};
use datafusion_substrait::{
    extensions::Extensions,
    logical_plan::consumer::{SubstraitConsumer, from_substrait_plan_with_consumer},
    substrait::proto::Plan,
};
use parking_lot::Mutex;
use sluice_model::Digest;
use sluice_planner::{
    bind::Parameters,
    parse::{TableRef, Versions},
};

use crate::{Described, EngineError, Outcome, Session, guarded::Guarded, query};

/// How many tables a plan may name.
const MOST_TABLES: usize = 64;

/// A decoded plan.
#[derive(Debug, Clone)]
pub struct SubstraitQuery {
    plan: LogicalPlan,
    /// What its short names stand for.
    versions: Versions,
    /// What is written down about it.
    text: Arc<str>,
    message_bytes: usize,
}

impl SubstraitQuery {
    /// How much memory it takes, in bytes, roughly: an expression is some bytes of a message, and some hundred of a plan.
    pub fn bytes(&self) -> usize {
        32 * self.message_bytes
    }
}

impl Session {
    /// Decodes a Substrait plan, given as its protobuf message.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for what is no plan or has parts that cannot be mapped; what a text that names the
    /// same tables would answer, where they cannot be seen.
    pub async fn decode_substrait(&self, message: &[u8]) -> Result<SubstraitQuery, EngineError> {
        let plan = <Plan as prost::Message>::decode(message)
            .map_err(|_| EngineError::invalid("this is not a Substrait plan", "send the message `substrait.Plan`"))?;
        let mut known: Vec<(TableReference, SchemaRef)> = Vec::new();
        // The decoder wants to know a table's columns when it meets the table, so it is asked again after each.
        while known.len() <= MOST_TABLES {
            match decode(&plan, self.context().state(), &known).await? {
                Met::Plan(plan) => {
                    let text = format!("SUBSTRAIT PLAN {}", Digest::of(message).short()).into();
                    let versions = Versions::among(self.names());
                    return Ok(SubstraitQuery { plan, versions, text, message_bytes: message.len() });
                }
                Met::Table(table) => {
                    let schema = self.columns_of(&table).await?;
                    known.push((table, schema));
                }
            }
        }
        Err(EngineError::invalid(format!("a plan may name {MOST_TABLES} tables"), "split the query"))
    }

    /// As [`Session::describe`].
    ///
    /// # Errors
    /// [`EngineError`] as for a query.
    pub async fn describe_substrait(&self, query: &SubstraitQuery) -> Result<Described, EngineError> {
        let described =
            query::describe(self, query::Source::Plan(&query.plan, &query.versions), &Parameters::default()).await;
        self.recorded(described, query).await
    }

    /// As [`Session::run`].
    ///
    /// # Errors
    /// [`EngineError`] as for a query.
    pub async fn run_substrait(&self, query: &SubstraitQuery) -> Result<Outcome, EngineError> {
        let source = query::Source::Plan(&query.plan, &query.versions);
        let outcome = query::run(self, &query.text, source, &Parameters::default(), None).await;
        self.recorded(outcome, query).await
    }

    async fn recorded<T>(&self, result: Result<T, EngineError>, query: &SubstraitQuery) -> Result<T, EngineError> {
        if let Err(error) = &result {
            self.record_failure(&query.text, error, std::time::Duration::ZERO).await?;
        }
        result
    }

    /// The columns of a table or view that the caller may know of.
    async fn columns_of(&self, table: &TableReference) -> Result<SchemaRef, EngineError> {
        let parts = [table.catalog(), table.schema(), Some(table.table())].into_iter().flatten();
        self.columns(&parts.map(ToOwned::to_owned).collect::<Vec<_>>()).await.map(|(schema, _)| schema)
    }
}

/// What the decoder came to.
enum Met {
    /// The whole plan.
    Plan(LogicalPlan),
    /// A table whose columns it has to know.
    Table(TableReference),
}

async fn decode(plan: &Plan, state: &SessionState, known: &[(TableReference, SchemaRef)]) -> Result<Met, EngineError> {
    let refused = |error: &DataFusionError| EngineError::Invalid {
        message: format!("the Substrait plan cannot be read: {}", error.strip_backtrace()),
        hint: Some("send the same query as SQL, or leave the part out".to_owned()),
    };
    let extensions = Extensions::try_from(&plan.extensions).map_err(|error| refused(&error))?;
    let consumer = Consumer { extensions, state, known, wanted: Mutex::default(), outer: Mutex::default() };
    // The decoder takes some required parts for given, and panics where a plan lacks them.
    let decoded = Guarded::new(from_substrait_plan_with_consumer(&consumer, plan)).await;
    if let Some(table) = consumer.wanted.lock().take() {
        return Ok(Met::Table(table));
    }
    match decoded {
        Some(Ok(plan)) => Ok(Met::Plan(plan)),
        Some(Err(error)) => Err(refused(&error)),
        None => Err(EngineError::invalid("the Substrait plan lacks a required part", "check what made the plan")),
    }
}

/// Decodes over tables that are known by their columns alone. Extension relations, which have no rule, stay with the
/// trait's own answer: an error.
struct Consumer<'a> {
    extensions: Extensions,
    state: &'a SessionState,
    known: &'a [(TableReference, SchemaRef)],
    wanted: Mutex<Option<TableReference>>,
    outer: Mutex<Vec<Arc<DFSchema>>>,
}

#[async_trait::async_trait]
impl SubstraitConsumer for Consumer<'_> {
    async fn resolve_table_ref(
        &self,
        table: &TableReference,
    ) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.known.iter().find(|(known, _)| known == table) {
            Some((_, schema)) => Ok(Some(Arc::new(MemTable::try_new(Arc::clone(schema), vec![Vec::new()])?))),
            None => {
                self.wanted.lock().get_or_insert_with(|| table.clone());
                Ok(None)
            }
        }
    }

    fn get_extensions(&self) -> &Extensions {
        &self.extensions
    }

    fn get_function_registry(&self) -> &impl FunctionRegistry {
        self.state
    }

    fn push_outer_schema(&self, schema: Arc<DFSchema>) {
        self.outer.lock().push(schema);
    }

    fn pop_outer_schema(&self) {
        self.outer.lock().pop();
    }

    fn get_outer_schema(&self, steps_out: usize) -> Option<Arc<DFSchema>> {
        let schemas = self.outer.lock();
        schemas.get(schemas.len().checked_sub(steps_out)?).cloned()
    }

    fn push_lambda_parameters(
        &self,
        _parameters: &[datafusion_substrait::substrait::proto::Type],
        _input: &DFSchema,
    ) -> Result<Vec<String>, DataFusionError> {
        Err(DataFusionError::NotImplemented("lambdas are not supported".to_owned()))
    }

    fn pop_lambda_parameters(&self) {}

    fn lambda_variable(&self, _steps_out: usize, _field: usize) -> Result<Expr, DataFusionError> {
        Err(DataFusionError::NotImplemented("lambdas are not supported".to_owned()))
    }
}

/// The tables that a decoded plan names.
pub(crate) fn relations(plan: &LogicalPlan, versions: &Versions) -> Result<Vec<TableRef>, EngineError> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            found.push(versions.resolve(&scan.table_name.to_vec()));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(|error| EngineError::Bug(error.to_string()))?;
    Ok(found)
}
