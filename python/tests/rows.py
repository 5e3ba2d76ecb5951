"""Rows of `EXPLAIN GOVERNANCE`: real ones over the bundled data, and some made to be difficult."""

from __future__ import annotations

import json
from pathlib import Path

from sluice import Decision

REAL: dict[str, list[Decision]] = {
    name: [Decision(*row) for row in rows]
    for name, rows in json.loads((Path(__file__).parent / "data" / "governance.json").read_text("utf-8")).items()
}


def decision(
    column: str | None,
    decided: str = "allow",
    flow: str = "direct",
    tag: str = "pii",
    source: str = "s.t.c",
    operators: tuple[str, ...] = (),
    policy: str | None = "grant:1",
) -> Decision:
    """One row, with the path spelled out."""
    sink = "rows of the result" if column is None else f"result column {column}"
    action = "READ" if flow == "direct" else "USE"
    return Decision(column, tag, flow, source, action, decided, policy, " → ".join([source, *operators, sink]))


_LONG = "customer_lifetime_value_after_discounts_in_euro_per_quarter"

HARD: dict[str, list[Decision]] = {
    "one": [decision("c")],
    "only rows": [decision(None, "deny", "row", operators=("filter on c",))],
    "long names": [
        decision(
            _LONG,
            "deny",
            tag="personal_data.special_category.health.diagnosis.icd10.version_2019",
            source=f"the_schema_of_a_department_with_a_long_name.the_table_of_everything_ever_measured.{_LONG}",
            operators=(f"join on {_LONG}, another_long_column_name_too, third, fourth_column_name, fifth", "unnest"),
        )
    ],
    "strange names": [
        decision("a → b", tag="x.y", source="s.t.a → b"),
        decision("<b>&'\"", tag="x.y", source="s.t.<b>&'\"", operators=("filter on <b>&'\"",)),
        decision("line\nbreak\x00and\x1bmore", tag="x.y"),
        decision("列の名前", tag="分類.住所", source="顧客.住所.列の名前"),
        decision("x.y.z", source="s.t.x.y.z"),
    ],
    "no columns known": [
        decision("n", "audit", "indirect", source="view crm.people_v", operators=("view crm.people_v",)),
        decision("n", "ignore", "indirect", source="crm.x (rows)", operators=("group by race",)),
        decision(None, "ignore", "row", source="crm.x (rows)", operators=("distinct",)),
    ],
    "crossing operators": [
        decision("a", source="s.t.a", operators=("filter on x", "union")),
        decision("b", "deny", source="s.t.b", operators=("union", "filter on x")),
        decision("b", "audit", "indirect", source="s.t.b", operators=("union", "filter on x", "union")),
    ],
    "many columns": [
        row
        for index in range(200)
        for row in (
            decision(f"c{index}", "deny" if index % 37 == 5 else "allow", source=f"s.wide.c{index}"),
            decision(f"c{index}", flow="indirect", source="s.wide.country", operators=("window over country",)),
        )
    ],
    "many denied": [decision(f"c{index}", "deny", source=f"s.wide.c{index}") for index in range(120)],
    "many operators": [
        decision(
            f"c{index}",
            "deny" if index % 4 == 0 else "allow",
            tag=f"pii.t{index}",
            source=f"s.t{index % 5}.c{index}",
            operators=(f"join on id{index % 5}", f"group by k{index % 3}", f"order by c{index}"),
        )
        for index in range(16)
    ],
    "a decision of the future": [decision("c", "quarantine", "sideways")],
}

ALL = {**REAL, **HARD}
