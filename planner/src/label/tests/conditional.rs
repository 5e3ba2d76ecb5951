//! `CASE`, `COALESCE`, `NULLIF`, and functions over lambdas: conditions, branches and captures are all direct.

use super::case::{
    Case,
    Operator::{Case as CaseExpr, Coalesce, HigherOrderFunction},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        CaseExpr,
        "special.race",
        "a_condition_is_direct",
        "SELECT CASE WHEN race = 'x' THEN city ELSE 'no' END AS x FROM t.people",
        "?",
    ),
    arrives(
        CaseExpr,
        "special.race",
        "a_condition_between_literals_is_direct",
        "SELECT CASE WHEN race = 'x' THEN 1 ELSE 0 END AS x FROM t.people",
        "?",
    ),
    arrives(CaseExpr, "special.race", "an_operand_is_direct", "SELECT CASE race WHEN 'x' THEN 1 END AS x FROM t.people", "?"),
    arrives(CaseExpr, "personal.age", "a_branch_is_direct", "SELECT CASE WHEN city = 'oslo' THEN age END AS x FROM t.people", "?"),
    arrives(
        CaseExpr,
        "personal.age",
        "the_last_branch_is_direct",
        "SELECT CASE WHEN city = 'oslo' THEN 0 ELSE age END AS x FROM t.people",
        "?",
    ),
    arrives(
        CaseExpr,
        "x.cohort",
        "an_indirect_tag_of_a_branch_stays_indirect",
        "SELECT CASE WHEN id > 1 THEN score ELSE 0 END AS x FROM t.scores",
        "?",
    ),
    arrives(
        CaseExpr,
        "x.cohort",
        "an_indirect_tag_of_a_condition_stays_indirect",
        "SELECT CASE WHEN score > 7 THEN 1 ELSE 0 END AS x FROM t.scores",
        "?",
    ),
    absent(
        CaseExpr,
        "personal.age",
        "a_column_outside_the_case_is_not",
        "SELECT CASE WHEN race = 'x' THEN city END AS x FROM t.people",
        "?",
    ),
    arrives(Coalesce, "pii.name", "coalesce_is_direct", "SELECT coalesce(city, name) AS x FROM t.people", "?"),
    arrives(Coalesce, "special.race", "nullif_is_direct", "SELECT nullif(city, race) AS x FROM t.people", "?"),
    arrives(Coalesce, "special.race", "nvl2_is_direct", "SELECT nvl2(race, 1, 0) AS x FROM t.people", "?"),
    arrives(Coalesce, "personal.age", "greatest_is_direct", "SELECT greatest(id, age) AS x FROM t.people", "?"),
    absent(Coalesce, "pii.name", "what_is_not_coalesced_is_not", "SELECT coalesce(city, race) AS x FROM t.people", "?"),
    arrives(
        HigherOrderFunction,
        "x.nums",
        "a_transformed_list_has_its_tags",
        "SELECT array_transform(nums, v -> v * 2) AS x FROM t.nested",
        "?",
    )
    .with_lambdas(),
    arrives(
        HigherOrderFunction,
        "x.least",
        "a_captured_column_is_direct",
        "SELECT array_transform([1, 2, 3], v -> v + least) AS x FROM t.nested",
        "?",
    )
    .with_lambdas(),
    arrives(
        HigherOrderFunction,
        "x.least",
        "a_captured_bound_is_direct",
        "SELECT array_any_match(nums, v -> v > least) AS x FROM t.nested",
        "?",
    )
    .with_lambdas(),
    arrives(
        HigherOrderFunction,
        "x.least",
        "a_capture_two_lambdas_deep_is_direct",
        "SELECT array_transform([[1, 2], [3]], r -> array_filter(r, v -> v > least)) AS x FROM t.nested",
        "?",
    )
    .with_lambdas(),
    absent(
        HigherOrderFunction,
        "x.least",
        "a_lambda_s_own_variable_is_not_the_column_of_its_name",
        "SELECT array_filter(nums, least -> least > 1) AS x FROM t.nested",
        "?",
    )
    .with_lambdas(),
    absent(
        HigherOrderFunction,
        "x.nums",
        "a_lambda_over_literals_takes_nothing_else",
        "SELECT array_transform([1, 2], v -> v + id) AS x FROM t.nested",
        "?",
    )
    .with_lambdas(),
];
