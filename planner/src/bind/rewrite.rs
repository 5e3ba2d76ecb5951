//! `UPDATE`, `DELETE` and `MERGE` as queries for the rows that the table will hold afterwards.
//!
//! One execution path serves all writes: what these statements read, hide and reveal follows from the labels of an
//! ordinary query. The boolean columns at its end say which rows leave and how many changed.

use std::{collections::HashMap, fmt::Write as _};

use sluice_catalog::TableSnapshot;
use sluice_model::quote_identifier;
use sqlparser::ast;

use super::Marker;
use crate::{
    PlanError,
    parse::{OnViolation, Write, fold_ident, fold_object_name, parse_query},
};

/// A query for the rows of a table after a change.
pub(super) struct Rewritten {
    pub(super) query: Box<ast::Query>,
    /// What the boolean columns at the end of the query mean.
    pub(super) markers: Vec<Marker>,
    /// A query for what is computed alone: new values, each under the condition that it is written under, and what rows
    /// are chosen by. A value that stays in its column goes nowhere, and one that something is computed from does; in
    /// `query` the two cannot be told apart.
    pub(super) computed: Option<Box<ast::Query>>,
}

/// The name of the marker that counts changed rows.
pub const CHANGED: &str = "changed";
/// The name of the marker that leaves deleted rows out.
pub(crate) const DELETED: &str = "deleted";
/// The name of the marker that is true where several source rows of a `MERGE` would change one row.
pub(crate) const AMBIGUOUS: &str = "more than one source row matches a row of the target";

pub(super) fn rewrite(write: &Write, target: &TableSnapshot) -> Result<Rewritten, PlanError> {
    match write {
        Write::Update(update) => self::update(update, target),
        Write::Delete(delete) => self::delete(delete, target),
        Write::Merge(merge) => self::merge(merge, target),
        Write::CreateTable(_) | Write::Insert { .. } => {
            Err(PlanError::Bug("a statement that adds rows was taken for one that changes them".to_owned()))
        }
    }
}

fn update(update: &ast::Update, target: &TableSnapshot) -> Result<Rewritten, PlanError> {
    let condition = condition(update.selection.as_ref());
    let assigned = assignments(&update.assignments, target)?;
    let mut computed = Vec::new();
    let columns = stored(target).map(|column| {
        let quoted = quote_identifier(column);
        let Some(value) = assigned.get(column) else { return quoted };
        let value = format!("CASE WHEN {condition} THEN ({value})");
        computed.push(format!("{value} END AS {quoted}"));
        format!("{value} ELSE {quoted} END AS {quoted}")
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let text = format!("SELECT {columns}, ({condition}) IS TRUE AS {CHANGED} FROM {}", update.table);
    rewritten(&text, &[(CHANGED, OnViolation::Count)])?.computing(&computed, &update.table.to_string())
}

fn delete(delete: &ast::Delete, target: &TableSnapshot) -> Result<Rewritten, PlanError> {
    let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
    let [from] = from.as_slice() else {
        return Err(PlanError::invalid("DELETE takes rows from one table"));
    };
    let columns = stored(target).map(quote_identifier).collect::<Vec<_>>().join(", ");
    let condition = condition(delete.selection.as_ref());
    let chosen = format!("({condition}) IS TRUE AS {DELETED}");
    let text = format!("SELECT {columns}, {chosen} FROM {from}");
    rewritten(&text, &[(DELETED, OnViolation::DropRow)])?.computing(&[chosen], &from.to_string())
}

/// One `WHEN` clause, as the text of its parts.
struct Clause {
    condition: String,
    values: HashMap<String, String>,
    deletes: bool,
    /// Whether it takes a row of the target, which may then match only once.
    takes_target: bool,
}

/// A full join of target and source, each with a column that says whether the row has that side; `action` is the
/// number of the first clause that applies.
fn merge(merge: &ast::Merge, target: &TableSnapshot) -> Result<Rewritten, PlanError> {
    let (into, source) = (side(&merge.table)?, side(&merge.source)?);
    let clauses = merge
        .clauses
        .iter()
        .map(|clause| self::clause(clause, target, &into, &source))
        .collect::<Result<Vec<_>, _>>()?;

    let mut action = String::from("CASE");
    let numbers_of = |wanted: &dyn Fn(&Clause) -> bool| {
        let numbers = clauses.iter().enumerate().filter(|(_, clause)| wanted(clause));
        numbers.map(|(number, _)| number.to_string()).collect::<Vec<_>>().join(", ")
    };
    let deleting = numbers_of(&|clause| clause.deletes);
    let taking = numbers_of(&|clause| clause.takes_target);
    for (number, clause) in clauses.iter().enumerate() {
        let _ = write!(action, " WHEN {} THEN {number}", clause.condition);
    }
    action.push_str(" ELSE -1 END");

    let alias = &into.alias;
    let mut computed = vec![format!("({action}) AS action"), format!("({}) AS pairs", merge.on)];
    let columns = stored(target).map(|column| {
        let quoted = quote_identifier(column);
        let changed: String = clauses
            .iter()
            .enumerate()
            .filter_map(|(number, clause)| {
                let value = clause.values.get(column)?;
                Some(format!(" WHEN ({action}) = {number} THEN ({value})"))
            })
            .collect();
        if changed.is_empty() {
            format!("{alias}.{quoted} AS {quoted}")
        } else {
            computed.push(format!("CASE{changed} END AS {quoted}"));
            format!("CASE{changed} ELSE {alias}.{quoted} END AS {quoted}")
        }
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let among = |numbers: &str| {
        if numbers.is_empty() { "FALSE".to_owned() } else { format!("({action}) IN ({numbers})") }
    };
    let leaves = format!("{} OR (({action}) = -1 AND {alias}.\"{TARGET}\" IS NULL)", among(&deleting));
    let twice = format!("{} AND count(*) OVER (PARTITION BY {alias}.\"{ROW}\") > 1", among(&taking));
    let pairs = format!(
        "(SELECT *, TRUE AS \"{TARGET}\", row_number() OVER () AS \"{ROW}\" FROM {}) AS {alias} \
         FULL JOIN (SELECT *, TRUE AS \"{SOURCE}\" FROM {}) AS {} ON {}",
        into.relation, source.relation, source.alias, merge.on
    );
    let text = format!(
        "SELECT {columns}, {leaves} AS {DELETED}, ({action}) >= 0 AS {CHANGED}, {twice} AS ambiguous FROM {pairs}"
    );
    rewritten(
        &text,
        &[(DELETED, OnViolation::DropRow), (CHANGED, OnViolation::Count), (AMBIGUOUS, OnViolation::FailUpdate)],
    )?
    .computing(&computed, &pairs)
}

const TARGET: &str = "in target";
const SOURCE: &str = "in source";
const ROW: &str = "row of target";

/// A side of a `MERGE`: its relation without an alias, and the alias that the statement knows it by.
struct Side {
    relation: String,
    alias: String,
}

fn side(factor: &ast::TableFactor) -> Result<Side, PlanError> {
    let mut factor = factor.clone();
    let (alias, name) = match &mut factor {
        ast::TableFactor::Table { name, alias, .. } => (alias.take(), fold_object_name(name).pop()),
        ast::TableFactor::Derived { alias, .. } => (alias.take(), None),
        other => return Err(PlanError::invalid(format!("MERGE cannot read from `{other}`"))),
    };
    let renamed: Vec<String> = alias
        .iter()
        .flat_map(|alias| &alias.columns)
        .map(|column| quote_identifier(&fold_ident(&column.name)))
        .collect();
    let alias = match (alias, name) {
        (Some(alias), _) => fold_ident(&alias.name),
        (None, Some(name)) => name,
        (None, None) => return Err(PlanError::invalid("give the query in MERGE … USING a name with AS")),
    };
    let relation = match (&factor, renamed.as_slice()) {
        (ast::TableFactor::Table { .. }, []) => factor.to_string(),
        (_, []) => format!("{factor} AS \"rows of source\""),
        (_, columns) => format!("{factor} AS \"rows of source\" ({})", columns.join(", ")),
    };
    Ok(Side { relation, alias: quote_identifier(&alias) })
}

fn clause(clause: &ast::MergeClause, target: &TableSnapshot, into: &Side, source: &Side) -> Result<Clause, PlanError> {
    let in_target = format!("{}.\"{TARGET}\"", into.alias);
    let in_source = format!("{}.\"{SOURCE}\"", source.alias);
    let (mut condition, takes_target) = match clause.clause_kind {
        ast::MergeClauseKind::Matched => (format!("{in_target} IS TRUE AND {in_source} IS TRUE"), true),
        ast::MergeClauseKind::NotMatched | ast::MergeClauseKind::NotMatchedByTarget => {
            (format!("{in_target} IS NULL"), false)
        }
        ast::MergeClauseKind::NotMatchedBySource => (format!("{in_source} IS NULL"), false),
    };
    if let Some(predicate) = &clause.predicate {
        let _ = write!(condition, " AND ({predicate})");
    }
    let mut values = HashMap::new();
    let mut deletes = false;
    match &clause.action {
        ast::MergeAction::Update(update) => {
            if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                return Err(PlanError::invalid("write conditions of MERGE after WHEN … AND"));
            }
            values = assignments(&update.assignments, target)?;
        }
        ast::MergeAction::Insert(insert) => values = inserted(insert, target)?,
        ast::MergeAction::Delete { .. } => deletes = true,
    }
    let inserts = matches!(clause.action, ast::MergeAction::Insert(_));
    let adds =
        matches!(clause.clause_kind, ast::MergeClauseKind::NotMatched | ast::MergeClauseKind::NotMatchedByTarget);
    if inserts != adds {
        return Err(PlanError::invalid_hint(
            format!("{} does not go with WHEN {}", clause.action, clause.clause_kind),
            "WHEN MATCHED and WHEN NOT MATCHED BY SOURCE take UPDATE or DELETE, WHEN NOT MATCHED takes INSERT",
        ));
    }
    Ok(Clause { condition, values, deletes, takes_target })
}

fn inserted(insert: &ast::MergeInsertExpr, target: &TableSnapshot) -> Result<HashMap<String, String>, PlanError> {
    let ast::MergeInsertKind::Values(rows) = &insert.kind else {
        return Err(PlanError::invalid("MERGE inserts with INSERT (columns) VALUES (…)"));
    };
    let [row] = rows.rows.as_slice() else {
        return Err(PlanError::invalid("MERGE inserts one row for each source row"));
    };
    let row: Vec<String> = row.iter().map(ToString::to_string).collect();
    let columns: Vec<String> = if insert.columns.is_empty() {
        stored(target).map(ToOwned::to_owned).collect()
    } else {
        insert.columns.iter().map(|name| known_column(name, target)).collect::<Result<_, _>>()?
    };
    if columns.len() != row.len() {
        return Err(PlanError::invalid(format!("MERGE inserts {} values into {} columns", row.len(), columns.len())));
    }
    let mut values: HashMap<String, String> = columns.into_iter().zip(row).collect();
    for column in stored(target) {
        values.entry(column.to_owned()).or_insert_with(|| "NULL".to_owned());
    }
    Ok(values)
}

fn assignments(assignments: &[ast::Assignment], target: &TableSnapshot) -> Result<HashMap<String, String>, PlanError> {
    let mut values = HashMap::new();
    for assignment in assignments {
        let ast::AssignmentTarget::ColumnName(name) = &assignment.target else {
            return Err(PlanError::invalid("set one column at a time: SET a = …, b = …"));
        };
        let column = known_column(name, target)?;
        if values.insert(column.clone(), assignment.value.to_string()).is_some() {
            return Err(PlanError::invalid(format!("column `{column}` is set twice")));
        }
    }
    Ok(values)
}

fn known_column(name: &ast::ObjectName, target: &TableSnapshot) -> Result<String, PlanError> {
    let column = fold_object_name(name).pop().unwrap_or_default();
    let known: Vec<_> = stored(target).collect();
    if known.contains(&column.as_str()) {
        return Ok(column);
    }
    let message = format!("table `{}` has no column `{column}`", target.name);
    Err(match crate::error::nearest(&column, &known) {
        Some(nearest) => PlanError::invalid_hint(message, format!("did you mean `{nearest}`?")),
        None => PlanError::invalid(message),
    })
}

fn stored(target: &TableSnapshot) -> impl Iterator<Item = &str> {
    target.arrow_schema.fields().iter().map(|field| field.name().as_str())
}

fn condition(selection: Option<&ast::Expr>) -> String {
    selection.map_or_else(|| "TRUE".to_owned(), |condition| format!("({condition})"))
}

impl Rewritten {
    /// The same, with the values that are computed over the rows of `from`.
    fn computing(self, values: &[String], from: &str) -> Result<Self, PlanError> {
        Ok(Self { computed: Some(parsed(&format!("SELECT {} FROM {from}", values.join(", ")))?), ..self })
    }
}

fn parsed(text: &str) -> Result<Box<ast::Query>, PlanError> {
    let parsed = parse_query(text);
    Ok(parsed.map_err(|error| PlanError::Bug(format!("a rewritten statement does not parse: {error}")))?.0)
}

fn rewritten(text: &str, markers: &[(&str, OnViolation)]) -> Result<Rewritten, PlanError> {
    let query = parsed(text)?;
    let markers = markers
        .iter()
        .map(|(name, on_violation)| Marker { name: (*name).into(), on_violation: *on_violation })
        .collect();
    Ok(Rewritten { query, markers, computed: None })
}
