//! Views: a view has the labels of its query.

use super::case::{Case, Operator::View, absent, arrives};

pub(super) const CASES: &[Case] = &[
    arrives(View, "personal.age", "a_view_s_filter_reaches_the_rows", "SELECT city FROM t.adults", "?"),
    arrives(View, "personal.age", "a_view_over_a_view_has_the_labels_of_both", "SELECT n FROM t.adult_cities", "?"),
    arrives(View, "pii.name", "a_view_s_computed_column_is_direct", "SELECT name AS city FROM t.names", "?"),
    arrives(View, "pii.id", "a_view_s_join_reaches_the_rows", "SELECT city FROM t.known", "?"),
    arrives(
        View,
        "personal.age",
        "a_view_joined_with_its_table_counts",
        "SELECT p.city FROM t.people AS p JOIN t.adults AS a ON a.city = p.city",
        "?",
    ),
    arrives(
        View,
        "personal.age",
        "a_named_query_does_not_hide_what_a_view_reads",
        "WITH adults AS (SELECT 1 AS city) SELECT a.n FROM t.adult_cities AS a",
        "?",
    ),
    absent(View, "pii.name", "a_view_s_unread_column_is_not", "SELECT id FROM t.names", "?"),
    absent(View, "special.race", "what_a_view_does_not_read_is_not", "SELECT * FROM t.adult_cities", "?"),
];
