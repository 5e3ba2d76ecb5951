//! `CASE`, `COALESCE`, `NULLIF`: conditions and branches are all direct.

use super::case::{
    Case,
    Operator::{Case as CaseExpr, Coalesce},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        CaseExpr,
        "special.race",
        "a_condition_is_direct",
        "SELECT CASE WHEN race = 'x' THEN city ELSE 'no' END AS x FROM t.people",
        "x: d{public special.race} | rows{}",
    ),
    arrives(
        CaseExpr,
        "special.race",
        "a_condition_between_literals_is_direct",
        "SELECT CASE WHEN race = 'x' THEN 1 ELSE 0 END AS x FROM t.people",
        "x: d{special.race} | rows{}",
    ),
    arrives(
        CaseExpr,
        "special.race",
        "an_operand_is_direct",
        "SELECT CASE race WHEN 'x' THEN 1 END AS x FROM t.people",
        "x: d{special.race} | rows{}",
    ),
    arrives(
        CaseExpr,
        "personal.age",
        "a_branch_is_direct",
        "SELECT CASE WHEN city = 'oslo' THEN age END AS x FROM t.people",
        "x: d{personal.age public} | rows{}",
    ),
    arrives(
        CaseExpr,
        "personal.age",
        "the_last_branch_is_direct",
        "SELECT CASE WHEN city = 'oslo' THEN 0 ELSE age END AS x FROM t.people",
        "x: d{personal.age public} | rows{}",
    ),
    arrives(
        CaseExpr,
        "x.cohort",
        "an_indirect_tag_of_a_branch_stays_indirect",
        "SELECT CASE WHEN id > 1 THEN score ELSE 0 END AS x FROM t.scores",
        "x: d{public x.score} i{x.cohort} | rows{}",
    ),
    arrives(
        CaseExpr,
        "x.cohort",
        "an_indirect_tag_of_a_condition_stays_indirect",
        "SELECT CASE WHEN score > 7 THEN 1 ELSE 0 END AS x FROM t.scores",
        "x: d{x.score} i{x.cohort} | rows{}",
    ),
    absent(
        CaseExpr,
        "personal.age",
        "a_column_outside_the_case_is_not",
        "SELECT CASE WHEN race = 'x' THEN city END AS x FROM t.people",
        "x: d{public special.race} | rows{}",
    ),
    arrives(
        Coalesce,
        "pii.name",
        "coalesce_is_direct",
        "SELECT coalesce(city, name) AS x FROM t.people",
        "x: d{pii.name public} | rows{}",
    ),
    arrives(
        Coalesce,
        "special.race",
        "nullif_is_direct",
        "SELECT nullif(city, race) AS x FROM t.people",
        "x: d{public special.race} | rows{}",
    ),
    arrives(
        Coalesce,
        "special.race",
        "nvl2_is_direct",
        "SELECT nvl2(race, 1, 0) AS x FROM t.people",
        "x: d{special.race} | rows{}",
    ),
    arrives(
        Coalesce,
        "personal.age",
        "greatest_is_direct",
        "SELECT greatest(id, age) AS x FROM t.people",
        "x: d{personal.age pii.id} | rows{}",
    ),
    absent(
        Coalesce,
        "pii.name",
        "what_is_not_coalesced_is_not",
        "SELECT coalesce(city, race) AS x FROM t.people",
        "x: d{public special.race} | rows{}",
    ),
];
