//! A catalog of [`tables`](super::tables) in which everything is visible, and labels as text.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use arrow::datatypes::Schema;
use datafusion::{execution::SessionStateBuilder, prelude::SessionConfig};
use datafusion_common::{ScalarValue, tree_node::TreeNodeRecursion};
use datafusion_expr::{LogicalPlan, LogicalPlanBuilder};
use sluice_catalog::{
    CatalogSnapshot, ColumnSnapshot, Contents, ObjectId, SchemaSnapshot, StoredTag, TableKind, TableRequest,
    TableSnapshot, TableVersion,
};
use sluice_model::{
    Domain, Elements, Flow, Label, Origin, Principal, PrincipalKind, SchemaName, Subject, TableAction, TableName, Tag,
    TagSource,
};
use sluice_policy::{Authorizer, Decisions, GrantAction, GrantObject, GrantSpec, PolicyText};
use sqlparser::{ast, dialect::DatabricksDialect, parser::Parser};

use super::{
    case::{Case, Query},
    tables::{Table, VIEWS},
};
use crate::{
    PlanError,
    bind::{BoundPlan, Functions, GovernedSource, Parameters, Surroundings, bind},
    label::{Labeller, RelationLabel, reading::TagReading, rule::RuleSet},
    parse::{Statement, Versions, parse},
};

/// Everything that a query is bound against, for a principal who may see all of it.
pub(super) struct World {
    pub(super) state: datafusion::execution::SessionState,
    pub(super) tables: Vec<Table>,
    functions: Functions,
    snapshot: CatalogSnapshot,
    subject: Subject,
    owners: HashMap<Arc<str>, Subject>,
    authorizer: Authorizer,
    parameters: Parameters,
}

impl World {
    pub(super) fn new() -> Self {
        let tables = Table::all();
        let snapshots = tables.iter().map(table_snapshot).chain(VIEWS.map(view_snapshot));
        let snapshot = CatalogSnapshot {
            tables: snapshots.map(|table| (request(&table.name), Arc::new(table))).collect(),
            tags: Arc::default(),
        };
        // One partition: the order of rows is the same in every run.
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(SessionConfig::new().with_target_partitions(1))
            .build();
        let functions = Functions {
            scalar: state.scalar_functions().clone(),
            higher_order: state.higher_order_functions().clone(),
            aggregate: state.aggregate_functions().clone(),
            window: state.window_functions().clone(),
            expr_planners: state.expr_planners().to_vec(),
            type_planner: None,
            options: Arc::clone(state.config_options()),
        };
        let grant = GrantSpec {
            principal: Principal::new(PrincipalKind::Group, Subject::EVERYONE),
            action: GrantAction::Table(TableAction::Select),
            object: GrantObject::Schema { id: "schema t".to_owned() },
            domain: None,
        };
        let grant = PolicyText { id: "grant".to_owned(), text: grant.to_cedar() };
        let parameters = [("race", ScalarValue::from("x")), ("many", ScalarValue::from(2_i64))];
        Self {
            state,
            tables,
            functions,
            snapshot,
            subject: subject("reader"),
            owners: HashMap::from([("owner".into(), subject("owner"))]),
            authorizer: Authorizer::new([grant]).unwrap(),
            parameters: parameters.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
        }
    }

    /// The same with `tag` on `column` of `table` besides what it carries.
    pub(super) fn with_tag(mut self, table: &str, column: &str, tag: &str) -> Self {
        let name = TableName::new("t", table);
        let mut changed = self.table(table).as_ref().clone();
        let found = changed.columns.iter_mut().find(|known| *known.name == *column).unwrap();
        found.tags.push(stored(tag, Flow::Direct, Origin::column(&name, column)));
        self.snapshot.tables.insert(request(&name), Arc::new(changed));
        self
    }

    pub(super) fn table(&self, name: &str) -> &Arc<TableSnapshot> {
        self.snapshot.table(&request(&TableName::new("t", name))).unwrap()
    }

    /// A scan of `t.name`, for plans that are built by hand.
    pub(super) fn scan(&self, name: &str) -> LogicalPlanBuilder {
        let source = GovernedSource::new(Arc::clone(self.table(name)), Arc::new([]));
        LogicalPlanBuilder::scan(name, Arc::new(source), None).unwrap()
    }

    pub(super) fn plan(&self, case: &Case) -> Result<LogicalPlan, PlanError> {
        match case.query {
            Query::Sql(sql) => Ok(self.bind(sql)?.plan),
            Query::SqlWithLambdas(sql) => {
                let mut parser = Parser::new(&DatabricksDialect {}).try_with_sql(sql).unwrap();
                Ok(self.bind_query(&parser.parse_query().unwrap(), &Versions::default())?.plan)
            }
            Query::Built(plan) => Ok(plan(self)),
        }
    }

    pub(super) fn bind(&self, sql: &str) -> Result<BoundPlan, PlanError> {
        let parsed = parse(sql)?.remove(0);
        let Statement::Query(query) = &parsed.statement else { panic!("not a query: {sql}") };
        self.bind_query(query, &parsed.versions)
    }

    fn bind_query(&self, query: &ast::Query, versions: &Versions) -> Result<BoundPlan, PlanError> {
        let (owners, locals) = (&self.owners, &HashMap::new());
        let surroundings = Surroundings {
            functions: &self.functions,
            snapshot: &self.snapshot,
            subject: &self.subject,
            owners,
            authorizer: &self.authorizer,
            locals,
            parameters: &self.parameters,
            approved_pipeline: false,
        };
        bind(query, versions, &surroundings, &mut Decisions::new(&self.authorizer, &self.subject))
    }
}

/// A label with what is needed to read it.
pub(super) struct Labelled {
    pub(super) label: RelationLabel,
    pub(super) elements: Elements,
    names: Vec<String>,
}

impl Labelled {
    pub(super) fn new(plan: &LogicalPlan, rules: RuleSet) -> Result<Self, PlanError> {
        let mut labeller = Labeller::new(TagReading::default(), rules);
        let label = labeller.relation(plan)?;
        let elements = labeller.into_parts().0.into_elements();
        let names = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
        Ok(Self { label, elements, names })
    }

    /// Whether the label holds something that came from `origin`.
    pub(super) fn comes_from(&self, label: &Label, origin: &Origin) -> bool {
        self.elements.of(label).any(|element| element.origin == *origin)
    }

    /// Whether every element of this label is in the same place of `other`.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let within = |mine: &Label, theirs: &Label| {
            self.elements.of(mine).all(|element| other.elements.of(theirs).any(|known| known == element))
        };
        within(&self.label.rows, &other.label.rows)
            && self.label.columns.len() == other.label.columns.len()
            && self
                .label
                .columns
                .iter()
                .zip(&other.label.columns)
                .all(|(mine, theirs)| within(&mine.direct, &theirs.direct) && within(&mine.indirect, &theirs.indirect))
    }

    fn tags(&self, label: &Label) -> String {
        let tags: BTreeSet<&str> = self.elements.of(label).map(|element| element.tag.as_str()).collect();
        tags.into_iter().collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Labelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, column) in self.names.iter().zip(&self.label.columns) {
            write!(f, "{name}:")?;
            if column.direct.is_empty() && column.indirect.is_empty() {
                f.write_str(" -")?;
            }
            for (flow, label) in [("d", &column.direct), ("i", &column.indirect)] {
                if !label.is_empty() {
                    write!(f, " {flow}{{{}}}", self.tags(label))?;
                }
            }
            f.write_str(" | ")?;
        }
        write!(f, "rows{{{}}}", self.tags(&self.label.rows))
    }
}

/// Every table that `plan` scans, subqueries included.
pub(super) fn scanned(plan: &LogicalPlan) -> Vec<Arc<TableSnapshot>> {
    let mut tables: Vec<Arc<TableSnapshot>> = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(source) = scan.source.downcast_ref::<GovernedSource>()
            && !tables.iter().any(|known| known.name == source.table().name)
        {
            tables.push(Arc::clone(source.table()));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    tables
}

fn request(name: &TableName) -> TableRequest {
    TableRequest { name: name.clone(), at: TableVersion::Latest }
}

fn subject(name: &str) -> Subject {
    Subject {
        principal: Principal::new(PrincipalKind::User, name),
        groups: vec![Subject::EVERYONE.into()],
        domain: Domain::Experiment,
        purpose: "".into(),
    }
}

fn stored(tag: &str, flow: Flow, origin: Origin) -> StoredTag {
    let source = if flow == Flow::Indirect { TagSource::Propagated } else { TagSource::Set };
    StoredTag { tag: Tag::parse(tag).unwrap(), flow, source, origin }
}

fn table_snapshot(table: &Table) -> TableSnapshot {
    let name = TableName::new("t", table.name);
    let columns = table.columns.iter().map(|column| {
        let direct = column.tag.map(|tag| stored(tag, Flow::Direct, Origin::column(&name, column.name)));
        // It stood on a column of a table that this one was made from.
        let cohort = Origin::column(&TableName::new("t", "cohorts"), "member");
        let indirect = column.indirect.map(|tag| stored(tag, Flow::Indirect, cohort));
        ColumnSnapshot { name: column.name.into(), tags: direct.into_iter().chain(indirect).collect() }
    });
    let columns = columns.collect();
    let row_tags = table.row_tag.iter().map(|tag| stored(tag, Flow::Row, Origin::rows(&name))).collect();
    let arrow_schema = table.rows().schema();
    TableSnapshot { columns, row_tags, arrow_schema, ..empty_snapshot(name, TableKind::Managed, Contents::Planned) }
}

fn view_snapshot((name, query): (&str, &str)) -> TableSnapshot {
    empty_snapshot(TableName::new("t", name), TableKind::View, Contents::Query(query.into()))
}

fn empty_snapshot(name: TableName, kind: TableKind, contents: Contents) -> TableSnapshot {
    TableSnapshot {
        id: ObjectId(name.to_string().into()),
        schema: SchemaSnapshot {
            id: ObjectId("schema t".into()),
            name: SchemaName::new("t"),
            domain: Domain::Experiment,
            owner: "owner".into(),
        },
        name,
        kind,
        owner: "owner".into(),
        approved_for_experiment: false,
        version: None,
        columns: Vec::new(),
        row_tags: Vec::new(),
        vanished: Vec::new(),
        arrow_schema: Arc::new(Schema::empty()),
        location: None,
        contents,
    }
}
