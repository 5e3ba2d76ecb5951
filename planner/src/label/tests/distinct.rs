//! `DISTINCT`: `R ⊔= E(all columns)`. `DISTINCT ON` also gives `i ⊔= E(keys) ⊔ E(ORDER BY) ⊔ R`.

use super::case::{
    Case,
    Operator::{Distinct, DistinctOn},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        Distinct,
        "special.race",
        "every_distinct_column_reaches_the_rows",
        "SELECT DISTINCT city, race FROM t.people",
        "city: d{public} | race: d{special.race} | rows{public special.race}",
    ),
    arrives(
        Distinct,
        "special.race",
        "a_distinct_column_that_is_dropped_reaches_the_rows",
        "SELECT city FROM (SELECT DISTINCT city, race FROM t.people) AS p",
        "city: d{public} | rows{public special.race}",
    ),
    absent(
        Distinct,
        "special.race",
        "distinct_takes_its_own_columns_only",
        "SELECT DISTINCT city FROM t.people",
        "city: d{public} | rows{public}",
    ),
    arrives(
        DistinctOn,
        "special.race",
        "a_key_of_distinct_on_decides_values_and_rows",
        "SELECT DISTINCT ON (race) city FROM t.people ORDER BY race, age",
        "city: d{public} i{personal.age special.race} | rows{personal.age public special.race}",
    ),
    arrives(
        DistinctOn,
        "personal.age",
        "the_order_of_distinct_on_decides_values",
        "SELECT DISTINCT ON (city) city, name FROM t.people ORDER BY city, age",
        "city: d{public} i{personal.age public} | name: d{pii.name} i{personal.age public} | rows{personal.age pii.name public}",
    ),
    arrives(
        DistinctOn,
        "special.race",
        "the_rows_of_distinct_on_decide_values",
        "SELECT DISTINCT ON (city) name FROM t.people WHERE race = 'x'",
        "name: d{pii.name} i{public special.race} | rows{pii.name public special.race}",
    ),
    absent(
        DistinctOn,
        "special.race",
        "distinct_on_takes_its_own_columns_only",
        "SELECT DISTINCT ON (city) city, name FROM t.people ORDER BY city, age",
        "city: d{public} i{personal.age public} | name: d{pii.name} i{personal.age public} | rows{personal.age pii.name public}",
    ),
];
