//! What DataFusion's planner can see while it binds a query.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion_common::{DataFusionError, Result, TableReference, config::ConfigOptions, plan_err};
use datafusion_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
    planner::{ContextProvider, ExprPlanner, TypePlanner},
};
use sluice_catalog::{CatalogSnapshot, Contents, TableRequest, TableSnapshot};
use sluice_model::{Subject, TableAction, TableName};
use sluice_policy::{Decisions, TableResource};

use super::{
    Binder, Relation, SecurityBarrier,
    source::{GovernedSource, InlinedQuery, WorkTable},
};
use crate::{
    Denial, DenialKind, PlanError,
    denial::ObjectReason,
    parse::{TableRef, parse_query},
};

/// The view that DataFusion's planner has of a [`Binder`].
pub(super) struct Context<'c, 'b, 'd, 'a> {
    pub(super) binder: &'c Binder<'b, 'd, 'a>,
}

impl ContextProvider for Context<'_, '_, '_, '_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let parts = match &name {
            TableReference::Bare { table } => vec![table.to_string()],
            TableReference::Partial { schema, table } => vec![schema.to_string(), table.to_string()],
            TableReference::Full { catalog, schema, table } => {
                vec![catalog.to_string(), schema.to_string(), table.to_string()]
            }
        };
        self.binder
            .relation(&self.binder.versions.resolve(&parts))
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }

    fn get_table_function_source(&self, name: &str, _args: Vec<Expr>) -> Result<Arc<dyn TableSource>> {
        plan_err!("table function `{name}` is not available: rows come from tables of the catalog, VALUES or UNNEST")
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(Arc::new(WorkTable::new(name.to_owned(), schema)))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.binder.surroundings.functions.expr_planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        self.binder.surroundings.functions.type_planner.clone()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.binder.surroundings.functions.scalar.get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.binder.surroundings.functions.higher_order.get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.binder.surroundings.functions.aggregate.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.binder.surroundings.functions.window.get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.binder.surroundings.functions.options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.binder.surroundings.functions.scalar.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.binder.surroundings.functions.higher_order.keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.binder.surroundings.functions.aggregate.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.binder.surroundings.functions.window.keys().cloned().collect()
    }
}

impl Binder<'_, '_, '_> {
    /// What `relation` stands for here.
    fn relation(&self, relation: &TableRef) -> Result<Arc<dyn TableSource>, PlanError> {
        match relation {
            TableRef::Local(name) => self.local_view(name),
            TableRef::Table(request) => self.table(request),
            TableRef::TooLong(name) => Err(PlanError::NotVisible(name.clone())),
        }
    }

    /// A view of the running pipeline: the caller's own query, bound on the caller's behalf. A catalog's view
    /// cannot see it.
    fn local_view(&self, name: &str) -> Result<Arc<dyn TableSource>, PlanError> {
        let view = self
            .surroundings
            .locals
            .get(name)
            .filter(|_| self.via.is_empty())
            .ok_or_else(|| PlanError::NoSchema(name.to_owned()))?;
        let binder = Binder { versions: &view.versions, ..self.clone() };
        let plan = binder.query(view.query.as_ref().clone())?;
        Ok(Arc::new(InlinedQuery(plan)))
    }

    fn table(&self, request: &TableRequest) -> Result<Arc<dyn TableSource>, PlanError> {
        let not_visible = || PlanError::NotVisible(request.name.to_string());
        let table = self.surroundings.snapshot.table(request).ok_or_else(not_visible)?;
        if !self.is_visible(table) {
            return Err(match self.via.first() {
                Some(view) => PlanError::Denied(vec![self.owner_denied(view)]),
                None => not_visible(),
            });
        }
        self.shared.relations.borrow_mut().push(Relation { table: Arc::clone(table), via: Arc::clone(&self.via) });
        match &table.contents {
            Contents::Files(_) | Contents::Planned => {
                Ok(Arc::new(GovernedSource::new(Arc::clone(table), Arc::clone(&self.via))))
            }
            Contents::Query(text) => self.view(table, text),
        }
    }

    /// A view's query, bound on behalf of its owner, behind a barrier. What goes wrong inside is the owner's to know.
    fn view(&self, view: &TableSnapshot, text: &str) -> Result<Arc<dyn TableSource>, PlanError> {
        let broken = || PlanError::BrokenView(view.name.clone());
        if self.via.contains(&view.name) {
            return Err(broken());
        }
        let (query, versions) = parse_query(text).map_err(|_| broken())?;
        let via = self.via.iter().cloned().chain([view.name.clone()]).collect();
        let binder = Binder { surroundings: self.surroundings, shared: self.shared, via, versions: &versions };
        let plan = binder.query(*query).map_err(|error| match error {
            PlanError::Denied(denials) => PlanError::Denied(denials),
            _ => broken(),
        })?;
        // Under the view's own name, however short the one that it was called by: explanations end at views.
        let name = TableReference::partial(view.name.schema.as_str(), &*view.name.table);
        let plan = SecurityBarrier::around(plan)
            .and_then(|plan| LogicalPlanBuilder::from(plan).alias(name))
            .and_then(LogicalPlanBuilder::build);
        Ok(Arc::new(InlinedQuery(plan.map_err(PlanError::from_binding)?)))
    }

    /// Said of the outermost view alone: what is behind it is not the caller's to know.
    fn owner_denied(&self, view: &TableName) -> Denial {
        Denial {
            kind: DenialKind::Object {
                object: view.to_string(),
                action: TableAction::Select,
                reason: ObjectReason::ViewOwner,
            },
            principal: self.surroundings.subject.principal.to_string(),
            path: vec![format!("view {view}")],
            hint: Some("ask the view's owner, who needs SELECT on everything that the view reads".to_owned()),
            policies: Vec::new(),
        }
    }

    /// Whether whoever names the table here, the caller or the innermost view's owner, may know that it exists.
    fn is_visible(&self, table: &TableSnapshot) -> bool {
        let resource = resource(table, self.surroundings.approved_pipeline);
        let Some(view) = self.via.last() else {
            return self.shared.decisions.borrow_mut().table(TableAction::See, &resource).is_allowed();
        };
        owner_of(view, self.surroundings.snapshot)
            .and_then(|owner| self.surroundings.owners.get(owner))
            .is_some_and(|owner| may_select(owner, self.surroundings, &resource))
    }
}

fn owner_of<'a>(view: &TableName, snapshot: &'a CatalogSnapshot) -> Option<&'a Arc<str>> {
    let request = TableRequest { name: view.clone(), at: sluice_catalog::TableVersion::Latest };
    snapshot.table(&request).map(|view| &view.owner)
}

/// Whether a view's owner may read a table, in the domain and for the purpose of whoever asks.
fn may_select(owner: &Subject, surroundings: &super::Surroundings<'_>, resource: &TableResource<'_>) -> bool {
    let owner = Subject {
        domain: surroundings.subject.domain,
        purpose: Arc::clone(&surroundings.subject.purpose),
        ..owner.clone()
    };
    Decisions::new(surroundings.authorizer, &owner).table(TableAction::Select, resource).is_allowed()
}

/// The table as policies see it.
pub fn resource(table: &TableSnapshot, approved_pipeline: bool) -> TableResource<'_> {
    TableResource {
        id: table.id.as_str(),
        schema_id: table.schema.id.as_str(),
        owner: Some(&table.owner),
        domain: table.schema.domain,
        approved_for_experiment: table.approved_for_experiment,
        approved_pipeline,
    }
}

/// A context that knows types and nothing else.
pub(super) struct TypesOnly<'a> {
    pub(super) functions: &'a super::Functions,
}

impl ContextProvider for TypesOnly<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        plan_err!("`{name}` cannot stand here")
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        self.functions.type_planner.clone()
    }

    fn get_function_meta(&self, _name: &str) -> Option<Arc<ScalarUDF>> {
        None
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.functions.options()
    }

    fn udf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}
