//! Literals, parameters and `VALUES`: empty, but for what their expressions read.

use super::case::{
    Case,
    Operator::{Parameter, Values},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        Values,
        "pii.name",
        "a_literal_beside_a_column_changes_nothing",
        "SELECT 1 AS x, name FROM t.people",
        "x: - | name: d{pii.name} | rows{}",
    ),
    absent(
        Values,
        "pii.name",
        "a_literal_is_empty",
        "SELECT 1 AS x, 'ann' AS y, NULL AS z FROM t.people",
        "x: - | y: - | z: - | rows{}",
    ),
    arrives(
        Values,
        "personal.age",
        "a_row_of_values_may_hold_a_query",
        "SELECT x FROM (VALUES (1), ((SELECT max(age) FROM t.people))) AS v(x)",
        "x: d{personal.age} | rows{}",
    ),
    absent(
        Values,
        "personal.age",
        "a_row_of_values_beside_a_query_is_empty",
        "SELECT y FROM (VALUES (1, 2), ((SELECT max(age) FROM t.people), 3)) AS v(x, y)",
        "y: - | rows{}",
    ),
    arrives(
        Parameter,
        "special.race",
        "a_comparison_with_a_parameter_is_direct",
        "SELECT race = $race AS x FROM t.people",
        "x: d{special.race} | rows{}",
    ),
    absent(Parameter, "special.race", "a_parameter_is_empty", "SELECT $race AS x FROM t.people", "x: - | rows{}"),
];
