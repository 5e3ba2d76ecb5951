//! Sort, limit, top-k: `R ⊔= E(sort keys)`; a computed row count counts likewise.

use datafusion_expr::{LogicalPlan, scalar_subquery};
use std::sync::Arc;

use super::{
    case::{
        Case,
        Claim::Arrives,
        Operator::{Limit, Sort},
        absent, arrives, built,
    },
    harness::World,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        Sort,
        "personal.age",
        "an_order_reaches_the_rows",
        "SELECT city FROM t.people ORDER BY age",
        "city: d{public} | rows{personal.age}",
    ),
    arrives(
        Sort,
        "personal.age",
        "a_computed_order_reaches_the_rows",
        "SELECT city FROM t.people ORDER BY id, -age DESC",
        "city: d{public} | rows{personal.age pii.id}",
    ),
    arrives(
        Sort,
        "special.race",
        "an_order_by_position_reaches_the_rows",
        "SELECT city, race FROM t.people ORDER BY 2 NULLS FIRST",
        "city: d{public} | race: d{special.race} | rows{special.race}",
    ),
    arrives(
        Sort,
        "special.race",
        "an_order_by_an_aggregate_reaches_the_rows",
        "SELECT city FROM t.people GROUP BY city ORDER BY max(race)",
        "city: d{public} | rows{public special.race}",
    ),
    arrives(
        Sort,
        "x.cohort",
        "an_indirect_tag_of_a_key_reaches_the_rows",
        "SELECT id FROM t.scores ORDER BY score",
        "id: d{public} | rows{x.cohort x.score}",
    ),
    absent(
        Sort,
        "personal.age",
        "an_order_takes_its_own_keys_only",
        "SELECT city FROM t.people ORDER BY city, name",
        "city: d{public} | rows{pii.name public}",
    ),
    arrives(
        Limit,
        "personal.age",
        "the_first_rows_have_their_order",
        "SELECT city FROM t.people ORDER BY age LIMIT 2",
        "city: d{public} | rows{personal.age}",
    ),
    arrives(
        Limit,
        "personal.age",
        "an_order_below_a_limit_counts",
        "SELECT city FROM (SELECT city FROM t.people ORDER BY age LIMIT 3) AS p OFFSET 1",
        "city: d{public} | rows{personal.age}",
    ),
    arrives(
        Limit,
        "personal.age",
        "a_computed_count_reaches_the_rows",
        "SELECT id FROM t.plain LIMIT (SELECT count(age) FROM t.people)",
        "id: d{public} | rows{personal.age}",
    ),
    built(
        Limit,
        Arrives("personal.age"),
        "a_computed_offset_reaches_the_rows",
        computed_offset,
        "id: d{public} | word: d{public} | rows{personal.age}",
    ),
    absent(
        Limit,
        "personal.age",
        "a_limit_without_order_is_empty",
        "SELECT city FROM t.people LIMIT 2 OFFSET 1",
        "city: d{public} | rows{}",
    ),
    absent(
        Limit,
        "personal.age",
        "a_parameter_limits_without_a_tag",
        "SELECT city FROM t.people LIMIT $many",
        "city: d{public} | rows{}",
    ),
];

fn computed_offset(world: &World) -> LogicalPlan {
    let skip = world.bind("SELECT min(age) FROM t.people").unwrap().plan;
    let skip = scalar_subquery(Arc::new(skip));
    world.scan("plain").limit_by_expr(Some(skip), None).unwrap().build().unwrap()
}
