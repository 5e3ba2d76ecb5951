//! Scans: `d`, `i` and `R` as stored for the table; a column without a tag is `unclassified`.

use super::case::{Case, Operator::Scan, absent, arrives};

pub(super) const CASES: &[Case] = &[
    arrives(Scan, "pii.name", "a_column_has_its_stored_tag", "SELECT name FROM t.people", "name: d{pii.name} | rows{}"),
    absent(
        Scan,
        "special.race",
        "a_column_that_is_not_selected_is_not_there",
        "SELECT name, city FROM t.people",
        "name: d{pii.name} | city: d{public} | rows{}",
    ),
    arrives(
        Scan,
        "special.race",
        "a_star_selects_every_column",
        "SELECT * FROM t.people",
        "id: d{pii.id} | name: d{pii.name} | race: d{special.race} | age: d{personal.age} | city: d{public} | rows{}",
    ),
    arrives(
        Scan,
        "unclassified",
        "a_column_without_a_tag_is_unclassified",
        "SELECT id, note FROM t.orders",
        "id: d{public} | note: d{unclassified} | rows{}",
    ),
    absent(
        Scan,
        "unclassified",
        "a_classified_column_is_not_unclassified",
        "SELECT id, amount FROM t.orders",
        "id: d{public} | amount: d{finance.amount} | rows{}",
    ),
    arrives(
        Scan,
        "x.cohort",
        "a_stored_indirect_tag_stays_indirect",
        "SELECT id, score FROM t.scores",
        "id: d{public} | score: d{x.score} i{x.cohort} | rows{}",
    ),
    absent(
        Scan,
        "x.cohort",
        "a_stored_indirect_tag_stays_on_its_column",
        "SELECT id FROM t.scores",
        "id: d{public} | rows{}",
    ),
    arrives(
        Scan,
        "audit.rows",
        "a_row_tag_comes_with_every_column",
        "SELECT id FROM t.audited",
        "id: d{public} | rows{audit.rows}",
    ),
    absent(
        Scan,
        "audit.what",
        "a_row_tag_brings_no_column_tag",
        "SELECT id FROM t.audited",
        "id: d{public} | rows{audit.rows}",
    ),
];
