//! Why: the path of an element from the column that is read, through the operators, to where it arrives.
//!
//! Explaining walks a plan again with every node's label kept. Nothing of this runs for a statement that passes.

use std::collections::HashSet;

use datafusion_common::{
    Column,
    tree_node::{TreeNode, TreeNodeRecursion},
};
use datafusion_expr::{Distinct, Expr, LogicalPlan, TableScan};
use sluice_catalog::{StoredTag, TableSnapshot};
use sluice_model::{Element, ElementId, Elements, Flow, Label, Origin, TableAction, TableName, Tag, TagAction};
use sluice_policy::Decisions;

use crate::{
    Denial, DenialKind, PlanError,
    authorize::{Destination, Ruling, Verdict, rulings},
    bind::{GovernedSource, Surroundings, resource},
    denial::ColumnOrRows,
    label::{
        LabeledPlan, Labeller, RelationLabel,
        reading::{TagReading, Trace},
        rule::RuleSet,
    },
    subqueries::subqueries,
};

/// One line of `EXPLAIN GOVERNANCE`.
#[derive(Debug, Clone)]
pub struct GovernanceRow {
    /// The output column; `None` for the rows.
    pub column: Option<String>,
    /// The tag.
    pub tag: Tag,
    /// How it flows.
    pub flow: Flow,
    /// Where it first came from.
    pub origin: Origin,
    /// What was asked.
    pub action: TagAction,
    /// What was answered.
    pub verdict: Verdict,
    /// The policies that determined it.
    pub policies: Vec<String>,
    /// From the column that is read to where it arrives.
    pub path: Vec<String>,
}

/// Every element of every output column, with what would be decided about it for a principal who asks.
///
/// # Errors
/// [`PlanError`] as [`crate::label::label`].
pub fn explain(
    labeled: &LabeledPlan,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<Vec<GovernanceRow>, PlanError> {
    let destination = Destination::Principal;
    let rulings = rulings(labeled, destination, surroundings.snapshot, decisions);
    let explainer = Explainer::new(labeled, surroundings)?;
    let mut rows = Vec::new();
    for place in explainer.places() {
        for id in place.label.iter() {
            let element = labeled.elements.get(id);
            let Some(ruling) = rulings.iter().find(|ruling| ruling.flow == place.flow && ruling.element == *element)
            else {
                return Err(PlanError::Bug(format!("no decision was taken about {element}")));
            };
            let (_, path) = explainer.path(id, &place, destination, decisions);
            rows.push(GovernanceRow {
                column: place.column.clone(),
                tag: element.tag.clone(),
                flow: place.flow,
                origin: element.origin.clone(),
                action: ruling.action,
                verdict: ruling.verdict,
                policies: ruling.decision.policies.clone(),
                path,
            });
        }
    }
    Ok(rows)
}

/// A place where elements arrive: an output column, or the rows.
struct Place<'a> {
    column: Option<String>,
    flow: Flow,
    label: &'a Label,
}

/// A plan with the label of each of its nodes.
pub(crate) struct Explainer<'a> {
    labeled: &'a LabeledPlan,
    surroundings: &'a Surroundings<'a>,
    elements: Elements,
    trace: Trace,
}

impl<'a> Explainer<'a> {
    pub(crate) fn new(labeled: &'a LabeledPlan, surroundings: &'a Surroundings<'a>) -> Result<Self, PlanError> {
        let mut labeller = Labeller::new(TagReading::default(), RuleSet::all()).traced();
        labeller.relation(&labeled.bound.plan)?;
        let (reading, trace) = labeller.into_parts();
        Ok(Self { labeled, surroundings, elements: reading.into_elements(), trace })
    }

    fn places(&self) -> Vec<Place<'a>> {
        let label = &self.labeled.label;
        let mut places = Vec::new();
        for (column, field) in label.columns.iter().zip(self.labeled.bound.plan.schema().fields()) {
            for (flow, label) in [(Flow::Direct, &column.direct), (Flow::Indirect, &column.indirect)] {
                places.push(Place { column: Some(field.name().clone()), flow, label });
            }
        }
        places.push(Place { column: None, flow: Flow::Row, label: &label.rows });
        places
    }

    /// Every refused element at the first place where it arrives: one denial for each column that is read, tag and
    /// action.
    pub(crate) fn denials(
        &self,
        rulings: &[Ruling],
        destination: Destination<'_>,
        decisions: &mut Decisions<'_>,
    ) -> Vec<Denial> {
        let refused: Vec<_> = rulings.iter().filter(|ruling| ruling.verdict == Verdict::Deny).collect();
        let mut seen = HashSet::new();
        let mut denials = Vec::new();
        for place in self.places() {
            for id in place.label.iter() {
                let element = self.labeled.elements.get(id);
                let Some(ruling) =
                    refused.iter().find(|ruling| ruling.flow == place.flow && ruling.element == *element)
                else {
                    continue;
                };
                let (column, path) = self.path(id, &place, destination, decisions);
                if seen.insert((column.to_string(), element.tag.clone(), ruling.action)) {
                    denials.push(self.denial(ruling, &place, column, path));
                }
            }
        }
        denials
    }

    fn denial(&self, ruling: &Ruling, place: &Place<'_>, column: ColumnOrRows, path: Vec<String>) -> Denial {
        let principal = &self.surroundings.subject.principal;
        let (tag, action) = (&ruling.element.tag, ruling.action);
        let hint = match &column {
            _ if !ruling.decision.policies.is_empty() => {
                "a policy forbids it; ask an admin, who can see the policy".to_owned()
            }
            ColumnOrRows::Column(column) if *tag == Tag::unclassified() => {
                format!("leave it out, or have it classified: `SET TAG ON COLUMN {column} TAG_NAME`")
            }
            ColumnOrRows::Column(_) | ColumnOrRows::Rows(_) | ColumnOrRows::Hidden(_) => {
                format!(
                    "leave it out, or have it granted: `GRANT {action} ON TAG {tag} TO {} {principal}`",
                    principal.kind
                )
            }
        };
        Denial {
            kind: DenialKind::Tag { column, tag: tag.clone(), action, flow: ruling.flow, output: place.column.clone() },
            principal: principal.to_string(),
            path,
            hint: Some(hint),
            policies: ruling.decision.policies.clone(),
        }
    }

    /// The column that is read, and the way of an element from there to `place`.
    fn path(
        &self,
        id: ElementId,
        place: &Place<'_>,
        destination: Destination<'_>,
        decisions: &mut Decisions<'_>,
    ) -> (ColumnOrRows, Vec<String>) {
        // The traced walk meets elements in the same order, so the numbers are the same; compare to be sure.
        let element = self.labeled.elements.get(id);
        debug_assert_eq!(self.elements.get(id), element);
        let mut steps = vec![match (destination, &place.column) {
            (Destination::Principal, Some(column)) => format!("result column {column}"),
            (Destination::Principal, None) => "rows of the result".to_owned(),
            (_, Some(column)) => format!("written column {column}"),
            (_, None) => "rows that are written".to_owned(),
        }];
        let mut source = self.carrier(element, decisions);
        let mut first_view = None;
        let mut rows_matter = place.column.is_none();
        let mut node = Some(&self.labeled.bound.plan);
        while let Some(plan) = node {
            if let LogicalPlan::TableScan(scan) = plan {
                // Nothing made the rows depend on a column here, so they came that way.
                let as_rows = place.flow == Flow::Row && steps.len() == 1;
                if let Some(found) = self.source(scan, element, as_rows, decisions) {
                    source = found;
                }
                break;
            }
            let next = self.next(plan, id);
            // What decides about rows reaches a column's own label only from below what computes with whole groups.
            let about_rows = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Distinct(_));
            rows_matter |= matches!(plan, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Join(_));
            rows_matter |= next.is_some_and(|(_, inner)| inner);
            if about_rows && !rows_matter {
                node = next.map(|(plan, _)| plan);
                continue;
            }
            if let Some(step) = self.step(plan, id, next.is_some_and(|(_, inner)| inner)) {
                steps.push(step);
            }
            if first_view.is_none() && view_of(plan).is_some() {
                first_view = Some(steps.len());
            }
            node = next.map(|(plan, _)| plan);
        }
        match &source {
            ColumnOrRows::Column(_) | ColumnOrRows::Rows(_) => steps.push(source.to_string()),
            // What the view does with it is as hidden as what it does it with.
            ColumnOrRows::Hidden(through) => {
                steps.truncate(first_view.unwrap_or(steps.len()));
                steps.push(format!("view {through}"));
            }
        }
        steps.reverse();
        steps.dedup();
        (source, steps)
    }

    /// Something that is read and carries the element, where its way is not known: the work table of a recursive query
    /// does not say.
    fn carrier(&self, element: &Element, decisions: &mut Decisions<'_>) -> ColumnOrRows {
        let relations = &self.labeled.bound.relations;
        let found = relations.iter().find(|relation| {
            let table = &relation.table;
            let mut tags = table.columns.iter().flat_map(|column| &column.tags).chain(&table.row_tags);
            tags.any(|stored| carries(stored, element)) || table.name == element.origin.table
        });
        match found {
            Some(relation) => self.shown(&relation.table, &relation.via, decisions),
            None => ColumnOrRows::Rows(element.origin.table.clone()),
        }
    }

    /// The rows of `table`, or the view that it was reached through where the caller may not know of it.
    fn shown(&self, table: &TableSnapshot, via: &[TableName], decisions: &mut Decisions<'_>) -> ColumnOrRows {
        let resource = resource(table, self.surroundings.approved_pipeline);
        match via.first() {
            Some(view) if !decisions.table(TableAction::See, &resource).is_allowed() => {
                ColumnOrRows::Hidden(view.clone())
            }
            _ => ColumnOrRows::Rows(table.name.clone()),
        }
    }

    fn source(
        &self,
        scan: &TableScan,
        element: &Element,
        as_rows: bool,
        decisions: &mut Decisions<'_>,
    ) -> Option<ColumnOrRows> {
        let source = scan.source.downcast_ref::<GovernedSource>()?;
        let table = source.table();
        let rows = self.shown(table, source.via(), decisions);
        if matches!(rows, ColumnOrRows::Hidden(_)) {
            return Some(rows);
        }
        let carries = |tags: &[StoredTag]| tags.iter().any(|stored| carries(stored, element));
        let itself =
            |column: &str| element.tag == Tag::unclassified() && element.origin == Origin::column(&table.name, column);
        if as_rows && carries(&table.row_tags) {
            return Some(rows);
        }
        let column = table
            .columns
            .iter()
            .find(|column| carries(&column.tags) || (column.tags.is_empty() && itself(&column.name)));
        Some(match column {
            Some(column) => ColumnOrRows::Column(table.name.column(column.name.clone())),
            None => rows,
        })
    }

    /// The input that carries the element, or else the subquery that does; and whether it is a subquery.
    fn next<'p>(&self, plan: &'p LogicalPlan, id: ElementId) -> Option<(&'p LogicalPlan, bool)> {
        let carries = |node: &LogicalPlan| self.trace.get(node).is_some_and(|label| holds(label, id));
        if let Some(input) = plan.inputs().into_iter().find(|input| carries(input)) {
            return Some((input, false));
        }
        subqueries(plan).into_iter().find(|subquery| carries(subquery)).map(|subquery| (subquery, true))
    }

    /// What the operator does with the element; `None` where it lets it pass.
    fn step(&self, plan: &LogicalPlan, id: ElementId, from_subquery: bool) -> Option<String> {
        let on = |exprs: &[&Expr]| {
            let names = self.carriers(plan, exprs, id);
            (!names.is_empty()).then(|| names.join(", "))
        };
        let step = match plan {
            LogicalPlan::Filter(filter) => on(&[&filter.predicate]).map(|names| format!("filter on {names}")),
            LogicalPlan::Join(join) => {
                let mut exprs: Vec<&Expr> = join.on.iter().flat_map(|(left, right)| [left, right]).collect();
                exprs.extend(&join.filter);
                on(&exprs).map(|names| format!("join on {names}"))
            }
            LogicalPlan::Aggregate(aggregate) => {
                let keys: Vec<&Expr> = aggregate.group_expr.iter().collect();
                let values: Vec<&Expr> = aggregate.aggr_expr.iter().collect();
                on(&keys)
                    .map(|names| format!("group by {names}"))
                    .or_else(|| on(&values).map(|names| format!("aggregate over {names}")))
            }
            LogicalPlan::Window(window) => {
                let exprs: Vec<&Expr> = window.window_expr.iter().collect();
                on(&exprs).map(|names| format!("window over {names}"))
            }
            LogicalPlan::Sort(sort) => {
                let exprs: Vec<&Expr> = sort.expr.iter().map(|key| &key.expr).collect();
                on(&exprs).map(|names| format!("order by {names}"))
            }
            LogicalPlan::Projection(projection) => {
                let computed: Vec<&Expr> =
                    projection.expr.iter().filter(|expr| !matches!(expr, Expr::Column(_))).collect();
                // A name that the binder made up, such as that of an aggregate, says nothing that the step below does not.
                on(&computed).filter(|names| !names.contains('(')).map(|names| format!("expression over {names}"))
            }
            LogicalPlan::Distinct(Distinct::All(_) | Distinct::On(_)) => Some("distinct".to_owned()),
            LogicalPlan::Union(_) => Some("union".to_owned()),
            LogicalPlan::Unnest(_) => Some("unnest".to_owned()),
            LogicalPlan::RecursiveQuery(query) => Some(format!("recursive query {}", query.name)),
            LogicalPlan::SubqueryAlias(_) => view_of(plan).map(|name| format!("view {name}")),
            LogicalPlan::Values(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_) => None,
        };
        step.or_else(|| from_subquery.then(|| "subquery".to_owned()))
    }

    /// The columns of the operator's inputs that stand in `exprs` and carry the element.
    fn carriers(&self, plan: &LogicalPlan, exprs: &[&Expr], id: ElementId) -> Vec<String> {
        let mut names = Vec::new();
        for input in plan.inputs() {
            let Some(label) = self.trace.get(input) else { continue };
            for column in exprs.iter().flat_map(|expr| columns_of(expr)) {
                let carries = input
                    .schema()
                    .maybe_index_of_column(&column)
                    .and_then(|index| label.columns.get(index))
                    .is_some_and(|column| column.direct.contains(id) || column.indirect.contains(id));
                if carries && !names.contains(&column.name) {
                    names.push(column.name);
                }
            }
        }
        names
    }
}

/// The view that `plan` is the query of: no other alias has a schema.
fn view_of(plan: &LogicalPlan) -> Option<TableName> {
    let LogicalPlan::SubqueryAlias(alias) = plan else { return None };
    Some(TableName::new(alias.alias.schema()?, alias.alias.table()))
}

fn carries(stored: &StoredTag, element: &Element) -> bool {
    stored.tag == element.tag && stored.origin == element.origin
}

fn holds(label: &RelationLabel, id: ElementId) -> bool {
    label.rows.contains(id)
        || label.columns.iter().any(|column| column.direct.contains(id) || column.indirect.contains(id))
}

fn columns_of(expr: &Expr) -> Vec<Column> {
    let mut columns = Vec::new();
    let walk = expr.apply(|expr| {
        if let Expr::Column(column) = expr {
            columns.push(column.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walk.is_ok());
    columns
}

/// The bound plan as text, without what lies behind views that the caller may not look into: neither statistics nor
/// files nor a view's own query are shown.
pub fn render_plan(labeled: &LabeledPlan) -> String {
    let views: HashSet<TableName> = labeled
        .bound
        .relations
        .iter()
        .filter(|relation| matches!(relation.table.contents, sluice_catalog::Contents::Query(_)))
        .map(|relation| relation.table.name.clone())
        .collect();
    let mut text = String::new();
    render(&labeled.bound.plan, &views, 0, &mut text);
    text
}

fn render(plan: &LogicalPlan, views: &HashSet<TableName>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    if let Some(view) = view_of(plan).filter(|name| views.contains(name)) {
        text.push_str(&format!("{indent}View: {view}\n"));
        return;
    }
    text.push_str(&format!("{indent}{}\n", plan.display()));
    for child in subqueries(plan).into_iter().chain(plan.inputs()) {
        render(child, views, depth + 1, text);
    }
}
