//! What the labels are for: where a change of one column changes the answer, the label names that column.
//!
//! Every case runs over the stored rows, and again with the values of one column moved, made equal or taken away; and
//! where a table's very rows are tagged, with one row more. What the label calls free of the change must be the same:
//! with the rows free of it, so are how many there are, their order, and the values of every column that is free.

use std::sync::Arc;

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
use crate::label::rule::RuleSet;

/// What DataFusion binds and cannot run: their labels stand, and are not held against any rows.
const NOT_RUN: &[&str] = &[];

#[test]
fn a_change_that_shows_is_in_the_label() {
    let world = World::new();
    let (mut leaks, mut not_run) = (Vec::new(), Vec::new());
    for (case, plan) in bound_cases(&world) {
        match leaks_of(&world, &plan) {
            Ok(found) => leaks.extend(found.into_iter().map(|leak| format!("{}: {leak}", case.name))),
            Err(error) => {
                println!("{} is not run: {error}", case.name);
                not_run.push(case.name);
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    assert_eq!(not_run, NOT_RUN, "cases that run, or no longer do");
}

/// Every change that shows where the label denies it; or why the plan cannot be run over the stored rows.
pub(super) fn leaks_of(world: &World, plan: &LogicalPlan) -> Result<Vec<String>, String> {
    let labelled = Labelled::new(plan, RuleSet::all()).unwrap();
    let stored = stored_rows(world);
    let before = run(world, plan, &stored)?;
    let mut leaks = Vec::new();
    for change in changes(world, plan) {
        if labelled.comes_from(&labelled.label.rows, &change.origin) {
            continue;
        }
        let mut rows = stored.clone();
        rows.insert(change.table.to_owned(), change.rows);
        let after = run(world, plan, &rows);
        if let Some(leak) = shown(&labelled, &change.origin, &before, &after) {
            leaks.push(format!("{} of {} {leak}\n    {labelled}", change.what, change.origin));
        }
    }
    Ok(leaks)
}

/// What shows of a change at `origin` although the label says that it cannot. The label of the rows is free of it.
fn shown(labelled: &Labelled, origin: &Origin, before: &[Vec<String>], after: &Answer) -> Option<String> {
    let is_free = |column: &crate::label::ColumnLabel| !labelled.comes_from(&column.all(), origin);
    let free: Vec<bool> = labelled.label.columns.iter().map(is_free).collect();
    let after = match after {
        Ok(after) => after,
        // Whoever sees a column that the change reaches may see that computing it fails.
        Err(_) if !free.iter().all(|free| *free) => return None,
        Err(error) => return Some(format!("makes it fail: {error}")),
    };
    let kept = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
        let keep = |row: &Vec<String>| row.iter().zip(&free).filter_map(|(value, free)| free.then(|| value.clone())).collect();
        rows.iter().map(keep).collect()
    };
    let (before, after) = (kept(before), kept(after));
    (before != after).then(|| format!("shows:\n    {before:?}\n    {after:?}"))
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

/// No value is new, so that nothing fails that did not fail before.
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
        ("removing", Arc::clone(&new_null_array(values.data_type(), values.len()))),
    ]
}
