//! The one owner of a DataFusion session, and the one place where a plan is executed.

use std::{collections::HashMap, path::Path, sync::Arc};

use arrow::{
    array::timezone::Tz,
    datatypes::{Schema, SchemaRef},
};
use datafusion::{
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
use sluice_planner::{AuthorizedPlan, bind::Functions};
use tokio_util::sync::CancellationToken;

use crate::{
    EngineError, Progress, Settings,
    barrier::BarrierPlanner,
    bounded::bounded,
    interrupt::interruptible,
    ready::{Pace, ReadyPlan},
};

/// Functions that answer neither their arguments nor anything computed from them: files' paths, the positions of rows
/// that a filter leaves, and what a table's own columns are called and annotated with.
const REVEALING: [&str; 4] = ["arrow_field", "arrow_metadata", "file_row_index", "input_file_name"];

/// The rules that the plan of a lookup needs to run, and to be ended while it does. What the others save of it does not make
/// up for their own time where little is read.
const NEEDED: [&str; 4] = ["OutputRequirements", "EnsureRequirements", "EnsureCooperative", "SanityCheckPlan"];

/// The rule that is left for a lookup which is over at once: it reads one partition, and sorts nothing.
const CHECK: [&str; 1] = ["SanityCheckPlan"];

/// A DataFusion session that runs authorized plans and nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    state: SessionState,
    /// The same without the functions that names in a text stand for: a bound plan holds its functions, and a state is
    /// copied for every statement.
    running: SessionState,
    /// The same for lookups that one core is enough for.
    serial: SessionState,
    /// The same for lookups that are over at once.
    at_once: SessionState,
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
        let planned_by = |rules: &[&str]| {
            let rules = running.physical_optimizers().iter().filter(|rule| rules.contains(&rule.name()));
            SessionStateBuilder::new_from_existing(running.clone())
                .with_config(running.config().clone().with_target_partitions(1))
                .with_physical_optimizer_rules(rules.cloned().collect())
                .build()
        };
        Self { serial: planned_by(&NEEDED), at_once: planned_by(&CHECK), running, state }
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

    /// Makes an authorized plan ready to run.
    pub(crate) fn ready(&self, plan: &AuthorizedPlan) -> Result<ReadyPlan, DataFusionError> {
        let mut state = self.running.clone();
        // `now()` is one instant for the whole statement.
        state.mark_start_execution();
        ReadyPlan::of(plan, &state)
    }

    /// Starts a plan. Its memory comes from `memory` where that is given; it ends when `cancelled` is, and tells `progress`
    /// what it reads.
    pub(crate) async fn execute(
        &self,
        plan: &ReadyPlan,
        memory: Option<&Arc<dyn MemoryPool>>,
        cancelled: &CancellationToken,
        progress: Option<&Progress>,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), DataFusionError> {
        let state = match plan.pace() {
            Pace::Spread => &self.running,
            Pace::Serial => &self.serial,
            Pace::AtOnce => &self.at_once,
        };
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(BarrierPlanner)]);
        let physical = interruptible(planner.create_physical_plan(plan.plan(), state).await?, cancelled)?;
        if let Some(progress) = progress {
            progress.follow(&physical)?;
        }
        let schema = physical.schema();
        let runtime = match memory {
            Some(memory) => {
                Arc::new(RuntimeEnv { memory_pool: Arc::clone(memory), ..state.runtime_env().as_ref().clone() })
            }
            None => Arc::clone(state.runtime_env()),
        };
        let rows = execute_stream(physical, Arc::new(task(state, runtime)))?;
        Ok((schema, rows))
    }
}

/// What operators are told while they run. A physical plan holds its functions: names stand for none.
fn task(state: &SessionState, runtime: Arc<RuntimeEnv>) -> TaskContext {
    let (id, config) = (state.session_id().to_owned(), state.config().clone());
    TaskContext::new(None, id, config, HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new(), runtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_is_planned_by_the_rules_that_it_needs() {
        let context = Context::new(&Settings::default(), None).unwrap();
        let names = |state: &SessionState| -> Vec<_> {
            state.physical_optimizers().iter().map(|rule| rule.name().to_owned()).collect()
        };
        let [requirements, ensured, cooperative, sane] = NEEDED;
        assert_eq!(names(&context.serial), [requirements, ensured, requirements, cooperative, sane]);
        assert_eq!(names(&context.at_once), CHECK);
    }
}
