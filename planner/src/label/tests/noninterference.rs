//! What the labels are for: where a change of one column changes the answer, the label names that column.
//!
//! Every case runs over the stored rows, and again with the values of one column moved, made equal or taken away; and
//! where a table's very rows are tagged, with one row more. What the label calls free of the change must be the same:
//! with the rows free of it, so are how many there are, their order, and the values of every column that is free.

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, new_null_array},
    compute::{concat_batches, take},
};
use datafusion_expr::LogicalPlan;
use sluice_model::{Origin, TableName};

use super::{
    bound_cases,
    execution::{Answer, run, stored_rows},
    harness::{Labelled, World, scanned},
};
use crate::label::rule::{Rule, RuleSet};

/// What DataFusion binds and cannot run: their labels stand, and are not held against any rows.
const NOT_RUN: &[&str] = &[
    "a_computed_count_reaches_the_rows",
    "a_computed_offset_reaches_the_rows",
    "a_correlated_column_that_is_selected_counts",
    "a_column_of_the_outer_of_the_outer_counts",
    "the_existence_of_rows_is_direct",
    "what_is_correlated_is_direct",
    "a_correlated_column_in_the_select_list_is_direct",
    "what_rows_hold_is_not_their_existence",
    "what_is_looked_for_is_direct",
    "what_is_looked_through_is_direct",
    "the_rows_looked_through_are_direct",
    "what_is_correlated_inside_in_is_direct",
    "a_correlated_value_inside_in_is_direct",
    "a_correlated_column_that_is_dropped_inside_in_counts",
    "what_any_compares_is_direct",
    "what_all_compares_with_is_direct",
    "the_rows_that_any_compares_are_direct",
    "what_is_correlated_inside_any_is_direct",
    "a_correlated_column_that_is_dropped_inside_any_counts",
    "a_column_that_is_not_compared_is_not",
    "a_correlated_value_is_direct",
    "a_lateral_relation_sees_the_one_before",
    "a_lateral_relation_takes_what_it_uses",
    "a_list_in_from_reaches_the_rows",
    "a_row_of_values_may_hold_a_query",
    "a_row_of_values_beside_a_query_is_empty",
];

#[test]
fn a_change_that_shows_is_in_the_label() {
    let world = World::new();
    let (mut leaks, mut not_run) = (Vec::new(), Vec::new());
    for (case, plan) in bound_cases(&world) {
        match leaks_of(&world, &plan, RuleSet::all()) {
            Ok(found) => leaks.extend(found.into_iter().map(|leak| format!("{case}: {leak}"))),
            Err(error) => {
                println!("{case} is not run: {error}");
                not_run.push(case.name);
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    assert_eq!(not_run, NOT_RUN, "cases that run, or no longer do");
}

/// Rules, and cases in which an answer tells more than the label when that rule is missing. Every other rule adds to a
/// column what is in the rows already, which matters once columns are stored, or is about a column of a table that is
/// gone, or covers what is [`NOT_RUN`].
const SHOWN: &[(Rule, &str)] = &[
    (Rule::ScanDirect, "a_column_has_its_stored_tag"),
    (Rule::ScanRows, "a_row_tag_comes_with_every_column"),
    (Rule::ScanUnclassified, "a_column_without_a_tag_is_unclassified"),
    (Rule::ScalarArguments, "a_digest_keeps_its_tag"),
    (Rule::CaseConditions, "a_condition_is_direct"),
    (Rule::CaseBranches, "a_branch_is_direct"),
    (Rule::LambdaCaptures, "a_captured_column_is_direct"),
    (Rule::FilterRows, "a_predicate_reaches_the_rows"),
    (Rule::JoinCondition, "a_condition_reaches_the_rows"),
    (Rule::JoinOtherRows, "the_rows_of_both_sides_count"),
    (Rule::LateralScope, "a_correlated_column_is_indirect"),
    (Rule::AggregateArguments, "a_sum_is_direct"),
    (Rule::AggregateKeysOnRows, "a_key_reaches_the_values_and_the_rows"),
    (Rule::AggregateFilter, "the_filter_of_an_aggregate_is_indirect"),
    (Rule::AggregateOrder, "the_order_of_an_aggregate_is_indirect"),
    (Rule::GroupingSetKeys, "a_rollup_has_all_its_keys"),
    (Rule::WindowArguments, "an_argument_is_direct"),
    (Rule::WindowFilter, "the_filter_of_a_window_is_indirect"),
    (Rule::WindowOrderOnRows, "a_value_of_some_row_has_the_order_of_the_rows"),
    (Rule::SortKeys, "an_order_by_position_reaches_the_rows"),
    (Rule::DistinctColumns, "every_distinct_column_reaches_the_rows"),
    (Rule::DistinctOnValues, "a_key_of_distinct_on_decides_values_and_rows"),
    (Rule::UnionDirect, "the_second_branch_counts"),
    (Rule::UnionRows, "the_rows_of_every_branch_count"),
    (Rule::ScalarSubqueryValue, "the_value_of_a_subquery_is_direct"),
    (Rule::ScalarSubqueryRows, "the_rows_of_a_subquery_are_indirect"),
    (Rule::ScalarSubqueryJoin, "a_correlated_subquery_reaches_the_rows"),
    (Rule::ExistsRows, "existence_reaches_the_rows"),
    (Rule::InCompared, "what_is_not_to_be_found_reaches_the_rows"),
    (Rule::QuantifiedCompared, "what_any_compares_reaches_the_rows"),
    (Rule::UnnestRows, "a_struct_that_cannot_be_computed_shows_beside_its_fields"),
    (Rule::RecursionStep, "a_tag_that_needs_three_steps_arrives"),
    (Rule::RecursionColumns, "what_is_computed_unread_reaches_the_rows"),
];

/// The test above can fail: it does for labels that lack a rule.
#[test]
fn a_missing_rule_shows_in_an_answer() {
    let world = World::new();
    let cases = bound_cases(&world);
    for (rule, name) in SHOWN {
        let (_, plan) = cases.iter().find(|(case, _)| case.name == *name).unwrap();
        let leaks = leaks_of(&world, plan, RuleSet::without(*rule)).unwrap();
        assert!(!leaks.is_empty(), "{name} tells nothing without {rule:?}");
    }
}

/// Every change that shows where the label denies it; or why the plan cannot be run, whatever the rows.
pub(super) fn leaks_of(world: &World, plan: &LogicalPlan, rules: RuleSet) -> Result<Vec<String>, String> {
    let labelled = Labelled::new(plan, rules).unwrap();
    let stored = stored_rows(world);
    let no_rows = stored.iter().map(|(table, rows)| (table.clone(), rows.slice(0, 0))).collect();
    run(world, plan, &no_rows)?;
    let before = run(world, plan, &stored);
    let mut leaks = Vec::new();
    for change in changes(world, plan) {
        if labelled.comes_from(&labelled.label.rows, &change.origin) {
            continue;
        }
        let mut rows = stored.clone();
        rows.insert(change.table.to_owned(), change.rows);
        let after = run(world, plan, &rows);
        if shows(&labelled, &change.origin, &before, &after) {
            let Change { what, origin, .. } = change;
            leaks.push(format!("{what} {origin} shows:\n    {before:?}\n    {after:?}\n    {labelled}"));
        }
    }
    Ok(leaks)
}

/// Whether a change at `origin`, which the rows are free of, shows where the label says that it cannot.
fn shows(labelled: &Labelled, origin: &Origin, before: &Answer, after: &Answer) -> bool {
    let columns = labelled.label.columns.iter();
    let free: Vec<bool> = columns.map(|column| !labelled.comes_from(&column.all(), origin)).collect();
    let kept = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
        let mut rows = rows.to_vec();
        for row in &mut rows {
            let mut free = free.iter();
            row.retain(|_| free.next() == Some(&true));
        }
        rows
    };
    match (before, after) {
        (Ok(before), Ok(after)) => kept(before) != kept(after),
        // Whoever sees a column that the change reaches may see that computing it fails.
        _ => before != after && free.iter().all(|free| *free),
    }
}

/// One change of the stored rows.
struct Change {
    what: &'static str,
    origin: Origin,
    table: &'static str,
    rows: RecordBatch,
}

/// The changes of every tagged column that `plan` could read.
fn changes(world: &World, plan: &LogicalPlan) -> Vec<Change> {
    let scanned = scanned(plan);
    let mut changes = Vec::new();
    for table in world.tables.iter().filter(|table| scanned.iter().any(|known| *known.name.table == *table.name)) {
        let (name, rows) = (TableName::new("t", table.name), table.rows());
        for (index, column) in table.columns.iter().enumerate().filter(|(_, column)| column.tag != Some("public")) {
            for (what, values) in changed_values(&column.values) {
                let mut columns = rows.columns().to_vec();
                columns[index] = values;
                let rows = RecordBatch::try_new(rows.schema(), columns).unwrap();
                changes.push(Change { what, origin: Origin::column(&name, column.name), table: table.name, rows });
            }
        }
        if table.row_tag.is_some() {
            let rows = concat_batches(&rows.schema(), [&rows, &rows.slice(0, 1)]).unwrap();
            changes.push(Change { what: "a row more", origin: Origin::rows(&name), table: table.name, rows });
        }
    }
    changes
}

/// The same values in other rows, or none: what fails on a value must be able to stop failing.
fn changed_values(values: &ArrayRef) -> [(&'static str, ArrayRef); 4] {
    let rows = i64::try_from(values.len()).unwrap();
    let moved = |from: &dyn Fn(i64) -> i64| {
        let from: Int64Array = (0..rows).map(from).collect::<Vec<_>>().into();
        take(values, &from, None).unwrap()
    };
    [
        ("reversing", moved(&|row| rows - 1 - row)),
        ("rotating", moved(&|row| (row + 1) % rows)),
        ("equating", moved(&|_| 0)),
        ("removing", new_null_array(values.data_type(), values.len())),
    ]
}
