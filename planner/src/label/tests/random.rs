//! Queries that nobody thought of: operators stacked at random over columns of numbers, each with a tag of its own.

use proptest::prelude::*;

use super::{
    harness::{Labelled, World},
    noninterference::leaks_of,
};
use crate::label::rule::RuleSet;

/// A query with the columns `p`, `q` and `r`, all numbers.
fn relation() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("SELECT a AS p, b AS q, c AS r FROM t.numbers".to_owned()),
        Just("SELECT c AS p, k AS q, a AS r FROM t.numbers".to_owned()),
        Just("SELECT a AS p, b AS q, c AS r FROM t.others".to_owned()),
        Just("SELECT * FROM (VALUES (1, 2, 3), (2, NULL, 1)) AS v(p, q, r)".to_owned()),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        let unary = (0..UNARY.len(), inner.clone()).prop_map(|(shape, x)| fill(UNARY[shape], &[("$x", &x)]));
        let binary = (0..BINARY.len(), inner.clone(), inner)
            .prop_map(|(shape, x, y)| fill(BINARY[shape], &[("$x", &x), ("$y", &y)]));
        prop_oneof![3 => unary, 2 => binary]
    })
}

/// The shape over the given relations. A recursive query that stands in another one needs another name; whatever holds
/// a text is longer than it.
fn fill(shape: &str, relations: &[(&str, &str)]) -> String {
    let length: usize = relations.iter().map(|(_, text)| text.len()).sum();
    let named = shape.replace("$w", &format!("w{length}"));
    relations.iter().fold(named, |sql, (place, text)| sql.replace(place, text))
}

const UNARY: [&str; 19] = [
    "SELECT x['c0'] AS p, x['c1'] AS q, r FROM (SELECT struct(p, q + r) AS x, r FROM ($x) AS x) AS x",
    "SELECT p, 10 / (q - 7) AS q, r FROM ($x) AS x",
    "SELECT q AS p, p + r AS q, CASE WHEN p > q THEN r ELSE 0 END AS r FROM ($x) AS x",
    "SELECT p, p AS q, coalesce(p, 1) AS r FROM ($x) AS x",
    "SELECT p, q, r FROM ($x) AS x WHERE q > 1",
    "SELECT p, q, r FROM ($x) AS x WHERE p = q OR r IS NULL",
    "SELECT p, sum(q) AS q, count(*) AS r FROM ($x) AS x GROUP BY p",
    "SELECT max(p) AS p, count(q) AS q, min(r) FILTER (WHERE q > 1) AS r FROM ($x) AS x",
    "SELECT p, q, count(*) AS r FROM ($x) AS x GROUP BY ROLLUP (p, q)",
    "SELECT max(p) AS p, first_value(q ORDER BY r) AS q, 1 AS r FROM ($x) AS x GROUP BY q",
    "SELECT DISTINCT p, q, 1 AS r FROM ($x) AS x",
    "SELECT DISTINCT ON (p) p, q, r FROM ($x) AS x ORDER BY p, r, q",
    "SELECT p, q, r FROM ($x) AS x ORDER BY q, r, p LIMIT 2",
    "SELECT p, q, sum(r) OVER (PARTITION BY p ORDER BY q) AS r FROM ($x) AS x",
    "SELECT p, row_number() OVER (ORDER BY r) AS q, rank() OVER (ORDER BY q) AS r FROM ($x) AS x",
    "SELECT p, q, unnest([p, r]) AS r FROM ($x) AS x",
    "SELECT p, q, r FROM ($x) AS x QUALIFY row_number() OVER (PARTITION BY q ORDER BY p) = 1",
    "WITH RECURSIVE $w AS (SELECT p, q, 1 AS r FROM ($x) AS x UNION ALL SELECT q, p, r + 1 FROM $w WHERE r < 2) \
     SELECT p, q, CAST(r AS BIGINT) AS r FROM $w",
    "SELECT p, q, r FROM ($x) AS x OFFSET 1",
];

const BINARY: [&str; 19] = [
    "SELECT x.p, x.q, y.r FROM ($x) AS x JOIN ($y) AS y ON x.p = y.q",
    "SELECT x.p, x.q, y.r FROM ($x) AS x LEFT JOIN ($y) AS y ON x.p = y.q AND x.r < y.p",
    "SELECT x.p, y.q, y.r FROM ($x) AS x RIGHT JOIN ($y) AS y ON x.p = y.p",
    "SELECT x.p, x.q, y.r FROM ($x) AS x FULL JOIN ($y) AS y ON x.p = y.p",
    "SELECT p AS p, x.q, y.r FROM ($x) AS x FULL JOIN ($y) AS y USING (p)",
    "SELECT x.p, x.q, x.r FROM ($x) AS x LEFT SEMI JOIN ($y) AS y ON x.q = y.q",
    "SELECT x.p, x.q, x.r FROM ($x) AS x LEFT ANTI JOIN ($y) AS y ON x.q = y.q",
    "SELECT p, q, r FROM ($x) AS x UNION ALL SELECT q, r, p FROM ($y) AS y",
    "SELECT p, q, r FROM ($x) AS x EXCEPT SELECT p, q, r FROM ($y) AS y",
    "SELECT p, q, r FROM ($x) AS x INTERSECT SELECT p, q, r FROM ($y) AS y",
    "SELECT p, q, r FROM ($x) AS x WHERE p IN (SELECT q FROM ($y) AS y)",
    "SELECT p, q, r FROM ($x) AS x WHERE NOT EXISTS (SELECT 1 FROM ($y) AS y WHERE y.p = x.r)",
    "SELECT p, q, (SELECT max(y.r) FROM ($y) AS y WHERE y.p = x.p) AS r FROM ($x) AS x",
    "SELECT p, q, (SELECT count(*) FROM ($y) AS y) AS r FROM ($x) AS x",
    "SELECT p, q, (SELECT y.r FROM ($y) AS y WHERE y.p = 1) AS r FROM ($x) AS x",
    "SELECT p, q, r FROM ($x) AS x WHERE p = 1 OR q NOT IN (SELECT r FROM ($y) AS y)",
    "SELECT p, q, r FROM ($x) AS x WHERE p > ANY (SELECT q FROM ($y) AS y)",
    "WITH RECURSIVE $w AS (SELECT p, q, r, 1 AS n FROM ($x) AS x UNION \
       SELECT y.p, $w.q, y.r, n + 1 FROM $w JOIN ($y) AS y ON $w.p = y.q WHERE n < 3) SELECT p, q, r FROM $w",
    "SELECT x.p, x.q, l.r FROM ($x) AS x, LATERAL (SELECT y.r FROM ($y) AS y WHERE y.q = x.q) AS l",
];

/// What a caller may take from such a query: all of it, or one column.
fn query() -> impl Strategy<Value = String> {
    (relation(), prop_oneof![Just("p, q, r"), Just("p"), Just("q"), Just("r"), Just("count(*) AS n")])
        .prop_map(|(relation, columns)| format!("SELECT {columns} FROM ({relation}) AS z"))
}

/// Few, unless `PROPTEST_CASES` asks for more: each one is run a dozen times.
fn config() -> ProptestConfig {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 48 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_change_that_shows_is_in_the_label(sql in query()) {
        let world = World::new();
        let plan = world.bind(&sql).unwrap().plan;
        // What DataFusion cannot run shows nothing.
        if let Ok(leaks) = leaks_of(&world, &plan, RuleSet::all()) {
            prop_assert!(leaks.is_empty(), "{}\n{}", sql, leaks.join("\n"));
        }
    }

    #[test]
    fn labels_grow_with_the_tags_of_columns(
        sql in query(),
        table in prop_oneof![Just("numbers"), Just("others")],
        column in prop_oneof![Just("a"), Just("b"), Just("c")],
    ) {
        let (before, after) = (World::new(), World::new().with_tag(table, column, "one.more"));
        let [before, after] = [before, after].map(|world| {
            Labelled::new(&world.bind(&sql).unwrap().plan, RuleSet::all()).unwrap()
        });
        prop_assert!(before.is_within(&after), "{}\n{}\nwith a tag more on {}.{}: {}", sql, before, table, column, after);
    }
}
