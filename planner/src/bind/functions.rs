//! The functions and options that queries are bound with: the engine's, and nothing that reads from elsewhere.

use std::{collections::HashMap, sync::Arc};

use datafusion_common::config::ConfigOptions;
use datafusion_expr::{
    AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF,
    planner::{ExprPlanner, TypePlanner},
};

/// The functions and options that queries are bound with.
#[derive(Clone)]
pub struct Functions {
    /// Functions of one row, by name.
    pub scalar: HashMap<String, Arc<ScalarUDF>>,
    /// Functions that take lambdas, by name.
    pub higher_order: HashMap<String, Arc<HigherOrderUDF>>,
    /// Aggregates, by name.
    pub aggregate: HashMap<String, Arc<AggregateUDF>>,
    /// Window functions, by name.
    pub window: HashMap<String, Arc<WindowUDF>>,
    /// How operators and literals of nested types become functions.
    pub expr_planners: Vec<Arc<dyn ExprPlanner>>,
    /// How SQL types become Arrow types, where that is not the default.
    pub type_planner: Option<Arc<dyn TypePlanner>>,
    /// The options of the session.
    pub options: Arc<ConfigOptions>,
}

impl Functions {
    pub(crate) fn options(&self) -> &ConfigOptions {
        &self.options
    }
}
