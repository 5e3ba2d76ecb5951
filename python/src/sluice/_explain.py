"""What a query depends on and what would be decided about it: the rows of `EXPLAIN GOVERNANCE`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _picture
from ._parameters import bindable
from ._style import DECISION_COLOURS, FONT, MONO

if TYPE_CHECKING:
    import pyarrow as pa
    from adbc_driver_manager.dbapi import Connection

COLUMNS = ("column", "tag", "flow", "origin", "action", "decision", "policy", "path")
"""The columns of `EXPLAIN GOVERNANCE`."""

DECISIONS = ("deny", "audit", "allow", "ignore")
"""What can be decided, worst first."""

_ARROW = " → "
_SIGNS = {"deny": "✕", "audit": "!", "allow": "✓", "ignore": "–"}


@dataclass(frozen=True)
class Decision:
    """One tag on its way to one column of the result, or to its rows."""

    column: str | None
    """The output column; `None` for the rows: which exist, how many, in what order."""
    tag: str
    """What the column that is read carries."""
    flow: str
    """`direct`: the value is computed from it. `indirect`: it decides which rows or groups contribute.
    `row`: it decides which rows exist."""
    origin: str
    """The column on which the tag was first set; `withheld` where the caller may not know."""
    action: str
    """What is needed: `READ` or `USE`."""
    decision: str
    """`allow`, `deny`, `audit` or `ignore`."""
    policy: str | None
    """What decided; `None` where nothing did, and so it is denied."""
    path: str
    """From the column that is read, through the operators, to the result: `a → b → c`."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of `path`."""
        # The last step ends in a name that the query's author chose, and it may hold an arrow.
        sink = "rows of the result" if self.column is None else f"result column {self.column}"
        head = self.path.removesuffix(sink)
        if head == self.path or not head.endswith(_ARROW):
            return tuple(self.path.split(_ARROW))
        return (*head.removesuffix(_ARROW).split(_ARROW), sink)


class Explanation(Sequence[Decision]):
    """Every tag on its way into a query's result, with what is decided about it.

    A sequence of `Decision`. Notebooks show it as a picture; printed, it is text.
    """

    def __init__(self, sql: str, rows: Sequence[Decision]) -> None:
        self.sql = sql
        """The query."""
        self.rows = tuple(rows)
        """The decisions, in the server's order."""

    @classmethod
    def of(cls, sql: str, table: pa.Table) -> Explanation:
        """The explanation in the rows that `EXPLAIN GOVERNANCE` gave."""
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise ValueError(f"these are no rows of EXPLAIN GOVERNANCE: no column {', '.join(missing)}")
        records: list[dict[str, Any]] = table.select(list(COLUMNS)).to_pylist()
        return cls(sql, [Decision(**record) for record in records])

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.rows)

    @property
    def denied(self) -> tuple[Decision, ...]:
        """What stands in the way of running the query."""
        return tuple(row for row in self.rows if row.decision == "deny")

    @property
    def allowed(self) -> bool:
        """Whether the query would run."""
        return not self.denied

    def __repr__(self) -> str:
        return f"<Explanation: {len(self.rows)} decisions, {len(self.denied)} denied>"

    def __str__(self) -> str:
        if not self.rows:
            return _picture.NOTHING
        lines: list[str] = []
        places = list(dict.fromkeys(row.column for row in self.rows))
        for place in places:
            lines.append("rows of the result" if place is None else place)
            for row in self.rows:
                if row.column == place:
                    needs = f"{row.action} on {row.tag}"
                    lines.append(f"  {_SIGNS.get(row.decision, '?')} {row.decision:<6} {needs:<36} {row.path}")
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if cycle else str(self))

    def _repr_svg_(self) -> str:
        return _picture.draw(self.rows)

    def _repr_html_(self) -> str:
        picture = f'<div style="overflow-x:auto">{self._repr_svg_()}</div>'
        if not self.rows:
            return picture
        head = "".join(f'<th style="text-align:left">{name}</th>' for name in COLUMNS)
        body = "".join(self._html_row(row) for row in self.rows)
        return (
            f'{picture}<details style="{FONT};margin-top:.3em">'
            f'<summary style="cursor:pointer;opacity:.8">{len(self.rows)} decisions</summary>'
            f'<div style="overflow-x:auto"><table style="{MONO};font-size:12px">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
        )

    @staticmethod
    def _html_row(row: Decision) -> str:
        cells: list[str] = []
        for name in COLUMNS:
            value = getattr(row, name)
            style = "text-align:left;white-space:nowrap"
            if name == "decision":
                style += f";color:{DECISION_COLOURS.get(row.decision, 'inherit')};font-weight:600"
            if value is None:
                value, style = ("rows" if name == "column" else ""), f"{style};opacity:.6"
            cells.append(f'<td style="{style}">{escape(str(value))}</td>')
        return f"<tr>{''.join(cells)}</tr>"

    def save(self, path: str | Path) -> None:
        """Write the picture as an SVG file."""
        Path(path).write_text(self._repr_svg_(), encoding="utf-8")


def explain_governance(connection: Connection, sql: str, parameters: Any = None) -> Explanation:
    """Ask which tags reach a query's result, on which ways, and what is decided about each.

    The query is not run, and may be one that would be refused.

    Args:
        connection: A connection to Sluice.
        sql: The query, with or without `EXPLAIN GOVERNANCE` in front.
        parameters: Values of its placeholders, if it has any: a sequence for `?` and `$1`, a mapping for `$name`.
    """
    statement = sql.strip()
    if not is_explanation(statement):
        statement = f"EXPLAIN GOVERNANCE {statement}"
    with connection.cursor() as cursor:
        cursor.execute(statement, bindable(parameters))
        return Explanation.of(sql, cursor.fetch_arrow_table())


def is_explanation(sql: str) -> bool:
    """Whether a statement begins with `EXPLAIN GOVERNANCE`."""
    return [word.upper() for word in sql.split(None, 2)[:2]] == ["EXPLAIN", "GOVERNANCE"]
