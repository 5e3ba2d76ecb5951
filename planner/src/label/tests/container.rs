//! Structs, lists and maps have the labels of what they are made of, and so has what is taken out of them. A function of
//! a lambda joins the container and all that the lambda captures.

use super::case::{
    Case,
    Operator::{Container, HigherOrderFunction},
    absent, arrives,
};

pub(super) const CASES: &[Case] = &[
    arrives(
        Container,
        "personal.age",
        "a_struct_has_the_tags_of_its_fields",
        "SELECT struct(city, age) AS x FROM t.people",
        "x: d{personal.age public} | rows{}",
    ),
    arrives(
        Container,
        "personal.age",
        "a_field_has_the_tags_of_its_struct",
        "SELECT x['c0'] AS y FROM (SELECT struct(city, age) AS x FROM t.people) AS s",
        "y: d{personal.age public} | rows{}",
    ),
    arrives(
        Container,
        "personal.age",
        "a_list_has_the_tags_of_its_items",
        "SELECT [id, age] AS x FROM t.people",
        "x: d{personal.age pii.id} | rows{}",
    ),
    arrives(
        Container,
        "x.tags",
        "an_item_has_the_tags_of_its_list",
        "SELECT tags[1] AS x FROM t.orders",
        "x: d{x.tags} | rows{}",
    ),
    arrives(
        Container,
        "personal.age",
        "an_index_counts",
        "SELECT make_array(1, 2, 3)[age] AS x FROM t.people",
        "x: d{personal.age} | rows{}",
    ),
    arrives(
        Container,
        "x.addr",
        "a_stored_struct_s_field_is_direct",
        "SELECT addr['zip'] AS x FROM t.orders",
        "x: d{x.addr} | rows{}",
    ),
    arrives(
        Container,
        "x.who",
        "a_field_of_a_field_is_direct",
        "SELECT n.who.home.city AS x FROM t.nested AS n",
        "x: d{x.who} | rows{}",
    ),
    arrives(
        Container,
        "x.attrs",
        "a_map_s_entry_is_direct",
        "SELECT attrs['k'] AS x FROM t.orders",
        "x: d{x.attrs} | rows{}",
    ),
    arrives(
        Container,
        "x.attrs",
        "a_map_s_keys_are_direct",
        "SELECT map_keys(attrs) AS x FROM t.orders",
        "x: d{x.attrs} | rows{}",
    ),
    arrives(
        Container,
        "pii.name",
        "a_map_has_the_tags_of_its_entries",
        "SELECT MAP {'k': name} AS x FROM t.people",
        "x: d{pii.name} | rows{}",
    ),
    absent(
        Container,
        "x.addr",
        "another_container_is_not",
        "SELECT tags[1] AS x, id AS y FROM t.orders",
        "x: d{x.tags} | y: d{public} | rows{}",
    ),
    absent(
        Container,
        "pii.name",
        "literals_make_an_empty_container",
        "SELECT [1, 2] AS x, {a: 1} AS y FROM t.people",
        "x: - | y: - | rows{}",
    ),
    arrives(
        HigherOrderFunction,
        "x.nums",
        "a_transformed_list_has_its_tags",
        "SELECT array_transform(nums, v -> v * 2) AS x FROM t.nested",
        "x: d{x.nums} | rows{}",
    )
    .with_lambdas(),
    arrives(
        HigherOrderFunction,
        "x.least",
        "a_captured_column_is_direct",
        "SELECT array_transform([1, 2, 3], v -> v + least) AS x FROM t.nested",
        "x: d{x.least} | rows{}",
    )
    .with_lambdas(),
    arrives(
        HigherOrderFunction,
        "x.least",
        "a_captured_bound_is_direct",
        "SELECT array_any_match(nums, v -> v > least) AS x FROM t.nested",
        "x: d{x.least x.nums} | rows{}",
    )
    .with_lambdas(),
    arrives(
        HigherOrderFunction,
        "x.least",
        "a_capture_two_lambdas_deep_is_direct",
        "SELECT array_transform([[1, 2], [3]], r -> array_filter(r, v -> v > least)) AS x FROM t.nested",
        "x: d{x.least} | rows{}",
    )
    .with_lambdas(),
    absent(
        HigherOrderFunction,
        "x.least",
        "a_lambda_s_own_variable_is_not_the_column_of_its_name",
        "SELECT array_filter(nums, least -> least > 1) AS x FROM t.nested",
        "x: d{x.nums} | rows{}",
    )
    .with_lambdas(),
    absent(
        HigherOrderFunction,
        "x.nums",
        "a_lambda_over_literals_takes_nothing_else",
        "SELECT array_transform([1, 2], v -> v + id) AS x FROM t.nested",
        "x: d{public} | rows{}",
    )
    .with_lambdas(),
];
