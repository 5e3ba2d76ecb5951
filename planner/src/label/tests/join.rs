//! Joins: `R = R_left ⊔ R_right ⊔ E(on)`; what an outer join fills with `NULL`s gets `i ⊔= E(on) ⊔ R_other`; a
//! `USING` column of a full join takes both sides; semi and anti joins keep one side's columns; a mark is direct.

use datafusion_common::JoinType;
use datafusion_expr::{LogicalPlan, col};

use super::{
    case::{
        Case,
        Claim::{Absent, Arrives},
        Operator::{
            AntiJoin, CrossJoin, FullJoin, InnerJoin, LeftJoin, MarkJoin, RightJoin, SemiJoin, UsingJoin,
        },
        absent, arrives, built,
    },
    harness::World,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        InnerJoin,
        "pii.person",
        "a_condition_reaches_the_rows",
        "SELECT p.city, o.amount FROM t.people AS p JOIN t.orders AS o ON p.id = o.person_id",
        "?",
    ),
    arrives(
        InnerJoin,
        "personal.age",
        "an_inequality_is_a_condition",
        "SELECT p.city FROM t.people AS p JOIN t.orders AS o ON p.id = o.person_id AND p.age > o.id",
        "?",
    ),
    arrives(
        InnerJoin,
        "special.race",
        "the_rows_of_both_sides_count",
        "SELECT o.id FROM t.orders AS o JOIN (SELECT id FROM t.people WHERE race = 'x') AS p ON o.id = p.id",
        "?",
    ),
    arrives(
        InnerJoin,
        "hr.boss",
        "the_rows_of_the_left_side_count",
        "SELECT o.id FROM (SELECT id FROM t.staff WHERE boss = 1) AS s JOIN t.orders AS o ON o.id = s.id",
        "?",
    ),
    arrives(
        InnerJoin,
        "hr.boss",
        "a_table_joined_with_itself_counts_once_per_side",
        "SELECT a.badge FROM t.staff AS a JOIN t.staff AS b ON a.boss = b.id",
        "?",
    ),
    absent(
        InnerJoin,
        "special.race",
        "a_column_that_is_neither_joined_nor_selected_is_not",
        "SELECT p.city, o.amount FROM t.people AS p JOIN t.orders AS o ON p.id = o.person_id",
        "?",
    ),
    arrives(
        LeftJoin,
        "pii.id",
        "the_right_side_of_a_left_join_may_be_null",
        "SELECT p.city, o.id FROM t.people AS p LEFT JOIN t.orders AS o ON p.id = o.id",
        "?",
    ),
    arrives(
        LeftJoin,
        "special.race",
        "the_left_rows_decide_about_nulls",
        "SELECT o.id FROM (SELECT id FROM t.people WHERE race = 'x') AS p LEFT JOIN t.orders AS o ON p.id = o.id",
        "?",
    ),
    absent(
        LeftJoin,
        "finance.amount",
        "a_left_join_takes_its_own_columns_only",
        "SELECT p.city, o.id FROM t.people AS p LEFT JOIN t.orders AS o ON p.id = o.id",
        "?",
    ),
    arrives(
        RightJoin,
        "pii.person",
        "the_left_side_of_a_right_join_may_be_null",
        "SELECT p.city, o.id FROM t.people AS p RIGHT JOIN t.orders AS o ON p.id = o.person_id",
        "?",
    ),
    arrives(
        RightJoin,
        "special.race",
        "the_right_rows_decide_about_nulls",
        "SELECT o.id FROM t.orders AS o RIGHT JOIN (SELECT id FROM t.people WHERE race = 'x') AS p ON p.id = o.id",
        "?",
    ),
    absent(
        RightJoin,
        "finance.amount",
        "a_right_join_takes_its_own_columns_only",
        "SELECT p.city, o.id FROM t.people AS p RIGHT JOIN t.orders AS o ON p.id = o.person_id",
        "?",
    ),
    arrives(
        FullJoin,
        "pii.id",
        "both_sides_of_a_full_join_may_be_null",
        "SELECT p.city, s.badge FROM t.people AS p FULL JOIN t.staff AS s ON p.id = s.id",
        "?",
    ),
    absent(
        FullJoin,
        "hr.boss",
        "a_full_join_takes_its_own_columns_only",
        "SELECT p.city, s.badge FROM t.people AS p FULL JOIN t.staff AS s ON p.id = s.id",
        "?",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "a_shared_column_of_a_full_join_has_both_sides",
        "SELECT id FROM t.people FULL JOIN t.staff USING (id)",
        "?",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "either_side_of_a_shared_column_has_both",
        "SELECT p.id AS p, s.id AS s FROM t.people AS p FULL JOIN t.staff AS s USING (id)",
        "?",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "a_natural_full_join_shares_its_columns",
        "SELECT * FROM (SELECT id FROM t.people) AS p NATURAL FULL JOIN (SELECT id FROM t.staff) AS s",
        "?",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "a_shared_column_is_a_condition",
        "SELECT p.city FROM t.people AS p JOIN t.staff AS s USING (id)",
        "?",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "a_natural_join_has_a_condition",
        "SELECT city FROM t.people NATURAL JOIN t.staff",
        "?",
    ),
    absent(
        UsingJoin,
        "hr.boss",
        "a_using_join_takes_its_own_columns_only",
        "SELECT id, badge FROM t.people LEFT JOIN t.staff USING (id)",
        "?",
    ),
    absent(
        UsingJoin,
        "special.race",
        "a_natural_join_takes_its_own_columns_only",
        "SELECT city FROM t.people NATURAL JOIN t.staff",
        "?",
    ),
    arrives(
        SemiJoin,
        "pii.person",
        "a_semi_join_has_a_condition",
        "SELECT p.city FROM t.people AS p LEFT SEMI JOIN t.orders AS o ON p.id = o.person_id",
        "?",
    ),
    arrives(
        SemiJoin,
        "pii.id",
        "a_right_semi_join_keeps_the_right_side",
        "SELECT o.note FROM t.people AS p RIGHT SEMI JOIN t.orders AS o ON p.id = o.person_id",
        "?",
    ),
    arrives(
        SemiJoin,
        "special.race",
        "a_semi_join_has_the_rows_of_both_sides",
        "SELECT o.id FROM t.orders AS o LEFT SEMI JOIN (SELECT id FROM t.people WHERE race = 'x') AS p ON o.id = p.id",
        "?",
    ),
    absent(
        SemiJoin,
        "finance.amount",
        "a_semi_join_drops_the_other_side",
        "SELECT * FROM t.plain AS p LEFT SEMI JOIN t.orders AS o ON p.id = o.id",
        "?",
    ),
    arrives(
        AntiJoin,
        "pii.person",
        "an_anti_join_has_a_condition",
        "SELECT p.city FROM t.people AS p LEFT ANTI JOIN t.orders AS o ON p.id = o.person_id",
        "?",
    ),
    arrives(
        AntiJoin,
        "pii.id",
        "a_right_anti_join_keeps_the_right_side",
        "SELECT o.note FROM t.people AS p RIGHT ANTI JOIN t.orders AS o ON p.id = o.person_id",
        "?",
    ),
    absent(
        AntiJoin,
        "finance.amount",
        "an_anti_join_drops_the_other_side",
        "SELECT * FROM t.plain AS p LEFT ANTI JOIN t.orders AS o ON p.id = o.id",
        "?",
    ),
    built(MarkJoin, Arrives("hr.id"), "a_mark_is_direct", left_mark, "?"),
    built(MarkJoin, Arrives("hr.boss"), "a_mark_has_the_other_side_s_rows", left_mark_over_filter, "?"),
    built(MarkJoin, Arrives("pii.id"), "a_right_mark_is_direct", right_mark, "?"),
    built(MarkJoin, Absent("hr.badge"), "a_mark_drops_the_other_side", left_mark, "?"),
    arrives(
        CrossJoin,
        "hr.boss",
        "a_cross_join_has_the_rows_of_both_sides",
        "SELECT p.word FROM t.plain AS p CROSS JOIN (SELECT id FROM t.staff WHERE boss = 1) AS s",
        "?",
    ),
    arrives(CrossJoin, "audit.rows", "row_tags_of_both_sides_count", "SELECT p.word FROM t.plain AS p, t.audited AS a", "?"),
    absent(CrossJoin, "pii.id", "a_cross_join_has_no_condition", "SELECT p.city, s.badge FROM t.people AS p, t.staff AS s", "?"),
];

fn mark(world: &World, right: LogicalPlan, join_type: JoinType) -> LogicalPlan {
    let on = col("people.id").eq(col("staff.id"));
    world.scan("people").join_on(right, join_type, [on]).unwrap().build().unwrap()
}

fn left_mark(world: &World) -> LogicalPlan {
    mark(world, world.scan("staff").build().unwrap(), JoinType::LeftMark)
}

fn left_mark_over_filter(world: &World) -> LogicalPlan {
    let right = world.scan("staff").filter(col("boss").is_not_null()).unwrap().build().unwrap();
    mark(world, right, JoinType::LeftMark)
}

fn right_mark(world: &World) -> LogicalPlan {
    mark(world, world.scan("staff").build().unwrap(), JoinType::RightMark)
}
