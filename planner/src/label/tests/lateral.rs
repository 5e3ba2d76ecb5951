//! Lateral relations: a correlated column has the labels of the column that it refers to, and counts where it is used.

use super::case::{Case, Operator::Lateral, absent, arrives};

pub(super) const CASES: &[Case] = &[
    arrives(
        Lateral,
        "pii.id",
        "a_correlated_filter_reaches_the_rows",
        "SELECT o.note FROM t.people AS p, LATERAL (SELECT note FROM t.orders WHERE orders.id = p.id) AS o",
        "note: d{unclassified} | rows{pii.id public}",
    ),
    arrives(
        Lateral,
        "special.race",
        "a_correlated_value_is_direct",
        "SELECT l.x FROM t.people AS p, LATERAL (SELECT upper(p.race) AS x) AS l",
        "x: d{special.race} | rows{}",
    ),
    arrives(
        Lateral,
        "pii.person",
        "a_lateral_aggregate_is_indirect",
        "SELECT p.city, l.n FROM t.people AS p \
         LEFT JOIN LATERAL (SELECT count(*) AS n FROM t.orders AS o WHERE o.person_id = p.id) AS l ON true",
        "city: d{public} | n: i{pii.id pii.person} | rows{pii.id pii.person}",
    ),
    arrives(
        Lateral,
        "personal.age",
        "a_lateral_relation_sees_the_one_before",
        "SELECT m.y FROM t.people AS p, LATERAL (SELECT p.age + 1 AS x) AS l, LATERAL (SELECT l.x * 2 AS y) AS m",
        "y: d{personal.age} | rows{}",
    ),
    absent(
        Lateral,
        "special.race",
        "a_lateral_relation_takes_what_it_uses",
        "SELECT l.x FROM t.people AS p, LATERAL (SELECT p.city AS x) AS l",
        "x: d{public} | rows{}",
    ),
];
