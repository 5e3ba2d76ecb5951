//! Clauses that the base parser reads and the planner would pass over in silence. A filter that is not applied is a wrong
//! answer, so what would be passed over is refused by name.

use std::ops::ControlFlow;

use sqlparser::ast::{GroupByExpr, LimitClause, OrderByKind, Query, Select, SelectFlavor, TableFactor, Visit, Visitor};

use crate::PlanError;

/// Refuses a query or an expression that holds such a clause, at any depth.
pub(super) fn check(node: &impl Visit) -> Result<(), PlanError> {
    match node.visit(&mut PassedOver) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(clause) => Err(PlanError::invalid_hint(
            format!("{clause} is not supported"),
            "leave it out, or say it in standard SQL",
        )),
    }
}

struct PassedOver;

/// The first clause that is there.
fn first<const N: usize>(clauses: [(bool, &'static str); N]) -> ControlFlow<&'static str> {
    clauses
        .into_iter()
        .find(|(there, _)| *there)
        .map_or(ControlFlow::Continue(()), |(_, name)| ControlFlow::Break(name))
}

// INVARIANT: every field is named, so that a clause that a later parser knows is thought about here.
impl Visitor for PassedOver {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        let Query {
            with: _,
            body: _,
            order_by,
            limit_clause,
            fetch: _,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators: _,
        } = query;
        let filled = |kind: &OrderByKind| match kind {
            OrderByKind::Expressions(by) => by.iter().any(|by| by.with_fill.is_some()),
            OrderByKind::All(_) => false,
        };
        let by = match limit_clause {
            Some(LimitClause::LimitOffset { limit: _, offset: _, limit_by }) => !limit_by.is_empty(),
            Some(LimitClause::OffsetCommaLimit { offset: _, limit: _ }) | None => false,
        };
        first([
            (!locks.is_empty(), "FOR UPDATE"),
            (for_clause.is_some(), "FOR XML or JSON"),
            (settings.is_some(), "SETTINGS"),
            (format_clause.is_some(), "FORMAT"),
            (by, "LIMIT BY"),
            (order_by.as_ref().is_some_and(|order| order.interpolate.is_some()), "INTERPOLATE"),
            (order_by.as_ref().is_some_and(|order| filled(&order.kind)), "WITH FILL"),
        ])
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<&'static str> {
        let Select {
            select_token: _,
            // A hint is a comment.
            optimizer_hints: _,
            distinct: _,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection: _,
            exclude,
            into,
            from: _,
            lateral_views,
            prewhere,
            selection: _,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having: _,
            named_window: _,
            qualify: _,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) = group_by;
        first([
            (prewhere.is_some(), "PREWHERE"),
            (!connect_by.is_empty(), "CONNECT BY"),
            (!modifiers.is_empty(), "GROUP BY … WITH"),
            (select_modifiers.is_some(), "a modifier behind SELECT"),
            (top.is_some(), "TOP"),
            (exclude.is_some(), "EXCLUDE behind a list"),
            (into.is_some(), "SELECT INTO"),
            (!lateral_views.is_empty(), "LATERAL VIEW"),
            (!cluster_by.is_empty(), "CLUSTER BY"),
            (!distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!sort_by.is_empty(), "SORT BY"),
            (value_table_mode.is_some(), "SELECT AS STRUCT or VALUE"),
            (matches!(flavor, SelectFlavor::FromFirstNoSelect), "FROM without SELECT"),
        ])
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<&'static str> {
        match factor {
            TableFactor::Table {
                name: _,
                alias: _,
                args: _,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => first([
                (sample.is_some(), "TABLESAMPLE"),
                (version.is_some(), "a version behind a name"),
                (!partitions.is_empty(), "PARTITION behind a name"),
                (json_path.is_some(), "a path behind a name"),
                (*with_ordinality, "WITH ORDINALITY"),
                (!with_hints.is_empty() || !index_hints.is_empty(), "a hint behind a name"),
            ]),
            TableFactor::Derived { lateral: _, subquery: _, alias: _, sample } => {
                first([(sample.is_some(), "TABLESAMPLE")])
            }
            TableFactor::Function { lateral: _, name: _, args: _, with_ordinality, alias: _ }
            | TableFactor::UNNEST { alias: _, array_exprs: _, with_offset: _, with_offset_alias: _, with_ordinality } => {
                first([(*with_ordinality, "WITH ORDINALITY")])
            }
            // What is within is visited by itself.
            TableFactor::NestedJoin { table_with_joins: _, alias: _ } => ControlFlow::Continue(()),
            // The planner refuses these as they are.
            TableFactor::TableFunction { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::XmlTable { .. }
            | TableFactor::SemanticView { .. } => ControlFlow::Continue(()),
        }
    }
}
