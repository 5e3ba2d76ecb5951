//! Filters, `HAVING`, `QUALIFY`: `R ⊔= E(predicate)`.

use super::case::{
    Case,
    Operator::{Filter, Having, Qualify},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        Filter,
        "special.race",
        "a_predicate_reaches_the_rows",
        "SELECT city FROM t.people WHERE race = 'x'",
        "city: d{public} | rows{special.race}",
    ),
    arrives(
        Filter,
        "special.race",
        "a_predicate_reaches_the_rows_of_literals",
        "SELECT 1 AS x FROM t.people WHERE race = 'x'",
        "x: - | rows{special.race}",
    ),
    arrives(
        Filter,
        "personal.age",
        "every_part_of_a_predicate_counts",
        "SELECT city FROM t.people WHERE city = 'oslo' OR (id > 3 AND age > 20)",
        "city: d{public} | rows{personal.age pii.id public}",
    ),
    arrives(
        Filter,
        "x.cohort",
        "an_indirect_tag_reaches_the_rows",
        "SELECT id FROM t.scores WHERE score > 7",
        "id: d{public} | rows{x.cohort x.score}",
    ),
    arrives(
        Filter,
        "special.race",
        "a_predicate_below_an_alias_counts",
        "SELECT p.city FROM (SELECT city FROM t.people WHERE race = 'x') AS p",
        "city: d{public} | rows{special.race}",
    ),
    absent(
        Filter,
        "special.race",
        "a_predicate_takes_its_own_columns_only",
        "SELECT city FROM t.people WHERE age > 20",
        "city: d{public} | rows{personal.age}",
    ),
    absent(
        Filter,
        "special.race",
        "a_constant_predicate_is_empty",
        "SELECT city FROM t.people WHERE 1 < 2",
        "city: d{public} | rows{}",
    ),
    arrives(
        Having,
        "finance.amount",
        "having_reaches_the_rows",
        "SELECT note FROM t.orders GROUP BY note HAVING sum(amount) > 100",
        "note: d{unclassified} | rows{finance.amount unclassified}",
    ),
    absent(
        Having,
        "finance.amount",
        "having_takes_its_own_columns_only",
        "SELECT note FROM t.orders GROUP BY note HAVING count(*) > 1",
        "note: d{unclassified} | rows{unclassified}",
    ),
    arrives(
        Qualify,
        "personal.age",
        "qualify_reaches_the_rows",
        "SELECT city FROM t.people QUALIFY row_number() OVER (PARTITION BY race ORDER BY age) = 1",
        "city: d{public} | rows{personal.age special.race}",
    ),
    absent(
        Qualify,
        "personal.age",
        "qualify_takes_its_own_columns_only",
        "SELECT city FROM t.people QUALIFY row_number() OVER (PARTITION BY race) = 1",
        "city: d{public} | rows{special.race}",
    ),
];
