//! Views: a view has the labels of its query.

use super::case::{Case, Operator::View, absent, arrives};

pub(super) const CASES: &[Case] = &[
    arrives(
        View,
        "personal.age",
        "a_view_s_filter_reaches_the_rows",
        "SELECT city FROM t.adults",
        "city: d{public} | rows{personal.age}",
    ),
    arrives(
        View,
        "personal.age",
        "a_view_over_a_view_has_the_labels_of_both",
        "SELECT n FROM t.adult_cities",
        "n: i{personal.age public} | rows{personal.age public}",
    ),
    arrives(
        View,
        "pii.name",
        "a_view_s_computed_column_is_direct",
        "SELECT name AS city FROM t.names",
        "city: d{pii.name} | rows{}",
    ),
    arrives(
        View,
        "pii.id",
        "a_view_s_join_reaches_the_rows",
        "SELECT city FROM t.known",
        "city: d{public} | rows{personal.age pii.id}",
    ),
    arrives(
        View,
        "personal.age",
        "a_view_joined_with_its_table_counts",
        "SELECT p.city FROM t.people AS p JOIN t.adults AS a ON a.city = p.city",
        "city: d{public} | rows{personal.age public}",
    ),
    arrives(
        View,
        "personal.age",
        "a_named_query_does_not_hide_what_a_view_reads",
        "WITH adults AS (SELECT 1 AS city) SELECT a.n FROM t.adult_cities AS a",
        "n: i{personal.age public} | rows{personal.age public}",
    ),
    absent(View, "pii.name", "a_view_s_unread_column_is_not", "SELECT id FROM t.names", "id: d{pii.id} | rows{}"),
    absent(
        View,
        "special.race",
        "what_a_view_does_not_read_is_not",
        "SELECT * FROM t.adult_cities",
        "city: d{public} | n: i{personal.age public} | rows{personal.age public}",
    ),
];
