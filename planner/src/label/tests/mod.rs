//! The labelling rules against the table in the user's guide, one file of cases per operator family.
//!
//! - Every case has its whole label, and every operator has a case in which a tag must arrive and one in which it must
//!   not.
//! - Every rule, switched off, changes the label of a case.
//! - [`noninterference`]: every case runs over rows that differ in one column, and where the answers differ the label
//!   says so.
//! - [`random`]: the same for queries that nobody thought of.
//! - [`refused`]: what has no rule is refused by name.

mod aggregate;
mod case;
mod conditional;
mod container;
mod distinct;
mod execution;
mod filter;
mod harness;
mod join;
mod lateral;
mod noninterference;
mod random;
mod recursive;
mod refused;
mod scalar;
mod scan;
mod set_operations;
mod sort;
mod subquery;
mod tables;
mod unnest;
mod values;
mod views;
mod window;

use std::collections::HashSet;

use case::{Case, Claim, Operator};
use datafusion_expr::LogicalPlan;
use harness::{Labelled, World, scanned};

use super::rule::{Rule, RuleSet};

/// Every case, in the order of the table.
fn cases() -> impl Iterator<Item = &'static Case> {
    [
        scan::CASES,
        scalar::CASES,
        container::CASES,
        conditional::CASES,
        filter::CASES,
        join::CASES,
        aggregate::CASES,
        window::CASES,
        sort::CASES,
        distinct::CASES,
        set_operations::CASES,
        subquery::CASES,
        lateral::CASES,
        unnest::CASES,
        recursive::CASES,
        values::CASES,
        views::CASES,
    ]
    .into_iter()
    .flatten()
}

/// Every case with its bound plan.
fn bound_cases(world: &World) -> Vec<(&'static Case, LogicalPlan)> {
    let bind = |case: &'static Case| match world.plan(case) {
        Ok(plan) => (case, plan),
        Err(error) => panic!("{case} is not bound: {error}"),
    };
    cases().map(bind).collect()
}

#[test]
fn every_case_has_its_label() {
    let world = World::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let labelled = world.plan(case).and_then(|plan| Labelled::new(&plan, RuleSet::all()));
        let found = labelled.map_or_else(|error| format!("error: {error}"), |labelled| labelled.to_string());
        if found != case.label {
            wrong.push(format!("{case}\n    expected {}\n       found {found}", case.label));
        }
    }
    assert!(wrong.is_empty(), "{} labels are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_shows_what_it_claims() {
    let world = World::new();
    for (case, plan) in bound_cases(&world) {
        let carries = |tag: &str| case.label.split([' ', '{', '}']).any(|word| word == tag);
        match case.claim {
            Claim::Arrives(tag) => assert!(carries(tag), "{case}: {tag} does not arrive"),
            Claim::Absent(tag) => {
                assert!(!carries(tag), "{case}: {tag} arrives");
                let tables = scanned(&plan);
                let stands = tables.iter().any(|scanned| {
                    let unclassified = tag == "unclassified" && scanned.columns.iter().any(|c| c.tags.is_empty());
                    let tags = scanned.columns.iter().flat_map(|column| &column.tags);
                    unclassified || tags.chain(&scanned.row_tags).any(|stored| stored.tag.as_str() == tag)
                });
                assert!(stands, "{case}: no scanned table carries {tag}, so nothing is shown");
            }
        }
    }
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let mut names = HashSet::new();
    for case in cases() {
        assert!(names.insert((case.operator, case.name)), "{case} stands twice");
    }
}

#[test]
fn every_operator_has_both_kinds() {
    let kinds: HashSet<_> = cases().map(|case| (case.operator, matches!(case.claim, Claim::Arrives(_)))).collect();
    for operator in Operator::ALL {
        assert!(kinds.contains(&(operator, true)), "no case shows that a tag arrives through {operator:?}");
        assert!(kinds.contains(&(operator, false)), "no case shows that a tag stays away from {operator:?}");
    }
}

#[test]
fn every_rule_is_caught() {
    let world = World::new();
    let cases = bound_cases(&world);
    let mut uncaught = Vec::new();
    for rule in Rule::ALL {
        let caught_by = |(case, plan): &(&'static Case, LogicalPlan)| {
            let found = Labelled::new(plan, RuleSet::without(rule)).map(|labelled| labelled.to_string());
            (found.ok().as_deref() != Some(case.label)).then_some(*case)
        };
        let caught: Vec<_> = cases.iter().filter_map(caught_by).collect();
        let rule = format!("{rule:?}");
        match caught.first() {
            Some(first) => println!("{rule:<26} {first} ({} cases)", caught.len()),
            None => uncaught.push(rule),
        }
    }
    assert!(uncaught.is_empty(), "no case fails without: {}", uncaught.join(", "));
}

/// A tag more on a column never takes anything away from an output. (What the first tag of a column takes away is
/// `unclassified`, so the columns here have one.)
#[test]
fn labels_grow_with_the_tags_of_columns() {
    let plain = World::new();
    let cases = bound_cases(&plain);
    for table in &plain.tables {
        let reads = |plan: &LogicalPlan| scanned(plan).iter().any(|scanned| *scanned.name.table == *table.name);
        let readers: Vec<_> = cases.iter().filter(|(_, plan)| reads(plan)).collect();
        for column in table.columns.iter().filter(|column| column.tag.is_some()) {
            let world = World::new().with_tag(table.name, column.name, "one.more");
            for (case, plan) in &readers {
                let before = Labelled::new(plan, RuleSet::all()).unwrap();
                let after = Labelled::new(&world.plan(case).unwrap(), RuleSet::all()).unwrap();
                assert!(before.is_within(&after), "{case}: {before}\nwith a tag more on {}: {after}", column.name);
            }
        }
    }
}
