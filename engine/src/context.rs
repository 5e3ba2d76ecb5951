//! The one owner of a DataFusion session, and the one place where a plan is executed.

use std::{path::Path, sync::Arc};

use arrow::{
    array::timezone::Tz,
    datatypes::{Schema, SchemaRef},
};
use datafusion::{
    catalog::{TableProvider, cte_worktable::CteWorkTable},
    common::tree_node::{Transformed, TreeNodeRecursion},
    datasource::{DefaultTableSource, provider_as_source},
    error::DataFusionError,
    execution::{
        SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, MemoryPool},
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    logical_expr::LogicalPlan,
    optimizer::Analyzer,
    physical_plan::execute_stream,
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
    prelude::SessionConfig,
};
use sluice_catalog::Contents;
use sluice_planner::{
    AuthorizedPlan,
    bind::{Functions, GovernedSource, SecurityBarrier, WorkTable},
};
use tokio_util::sync::CancellationToken;

use crate::{
    EngineError, Progress, Settings,
    barrier::{BarrierPlanner, with_safe_conditions_across},
    bounded::bounded,
    interrupt::interruptible,
    nested::with_exact_values,
};

/// Functions that answer neither their arguments nor anything computed from them: files' paths, the positions of rows
/// that a filter leaves, and what a table's own columns are called and annotated with.
const REVEALING: [&str; 4] = ["arrow_field", "arrow_metadata", "file_row_index", "input_file_name"];

/// A DataFusion session that runs authorized plans and nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    state: SessionState,
    /// The same without the functions that names in a text stand for: a bound plan holds its functions, and a state is
    /// copied for every statement.
    running: SessionState,
}

impl Context {
    pub(crate) fn new(settings: &Settings, spill: Option<&Path>) -> Result<Self, EngineError> {
        // What cannot be written cannot be spilled to; the system's own folder for such things will do.
        let spill = spill
            .map_or(DiskManagerMode::OsTmpDirectory, |folder| DiskManagerMode::Directories(vec![folder.to_path_buf()]));
        let mut config = SessionConfig::new().with_information_schema(false);
        if settings.target_partitions > 0 {
            config = config.with_target_partitions(settings.target_partitions);
        }
        if settings.batch_rows > 0 {
            config = config.with_batch_size(settings.batch_rows);
        }
        let memory = settings.memory_limit_mb.max(16) * 1024 * 1024;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
            .build_arc()
            .map_err(|error| crate::redact::redact(&error, &[]))?;
        let mut builder = SessionStateBuilder::new_with_default_features()
            .with_config(config)
            .with_runtime_env(runtime)
            // No text may name a file, a URL or a function that reads one.
            .with_table_functions(Default::default());
        if let Some(functions) = builder.scalar_functions() {
            functions.retain(|function| !REVEALING.contains(&function.name()));
            for function in functions {
                *function = bounded(function);
            }
        }
        Ok(Self::of(builder.build()))
    }

    fn of(state: SessionState) -> Self {
        // The optimizer looks up an aggregate function by its name, so these stay.
        let running = SessionStateBuilder::new_from_existing(state.clone())
            .with_scalar_functions(Vec::new())
            .with_higher_order_functions(Vec::new())
            .with_window_functions(Vec::new())
            .build();
        Self { state, running }
    }

    /// The state, for opening tables' files.
    pub(crate) fn state(&self) -> &SessionState {
        &self.state
    }

    /// The functions and options that queries are bound with.
    pub(crate) fn functions(&self) -> Functions {
        Functions {
            scalar: self.state.scalar_functions().clone(),
            higher_order: self.state.higher_order_functions().clone(),
            aggregate: self.state.aggregate_functions().clone(),
            window: self.state.window_functions().clone(),
            expr_planners: self.state.expr_planners().to_vec(),
            type_planner: None,
            options: Arc::clone(self.state.config_options()),
        }
    }

    /// The same, reckoning in `zone`, which is an offset such as `+02:00` or a name such as `Europe/Berlin`.
    pub(crate) fn in_time_zone(&self, zone: &str) -> Result<Self, EngineError> {
        if zone.parse::<Tz>().is_err() {
            return Err(EngineError::invalid(
                format!("`{zone}` is not a time zone"),
                "write an offset such as +02:00, or a name such as Europe/Berlin",
            ));
        }
        let mut config = self.state.config().clone();
        config.options_mut().execution.time_zone = Some(zone.to_owned());
        Ok(Self::of(SessionStateBuilder::new_from_existing(self.state.clone()).with_config(config).build()))
    }

    /// The pool that all statements of the process take their memory from.
    pub(crate) fn memory(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.state.runtime_env().memory_pool)
    }

    /// The columns of what `plan` answers, with the types that its values are brought to before it runs. Where these
    /// cannot be told yet, as with parameters of no type, they are those of the plan as it was written.
    pub(crate) fn answered(&self, plan: &LogicalPlan) -> Schema {
        let written = || plan.schema().as_arrow().clone();
        let options = self.state.config_options();
        match Analyzer::new().execute_and_check(plan.clone(), options, |_, _| {}) {
            Ok(analyzed) => analyzed.schema().as_arrow().clone(),
            Err(_) => written(),
        }
    }

    /// Starts an authorized plan. Its memory comes from `memory` where that is given; it ends when `cancelled` is, and
    /// tells `progress` what it reads.
    pub(crate) async fn execute(
        &self,
        plan: &AuthorizedPlan,
        memory: Option<&Arc<dyn MemoryPool>>,
        cancelled: &CancellationToken,
        progress: Option<&Progress>,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), DataFusionError> {
        let mut state = self.running.clone();
        // `now()` is one instant for the whole statement.
        state.mark_start_execution();
        let (plan, tables) = opened(plan.plan())?;
        let plan = with_exact_values(optimized(&state, &plan)?)?;
        verify(&plan, &tables)?;
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(BarrierPlanner)]);
        let physical = interruptible(planner.create_physical_plan(&plan, &state).await?, cancelled)?;
        if let Some(progress) = progress {
            progress.follow(&physical)?;
        }
        let schema = physical.schema();
        let mut task = TaskContext::from(&state);
        if let Some(memory) = memory {
            let runtime = RuntimeEnv { memory_pool: Arc::clone(memory), ..state.runtime_env().as_ref().clone() };
            task = task.with_runtime(Arc::new(runtime));
        }
        let rows = execute_stream(physical, Arc::new(task))?;
        Ok((schema, rows))
    }
}

/// The plan over the tables' own files, and those files.
fn opened(plan: &LogicalPlan) -> Result<(LogicalPlan, Vec<Arc<dyn TableProvider>>), DataFusionError> {
    let mut tables: Vec<Arc<dyn TableProvider>> = Vec::new();
    let plan = plan.clone().transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else {
            return Ok(Transformed::no(node));
        };
        let provider: Arc<dyn TableProvider> = if let Some(source) = scan.source.downcast_ref::<GovernedSource>() {
            let Contents::Files(provider) = &source.table().contents else {
                return Err(bug(format!("`{}` has no rows yet", source.table().name)));
            };
            tables.push(Arc::clone(provider));
            Arc::clone(provider)
        } else if let Some(work_table) = scan.source.downcast_ref::<WorkTable>() {
            let schema = datafusion::logical_expr::TableSource::schema(work_table);
            Arc::new(CteWorkTable::new(work_table.name(), schema))
        } else {
            return Err(bug(format!("the source of `{}` was not decided about", scan.table_name)));
        };
        scan.source = provider_as_source(provider);
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok((plan.data, tables))
}

/// How many barriers a condition may cross, one behind the other. A join makes some conditions anew each time, so that
/// there may always be one to move.
const MOST_CROSSINGS: usize = 3;

/// The plan as it will run. Conditions that may cross a view's barrier are moved on behind it.
fn optimized(state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let mut plan = state.optimize(plan)?;
    for _ in 0..MOST_CROSSINGS {
        let moved = with_safe_conditions_across(plan)?;
        if !moved.transformed {
            return Ok(moved.data);
        }
        plan = state.optimize(&moved.data)?;
    }
    Ok(plan)
}

/// INVARIANT: every leaf of the plan that will run is a table that was decided about, or holds no table's rows.
fn verify(plan: &LogicalPlan, tables: &[Arc<dyn TableProvider>]) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                let provider = scan.source.downcast_ref::<DefaultTableSource>().map(|source| &source.table_provider);
                let known = provider.is_some_and(|provider| {
                    provider.downcast_ref::<CteWorkTable>().is_some()
                        || tables.iter().any(|table| Arc::ptr_eq(table, provider))
                });
                if !known {
                    return Err(bug(format!("the optimizer put in a scan of `{}`", scan.table_name)));
                }
            }
            LogicalPlan::Extension(_) if SecurityBarrier::input(node).is_some() => {}
            LogicalPlan::Extension(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::DescribeTable(_) => {
                return Err(bug(format!("the optimizer put in {}", node.display())));
            }
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::RecursiveQuery(_) => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn bug(message: String) -> DataFusionError {
    DataFusionError::External(Box::new(EngineError::Bug(message)))
}
