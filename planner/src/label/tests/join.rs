//! Joins: `R = R_left ⊔ R_right ⊔ E(on)`; what an outer join fills with `NULL`s gets `i ⊔= E(on) ⊔ R_other`; a
//! `USING` column of a full join takes both sides; semi and anti joins keep one side's columns; a mark is direct.

use datafusion_common::JoinType;
use datafusion_expr::{LogicalPlan, col};

use super::{
    case::{
        Case,
        Claim::{Absent, Arrives},
        Operator::{AntiJoin, CrossJoin, FullJoin, InnerJoin, LeftJoin, MarkJoin, RightJoin, SemiJoin, UsingJoin},
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
        "city: d{public} | amount: d{finance.amount} | rows{pii.id pii.person}",
    ),
    arrives(
        InnerJoin,
        "personal.age",
        "an_inequality_is_a_condition",
        "SELECT p.city FROM t.people AS p JOIN t.orders AS o ON p.id = o.person_id AND p.age > o.id",
        "city: d{public} | rows{personal.age pii.id pii.person public}",
    ),
    arrives(
        InnerJoin,
        "special.race",
        "the_rows_of_both_sides_count",
        "SELECT o.id FROM t.orders AS o JOIN (SELECT id FROM t.people WHERE race = 'x') AS p ON o.id = p.id",
        "id: d{public} | rows{pii.id public special.race}",
    ),
    arrives(
        InnerJoin,
        "hr.boss",
        "the_rows_of_the_left_side_count",
        "SELECT o.id FROM (SELECT id FROM t.staff WHERE boss = 1) AS s JOIN t.orders AS o ON o.id = s.id",
        "id: d{public} | rows{hr.boss hr.id public}",
    ),
    arrives(
        InnerJoin,
        "hr.boss",
        "a_table_joined_with_itself_counts_once_per_side",
        "SELECT a.badge FROM t.staff AS a JOIN t.staff AS b ON a.boss = b.id",
        "badge: d{hr.badge} | rows{hr.boss hr.id}",
    ),
    absent(
        InnerJoin,
        "special.race",
        "a_column_that_is_neither_joined_nor_selected_is_not",
        "SELECT p.city, o.amount FROM t.people AS p JOIN t.orders AS o ON p.id = o.person_id",
        "city: d{public} | amount: d{finance.amount} | rows{pii.id pii.person}",
    ),
    arrives(
        LeftJoin,
        "pii.id",
        "the_right_side_of_a_left_join_may_be_null",
        "SELECT p.city, o.id FROM t.people AS p LEFT JOIN t.orders AS o ON p.id = o.id",
        "city: d{public} | id: d{public} i{pii.id public} | rows{pii.id public}",
    ),
    arrives(
        LeftJoin,
        "special.race",
        "the_left_rows_decide_about_nulls",
        "SELECT o.id FROM (SELECT id FROM t.people WHERE race = 'x') AS p LEFT JOIN t.orders AS o ON p.id = o.id",
        "id: d{public} i{pii.id public special.race} | rows{pii.id public special.race}",
    ),
    absent(
        LeftJoin,
        "finance.amount",
        "a_left_join_takes_its_own_columns_only",
        "SELECT p.city, o.id FROM t.people AS p LEFT JOIN t.orders AS o ON p.id = o.id",
        "city: d{public} | id: d{public} i{pii.id public} | rows{pii.id public}",
    ),
    arrives(
        RightJoin,
        "pii.person",
        "the_left_side_of_a_right_join_may_be_null",
        "SELECT p.city, o.id FROM t.people AS p RIGHT JOIN t.orders AS o ON p.id = o.person_id",
        "city: d{public} i{pii.id pii.person} | id: d{public} | rows{pii.id pii.person}",
    ),
    arrives(
        RightJoin,
        "special.race",
        "the_right_rows_decide_about_nulls",
        "SELECT o.id FROM t.orders AS o RIGHT JOIN (SELECT id FROM t.people WHERE race = 'x') AS p ON p.id = o.id",
        "id: d{public} i{pii.id public special.race} | rows{pii.id public special.race}",
    ),
    absent(
        RightJoin,
        "finance.amount",
        "a_right_join_takes_its_own_columns_only",
        "SELECT p.city, o.id FROM t.people AS p RIGHT JOIN t.orders AS o ON p.id = o.person_id",
        "city: d{public} i{pii.id pii.person} | id: d{public} | rows{pii.id pii.person}",
    ),
    arrives(
        FullJoin,
        "pii.id",
        "both_sides_of_a_full_join_may_be_null",
        "SELECT p.city, s.badge FROM t.people AS p FULL JOIN t.staff AS s ON p.id = s.id",
        "city: d{public} i{hr.id pii.id} | badge: d{hr.badge} i{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    absent(
        FullJoin,
        "hr.boss",
        "a_full_join_takes_its_own_columns_only",
        "SELECT p.city, s.badge FROM t.people AS p FULL JOIN t.staff AS s ON p.id = s.id",
        "city: d{public} i{hr.id pii.id} | badge: d{hr.badge} i{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "a_shared_column_of_a_full_join_has_both_sides",
        "SELECT id FROM t.people FULL JOIN t.staff USING (id)",
        "id: d{hr.id pii.id} i{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "either_side_of_a_shared_column_has_both",
        "SELECT p.id AS p, s.id AS s FROM t.people AS p FULL JOIN t.staff AS s USING (id)",
        "p: d{hr.id pii.id} i{hr.id pii.id} | s: d{hr.id pii.id} i{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "a_natural_full_join_shares_its_columns",
        "SELECT * FROM (SELECT id FROM t.people) AS p NATURAL FULL JOIN (SELECT id FROM t.staff) AS s",
        "id: d{hr.id pii.id} i{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "a_shared_column_is_a_condition",
        "SELECT p.city FROM t.people AS p JOIN t.staff AS s USING (id)",
        "city: d{public} | rows{hr.id pii.id}",
    ),
    arrives(
        UsingJoin,
        "hr.id",
        "a_natural_join_has_a_condition",
        "SELECT city FROM t.people NATURAL JOIN t.staff",
        "city: d{public} | rows{hr.id pii.id}",
    ),
    absent(
        UsingJoin,
        "hr.boss",
        "a_using_join_takes_its_own_columns_only",
        "SELECT id, badge FROM t.people LEFT JOIN t.staff USING (id)",
        "id: d{pii.id} | badge: d{hr.badge} i{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    absent(
        UsingJoin,
        "special.race",
        "a_natural_join_takes_its_own_columns_only",
        "SELECT city FROM t.people NATURAL JOIN t.staff",
        "city: d{public} | rows{hr.id pii.id}",
    ),
    arrives(
        SemiJoin,
        "pii.person",
        "a_semi_join_has_a_condition",
        "SELECT p.city FROM t.people AS p LEFT SEMI JOIN t.orders AS o ON p.id = o.person_id",
        "city: d{public} | rows{pii.id pii.person}",
    ),
    arrives(
        SemiJoin,
        "pii.id",
        "a_right_semi_join_keeps_the_right_side",
        "SELECT o.note FROM t.people AS p RIGHT SEMI JOIN t.orders AS o ON p.id = o.person_id",
        "note: d{unclassified} | rows{pii.id pii.person}",
    ),
    arrives(
        SemiJoin,
        "special.race",
        "a_semi_join_has_the_rows_of_both_sides",
        "SELECT o.id FROM t.orders AS o LEFT SEMI JOIN (SELECT id FROM t.people WHERE race = 'x') AS p ON o.id = p.id",
        "id: d{public} | rows{pii.id public special.race}",
    ),
    absent(
        SemiJoin,
        "finance.amount",
        "a_semi_join_drops_the_other_side",
        "SELECT * FROM t.plain AS p LEFT SEMI JOIN t.orders AS o ON p.id = o.id",
        "id: d{public} | word: d{public} | rows{public}",
    ),
    arrives(
        AntiJoin,
        "pii.person",
        "an_anti_join_has_a_condition",
        "SELECT p.city FROM t.people AS p LEFT ANTI JOIN t.orders AS o ON p.id = o.person_id",
        "city: d{public} | rows{pii.id pii.person}",
    ),
    arrives(
        AntiJoin,
        "pii.id",
        "a_right_anti_join_keeps_the_right_side",
        "SELECT o.note FROM t.people AS p RIGHT ANTI JOIN t.orders AS o ON p.id = o.person_id",
        "note: d{unclassified} | rows{pii.id pii.person}",
    ),
    absent(
        AntiJoin,
        "finance.amount",
        "an_anti_join_drops_the_other_side",
        "SELECT * FROM t.plain AS p LEFT ANTI JOIN t.orders AS o ON p.id = o.id",
        "id: d{public} | word: d{public} | rows{public}",
    ),
    built(
        MarkJoin,
        Arrives("hr.id"),
        "a_mark_is_direct",
        left_mark,
        "id: d{pii.id} | name: d{pii.name} | race: d{special.race} | age: d{personal.age} | city: d{public} | mark: d{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    built(
        MarkJoin,
        Arrives("hr.boss"),
        "a_mark_has_the_other_side_s_rows",
        left_mark_over_filter,
        "id: d{pii.id} | name: d{pii.name} | race: d{special.race} | age: d{personal.age} | city: d{public} | mark: d{hr.boss hr.id pii.id} | rows{hr.boss hr.id pii.id}",
    ),
    built(
        MarkJoin,
        Arrives("pii.id"),
        "a_right_mark_is_direct",
        right_mark,
        "id: d{hr.id} | boss: d{hr.boss} | badge: d{hr.badge} | mark: d{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    built(
        MarkJoin,
        Absent("hr.badge"),
        "a_mark_drops_the_other_side",
        left_mark,
        "id: d{pii.id} | name: d{pii.name} | race: d{special.race} | age: d{personal.age} | city: d{public} | mark: d{hr.id pii.id} | rows{hr.id pii.id}",
    ),
    arrives(
        CrossJoin,
        "hr.boss",
        "a_cross_join_has_the_rows_of_both_sides",
        "SELECT p.word FROM t.plain AS p CROSS JOIN (SELECT id FROM t.staff WHERE boss = 1) AS s",
        "word: d{public} | rows{hr.boss}",
    ),
    arrives(
        CrossJoin,
        "audit.rows",
        "row_tags_of_both_sides_count",
        "SELECT p.word FROM t.plain AS p, t.audited AS a",
        "word: d{public} | rows{audit.rows}",
    ),
    absent(
        CrossJoin,
        "pii.id",
        "a_cross_join_has_no_condition",
        "SELECT p.city, s.badge FROM t.people AS p, t.staff AS s",
        "city: d{public} | badge: d{hr.badge} | rows{}",
    ),
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
