//! `UNNEST`: `d` of the container; `R ⊔= E(container)`.

use super::case::{
    Case,
    Operator::{UnnestList, UnnestStruct},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        UnnestList,
        "x.tags",
        "items_are_direct_and_reach_the_rows",
        "SELECT unnest(tags) AS x FROM t.orders",
        "x: d{x.tags} | rows{x.tags}",
    ),
    arrives(
        UnnestList,
        "x.tags",
        "a_list_reaches_the_rows_of_its_neighbours",
        "SELECT id FROM (SELECT id, unnest(tags) AS x FROM t.orders) AS u",
        "id: d{public} | rows{x.tags}",
    ),
    arrives(
        UnnestList,
        "x.nums",
        "a_list_in_from_reaches_the_rows",
        "SELECT n.id, u.x FROM t.nested AS n, UNNEST(n.nums) AS u(x)",
        "id: d{public} | x: d{x.nums} | rows{x.nums}",
    ),
    arrives(
        UnnestList,
        "pii.name",
        "a_list_made_of_a_column_is_a_list",
        "SELECT unnest([name, city]) AS x FROM t.people",
        "x: d{pii.name public} | rows{pii.name public}",
    ),
    arrives(
        UnnestList,
        "x.cohort",
        "an_indirect_tag_of_a_list_stays_indirect",
        "SELECT unnest([score, 1]) AS x FROM t.scores",
        "x: d{x.score} i{x.cohort} | rows{x.cohort x.score}",
    ),
    absent(
        UnnestList,
        "x.tags",
        "a_list_of_literals_is_empty",
        "SELECT id, unnest([1, 2]) AS x FROM t.orders",
        "id: d{public} | x: - | rows{}",
    ),
    absent(
        UnnestList,
        "x.tags",
        "a_list_that_is_not_unnested_is_not",
        "SELECT id, unnest(range(0, id)) AS x FROM t.orders",
        "id: d{public} | x: d{public} | rows{public}",
    ),
    arrives(
        UnnestStruct,
        "x.addr",
        "fields_are_direct",
        "SELECT id, unnest(addr) FROM t.orders",
        "id: d{public} | t.orders.addr.street: d{x.addr} | t.orders.addr.zip: d{x.addr} | rows{x.addr}",
    ),
    arrives(
        UnnestStruct,
        "finance.amount",
        "a_struct_that_cannot_be_computed_shows_beside_its_fields",
        "SELECT x FROM (SELECT id AS x, unnest(struct(1 / (amount - 40), 2)) FROM t.orders) AS u",
        "x: d{public} | rows{finance.amount}",
    ),
    absent(
        UnnestStruct,
        "finance.amount",
        "a_column_beside_a_struct_is_not_in_it",
        "SELECT x FROM (SELECT id AS x, 1 / (amount - 40) AS y, unnest(struct(id, note)) FROM t.orders) AS u",
        "x: d{public} | rows{public unclassified}",
    ),
    absent(
        UnnestStruct,
        "x.addr",
        "a_struct_that_is_not_spread_is_not",
        "SELECT id, unnest(struct(id, 2)) FROM t.orders",
        "id: d{public} | struct(t.orders.id,Int64(2)).c0: d{public} | struct(t.orders.id,Int64(2)).c1: d{public} | rows{public}",
    ),
];
