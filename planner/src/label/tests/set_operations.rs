//! Unions join by position and never intersect; `INTERSECT` and `EXCEPT` keep the left `d` and give
//! `R ⊔= E(all columns of both sides)`.

use super::case::{
    Case,
    Operator::{Except, Intersect, Union},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        Union,
        "pii.name",
        "the_second_branch_counts",
        "SELECT word FROM t.plain UNION ALL SELECT name FROM t.people",
        "word: d{pii.name public} | rows{}",
    ),
    arrives(
        Union,
        "pii.name",
        "a_computed_branch_counts",
        "SELECT word FROM t.plain UNION ALL SELECT upper(name) FROM t.people",
        "word: d{pii.name public} | rows{}",
    ),
    arrives(
        Union,
        "pii.name",
        "the_first_branch_counts",
        "SELECT name FROM t.people UNION ALL SELECT word FROM t.plain",
        "name: d{pii.name public} | rows{}",
    ),
    arrives(
        Union,
        "x.cohort",
        "an_indirect_tag_of_a_branch_stays_indirect",
        "SELECT id FROM t.plain UNION ALL SELECT score FROM t.scores",
        "id: d{public x.score} i{x.cohort} | rows{}",
    ),
    arrives(
        Union,
        "special.race",
        "the_rows_of_every_branch_count",
        "SELECT word FROM t.plain UNION ALL SELECT city FROM t.people WHERE race = 'x'",
        "word: d{public} | rows{special.race}",
    ),
    arrives(
        Union,
        "pii.name",
        "a_distinct_union_has_its_columns_in_the_rows",
        "SELECT word FROM t.plain UNION SELECT name FROM t.people",
        "word: d{pii.name public} | rows{pii.name public}",
    ),
    arrives(
        Union,
        "special.race",
        "a_union_by_name_goes_by_name",
        "SELECT id, word AS race FROM t.plain UNION ALL BY NAME SELECT race, id FROM t.people",
        "id: d{pii.id public} | race: d{public special.race} | rows{}",
    ),
    absent(
        Union,
        "special.race",
        "a_column_of_no_branch_is_not",
        "SELECT word FROM t.plain UNION ALL SELECT name FROM t.people",
        "word: d{pii.name public} | rows{}",
    ),
    absent(
        Union,
        "pii.name",
        "a_union_goes_by_position",
        "SELECT a FROM (SELECT id AS a, word AS b FROM t.plain UNION ALL SELECT id, name FROM t.people) AS u",
        "a: d{pii.id public} | rows{}",
    ),
    arrives(
        Intersect,
        "pii.name",
        "what_is_intersected_with_reaches_the_rows",
        "SELECT city FROM t.people INTERSECT SELECT name FROM t.people",
        "city: d{public} | rows{pii.name public}",
    ),
    arrives(
        Intersect,
        "special.race",
        "all_columns_are_intersected",
        "SELECT a FROM (SELECT id AS a, city AS b FROM t.people INTERSECT ALL SELECT id, race FROM t.people) AS x",
        "a: d{pii.id} | rows{pii.id public special.race}",
    ),
    absent(
        Intersect,
        "special.race",
        "what_is_not_intersected_is_not",
        "SELECT city FROM t.people INTERSECT SELECT word FROM t.plain",
        "city: d{public} | rows{public}",
    ),
    arrives(
        Except,
        "pii.name",
        "what_is_taken_away_reaches_the_rows",
        "SELECT word FROM t.plain EXCEPT SELECT name FROM t.people",
        "word: d{public} | rows{pii.name public}",
    ),
    arrives(
        Except,
        "special.race",
        "the_rows_taken_away_count",
        "SELECT word FROM t.plain EXCEPT ALL SELECT city FROM t.people WHERE race = 'x'",
        "word: d{public} | rows{public special.race}",
    ),
    absent(
        Except,
        "special.race",
        "what_is_not_taken_away_is_not",
        "SELECT word FROM t.plain EXCEPT SELECT name FROM t.people",
        "word: d{public} | rows{pii.name public}",
    ),
];
