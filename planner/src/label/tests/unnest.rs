//! `UNNEST`: `d` of the container; `R ⊔= E(container)` where it is a list. Spreading a struct makes columns, not rows.

use super::case::{
    Case,
    Operator::{UnnestList, UnnestStruct},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(UnnestList, "x.tags", "items_are_direct_and_reach_the_rows", "SELECT unnest(tags) AS x FROM t.orders", "?"),
    arrives(
        UnnestList,
        "x.tags",
        "a_list_reaches_the_rows_of_its_neighbours",
        "SELECT id FROM (SELECT id, unnest(tags) AS x FROM t.orders) AS u",
        "?",
    ),
    arrives(
        UnnestList,
        "x.nums",
        "a_list_in_from_reaches_the_rows",
        "SELECT n.id, u.x FROM t.nested AS n, UNNEST(n.nums) AS u(x)",
        "?",
    ),
    arrives(UnnestList, "pii.name", "a_list_made_of_a_column_is_a_list", "SELECT unnest([name, city]) AS x FROM t.people", "?"),
    arrives(
        UnnestList,
        "x.cohort",
        "an_indirect_tag_of_a_list_stays_indirect",
        "SELECT unnest([score, 1]) AS x FROM t.scores",
        "?",
    ),
    absent(UnnestList, "x.tags", "a_list_of_literals_is_empty", "SELECT id, unnest([1, 2]) AS x FROM t.orders", "?"),
    absent(UnnestList, "x.tags", "a_list_that_is_not_unnested_is_not", "SELECT id, unnest(range(0, id)) AS x FROM t.orders", "?"),
    arrives(UnnestStruct, "x.addr", "fields_are_direct", "SELECT id, unnest(addr) FROM t.orders", "?"),
    absent(
        UnnestStruct,
        "x.addr",
        "a_struct_does_not_reach_the_rows_of_its_neighbours",
        "SELECT id FROM (SELECT id, unnest(addr) FROM t.orders) AS u",
        "?",
    ),
];
