//! Window functions: `d` joins the function's arguments (ranks: empty); `i ⊔= E(PARTITION BY) ⊔ E(ORDER BY) ⊔ R`.

use super::case::{
    Case,
    Operator::{Rank, Window},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(Window, "finance.amount", "an_argument_is_direct", "SELECT sum(amount) OVER () AS x FROM t.orders", "?"),
    arrives(Window, "finance.amount", "a_neighbouring_row_is_direct", "SELECT lag(amount, 1) OVER (ORDER BY id) AS x FROM t.orders", "?"),
    arrives(Window, "x.cohort", "an_indirect_tag_stays_indirect", "SELECT sum(score) OVER () AS x FROM t.scores", "?"),
    arrives(
        Window,
        "special.race",
        "a_partition_is_indirect",
        "SELECT city, max(id) OVER (PARTITION BY race) AS x FROM t.people",
        "?",
    ),
    arrives(
        Window,
        "personal.age",
        "an_order_is_indirect",
        "SELECT first_value(city) OVER (ORDER BY age) AS x FROM t.people",
        "?",
    ),
    arrives(
        Window,
        "personal.age",
        "a_named_window_counts",
        "SELECT max(id) OVER w AS x FROM t.people WINDOW w AS (PARTITION BY city ORDER BY age)",
        "?",
    ),
    arrives(
        Window,
        "personal.age",
        "a_frame_goes_by_its_order",
        "SELECT sum(id) OVER (ORDER BY age RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) AS x FROM t.people",
        "?",
    ),
    arrives(
        Window,
        "special.race",
        "the_filter_of_a_window_is_indirect",
        "SELECT count(*) FILTER (WHERE race = 'x') OVER (ORDER BY id) AS x FROM t.people",
        "?",
    ),
    arrives(
        Window,
        "special.race",
        "the_rows_reach_the_values",
        "SELECT count(*) OVER () AS x FROM t.people WHERE race = 'x'",
        "?",
    ),
    arrives(
        Window,
        "special.race",
        "a_window_over_groups_has_their_keys",
        "SELECT sum(count(*)) OVER () AS x FROM t.people GROUP BY race",
        "?",
    ),
    absent(
        Window,
        "special.race",
        "a_window_takes_its_own_columns_only",
        "SELECT city, sum(age) OVER (PARTITION BY city ORDER BY id) AS x FROM t.people",
        "?",
    ),
    absent(Window, "special.race", "a_count_over_all_rows_is_empty", "SELECT count(*) OVER () AS x FROM t.people", "?"),
    arrives(Rank, "personal.age", "a_rank_is_indirect", "SELECT rank() OVER (ORDER BY age) AS x FROM t.people", "?"),
    arrives(
        Rank,
        "special.race",
        "a_row_s_number_is_indirect",
        "SELECT row_number() OVER (PARTITION BY race ORDER BY id) AS x FROM t.people",
        "?",
    ),
    arrives(Rank, "personal.age", "a_share_of_rows_is_indirect", "SELECT ntile(2) OVER (ORDER BY age) AS x FROM t.people", "?"),
    absent(Rank, "personal.age", "a_number_without_order_is_empty", "SELECT row_number() OVER () AS x FROM t.people", "?"),
];
