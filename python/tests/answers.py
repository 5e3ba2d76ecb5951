"""What the fake server answers."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight
from flight_fake import Answer, denied, error_info
from rows import REAL

from sluice._explain import COLUMNS, is_explanation

REFUSAL: dict[str, Any] = {
    "column": "census.adult.race",
    "tag": "special_category.race",
    "action": "READ",
    "path": "census.adult.race → group by race → result column race",
    "hint": "leave it out, or have it granted: `GRANT READ ON TAG special_category.race TO USER ana`",
}
MESSAGE = (
    "column `census.adult.race` carries `special_category.race`, and `ana` has no READ on it\n"
    f"path: {REFUSAL['path']}\nhelp: {REFUSAL['hint']}"
)

EXPLAINED = pa.table(
    dict(zip(COLUMNS, map(list, zip(*map(astuple, REAL["join"]), strict=True)), strict=True)),
    schema=pa.schema([(name, pa.string()) for name in COLUMNS]),
)


def answer(sql: str) -> Answer:
    """A refusal for what names the column `race`, and something for the rest."""
    if is_explanation(sql):
        return EXPLAINED
    if "race" in sql:
        return denied(MESSAGE, error_info(REFUSAL))
    if sql.startswith("SELEC "):
        return flight.FlightServerError("expected a statement, found `SELEC`")
    if sql.startswith("CREATE SCHEMA"):
        return pa.table({"status": ["created schema crm"]})
    if sql.startswith("INSERT"):
        return pa.table({"affected_rows": pa.array([3], pa.int64())})
    if sql.startswith("DELETE"):
        return pa.table({"affected_rows": pa.array([None], pa.int64())})
    return pa.table({"education": ["Masters", "Doctorate"], "people": [1723, 413]})
