//! Recursive queries: the least fixed point over anchor and step; `R ⊔= E(all columns)`. Named queries: nothing of
//! their own.

use super::case::{
    Case,
    Operator::{Cte, RecursiveCte},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        RecursiveCte,
        "hr.boss",
        "the_step_counts_though_the_anchor_is_public",
        "WITH RECURSIVE w AS (SELECT id, 1 AS n FROM t.plain WHERE id = 1 \
           UNION ALL SELECT s.id, n + 1 FROM t.staff AS s JOIN w ON s.boss = w.id WHERE n < 4) SELECT id FROM w",
        "id: d{hr.id public} | rows{hr.boss hr.id public}",
    ),
    arrives(
        RecursiveCte,
        "personal.age",
        "a_tag_that_needs_three_steps_arrives",
        "WITH RECURSIVE w AS (SELECT 1 AS a, 1 AS b, 1 AS c, 1 AS n \
           UNION ALL SELECT w.b, w.c, p.age, w.n + 1 FROM w JOIN t.people AS p ON p.city = 'oslo' WHERE w.n < 4) \
         SELECT a FROM w",
        "a: d{personal.age} | rows{personal.age public}",
    ),
    arrives(
        RecursiveCte,
        "pii.id",
        "a_distinct_recursion_has_its_columns_in_the_rows",
        "WITH RECURSIVE w AS (SELECT id, 1 AS n FROM t.people \
           UNION SELECT w.id, 2 AS n FROM w) SELECT n FROM w",
        "n: - | rows{pii.id}",
    ),
    arrives(
        RecursiveCte,
        "special.race",
        "the_anchor_s_rows_count",
        "WITH RECURSIVE w AS (SELECT 1 AS n FROM t.people WHERE race = 'x' \
           UNION ALL SELECT n + 1 FROM w WHERE n < 3) SELECT n FROM w",
        "n: - | rows{special.race}",
    ),
    absent(
        RecursiveCte,
        "hr.badge",
        "a_column_outside_the_recursion_is_not",
        "WITH RECURSIVE w AS (SELECT id, 1 AS n FROM t.plain WHERE id = 1 \
           UNION ALL SELECT s.id, n + 1 FROM t.staff AS s JOIN w ON s.boss = w.id WHERE n < 4) SELECT id FROM w",
        "id: d{hr.id public} | rows{hr.boss hr.id public}",
    ),
    arrives(
        RecursiveCte,
        "personal.age",
        "what_is_computed_unread_reaches_the_rows",
        "WITH RECURSIVE w AS (SELECT city, 1 / (age - 30) AS x, 1 AS n FROM t.people \
           UNION ALL SELECT city, x, n + 1 FROM w WHERE n < 2) SELECT city FROM w",
        "city: d{public} | rows{personal.age public}",
    ),
    arrives(
        RecursiveCte,
        "personal.age",
        "a_window_that_is_unread_reaches_the_rows",
        "WITH RECURSIVE w AS (SELECT city, row_number() OVER (ORDER BY age) AS x, 1 AS n FROM t.people \
           UNION ALL SELECT city, x, n + 1 FROM w WHERE n < 2) SELECT city FROM w",
        "city: d{public} | rows{personal.age public}",
    ),
    arrives(
        Cte,
        "special.race",
        "a_named_query_has_its_labels",
        "WITH x AS (SELECT city FROM t.people WHERE race = 'x') SELECT city FROM x",
        "city: d{public} | rows{special.race}",
    ),
    arrives(
        Cte,
        "pii.name",
        "a_named_query_over_another_has_its_labels",
        "WITH x AS (SELECT name FROM t.people), y(z) AS (SELECT upper(name) FROM x) SELECT z FROM y",
        "z: d{pii.name} | rows{}",
    ),
    absent(
        Cte,
        "special.race",
        "a_named_query_that_is_not_read_is_not_there",
        "WITH x AS (SELECT race FROM t.people) SELECT city FROM t.people",
        "city: d{public} | rows{}",
    ),
];
