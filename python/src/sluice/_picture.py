"""Draws the ways of tags to a result: sources on the left, operators, the result on the right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._flow import RANK, Edge, Node, SourceColumn, SourceTable, graph
from ._glyphs import elide, sans_width
from ._pen import Pen
from ._placed import (
    CARD_HEAD,
    CHIP_INSET,
    DIVIDER,
    INSET,
    LINE_HEIGHT,
    NAME_CELLS,
    NOTE_HEIGHT,
    OPERATOR_LINE,
    OPERATOR_TEXT,
    PAD,
    SIGN_INSET,
    SMALL,
    TABLE_CELLS,
    TAG_CELLS,
    TEXT,
    Placed,
    Row,
    chip_width,
)
from ._style import DECISION_COLOURS, DECISION_INKS, DECISION_TINTS, HEAD, INK, LINE, PAGE, PAPER, SOFT

if TYPE_CHECKING:
    from ._explain import Decision

NOTHING = "No tag reaches this result: nothing in it is computed from a column, and no column decides about it."

# What is drawn one by one; of the columns beyond it, those with the same decision become one.
_MAX_COLUMNS = 40
# With more edges than this, those that are not denied are drawn fainter.
_MANY_EDGES = 40

_TITLE = 13.0
_BORDER = "#aab4c0"
_HEAVY, _LIGHT = 2.4, 1.5
_SAMPLE_GAP = 16.0
_DASHES = {"direct": "", "indirect": "6 4", "row": "1.5 4"}
_SIGNS = {
    "allow": "M-3.2 .2L-.9 2.6L3.4 -2.4",
    "audit": "M0 -3.6V.8M0 3.3V3.5",
    "deny": "M-2.6 -2.6L2.6 2.6M-2.6 2.6L2.6 -2.6",
    "ignore": "M-3 0H3",
}
_DECISION_WORDS = {"allow": "allowed", "audit": "allowed and recorded", "ignore": "ignored", "deny": "denied"}
_FLOW_WORDS = {
    "direct": "direct: the value is computed from it",
    "indirect": "indirect: decides what contributes",
    "row": "row: decides which rows exist",
}


def draw(decisions: Sequence[Decision]) -> str:
    """The picture of the decisions about a query, as SVG."""
    if decisions:
        return _Picture(decisions).svg()
    pen = Pen()
    width = sans_width(NOTHING, TEXT) + 2 * PAD
    pen.rect(0.5, 0.5, width - 1, 51, fill=PAGE, stroke=LINE, radius=8)
    pen.text(PAD, 30, NOTHING, size=TEXT, fill=SOFT)
    return pen.document(width, 52, NOTHING)


@dataclass(frozen=True)
class _Sample:
    """A line of the legend, and what it means."""

    colour: str
    width: float
    dashes: str
    text: str

    @property
    def room(self) -> float:
        return 30 + sans_width(self.text, SMALL) + _SAMPLE_GAP


class _Picture:
    def __init__(self, decisions: Sequence[Decision]) -> None:
        self.decisions = decisions
        self.placed = Placed(graph(decisions, _MAX_COLUMNS))
        self.pen = Pen()

    def svg(self) -> str:
        pen, placed = self.pen, self.placed
        title, colour = self._title()
        samples = self._samples()
        widest = max((sample.room for sample in samples), default=0) - _SAMPLE_GAP
        width = max(placed.left[-1] + placed.width[-1], PAD + sans_width(title, _TITLE), PAD + widest) + PAD
        legend = _lines(samples, width - 2 * PAD)
        height = placed.bottom + 26 + 20 * len(legend)
        pen.rect(0.5, 0.5, width - 1, height - 1, fill=PAGE, stroke=LINE, radius=8)
        pen.text(PAD, PAD + 10, title, size=_TITLE, bold=True, fill=colour)
        # What is denied is drawn last, over the rest.
        for edge in sorted(placed.graph.edges, key=lambda edge: -RANK.get(edge.decision, 0)):
            self._edge(edge)
        for table in placed.graph.tables:
            self._table(table)
        for node, (verb, names) in placed.operators.items():
            self._operator(node, verb, names)
        self._result()
        for index, line in enumerate(legend):
            self._legend(line, placed.bottom + 28 + 20 * index)
        return pen.document(width, height, title)

    def _title(self) -> tuple[str, str]:
        refused = {decision.column for decision in self.decisions if decision.decision == "deny"}
        columns = len(refused - {None})
        if refused:
            parts = [f"{columns} column{'s' if columns > 1 else ''}"] if columns else []
            parts += ["the rows"] if None in refused else []
            return f"Refused: {' and '.join(parts)}", DECISION_COLOURS["deny"]
        if any(decision.decision == "audit" for decision in self.decisions):
            return "Allowed, and recorded", DECISION_COLOURS["audit"]
        return "Allowed", DECISION_COLOURS["allow"]

    def _edge(self, edge: Edge) -> None:
        (x1, y1), (x2, y2) = self.placed.ends[edge]
        middle = (x1 + x2) / 2
        d = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        if edge.head.kind == "lane":
            d += f"H{x2 + self.placed.width[edge.head.layer]:.1f}"
        denied = edge.decision == "deny"
        opacity = 0.95 if denied else 0.8 if len(self.placed.graph.edges) < _MANY_EDGES else 0.5
        self.pen.group(_story(edge.decisions))
        self.pen.curve(d, _colour(edge.decision), _HEAVY if denied else _LIGHT, _DASHES[edge.flow], opacity)
        self.pen.end()

    def _table(self, table: SourceTable) -> None:
        pen, x, y, width = self.pen, self.placed.left[0], self.placed.table_top[table], self.placed.width[0]
        pen.card(x, y, width, self.placed.table_height(table), CARD_HEAD)
        pen.group(table.name)
        schema, dot, name = elide(table.name, TABLE_CELLS).rpartition(".")
        pen.text(x + INSET, y + 18, name, size=TEXT, bold=True, before=f"{schema}{dot}")
        pen.end()
        ruled = any(len(column.ports) > 1 for column in table.columns)
        for index, column in enumerate(table.columns):
            if ruled and index:
                above = column.ports[0].y - LINE_HEIGHT / 2
                pen.line(x + INSET, above, x + width - CHIP_INSET, above, stroke=HEAD)
            self._source(column, x, x + width - CHIP_INSET)

    def _source(self, column: SourceColumn, left: float, right: float) -> None:
        pen, first = self.pen, column.ports[0]
        # What stands for something without a name of its own is set in italics.
        named = first.text != "" and not column.name.startswith("(")
        pen.group(column.name)
        name, fill = elide(column.name, NAME_CELLS), INK if named else SOFT
        pen.text(left + INSET, first.y + 4, name, size=TEXT, mono=named, italic=not named, fill=fill)
        pen.end()
        for port in column.ports:
            if port.text:
                self._chip(port, right)

    def _chip(self, port: Node, right: float) -> None:
        pen, verdict = self.pen, port.verdict
        tag = elide(port.text, TAG_CELLS)
        width = chip_width(tag)
        ink = DECISION_INKS.get(verdict, INK)
        undecided = port.text == "unclassified"
        pen.group(f"{port.text}\n{_story(port.decisions)}")
        pen.rect(
            right - width,
            port.y - 8,
            width,
            16,
            fill=DECISION_TINTS.get(verdict, HEAD),
            stroke=ink if undecided else "none",
            radius=8,
            dashes="3 2" if undecided else "",
        )
        pen.text(right - width / 2, port.y + 3.6, tag, size=SMALL, mono=True, fill=ink, anchor="middle")
        pen.end()

    def _operator(self, node: Node, verb: str, names: Sequence[str]) -> None:
        pen, x, width = self.pen, self.placed.left[node.layer], self.placed.width[node.layer]
        top, middle = node.y - node.height / 2, x + width / 2
        pen.group(f"{node.text}\n{_story(node.decisions)}")
        pen.rect(x, top, width, node.height, fill=PAPER, stroke=_BORDER, radius=min(13, node.height / 2))
        pen.text(middle, top + 17, verb, size=TEXT, bold=True, anchor="middle")
        for index, line in enumerate(names):
            baseline = top + 31 + OPERATOR_LINE * index
            pen.text(middle, baseline, line, size=OPERATOR_TEXT, mono=True, fill=SOFT, anchor="middle")
        pen.end()

    def _result(self) -> None:
        pen, placed, x, width = self.pen, self.placed, self.placed.left[-1], self.placed.width[-1]
        pen.card(x, placed.result_top, width, placed.result_height, CARD_HEAD)
        pen.text(x + INSET, placed.result_top + 18, "result", size=TEXT, bold=True)
        for row in placed.rows:
            if row.node.kind == "rows" and placed.divided:
                y = row.node.y - (LINE_HEIGHT + DIVIDER) / 2
                pen.line(x, y, x + width, y)
            self._row(row, x)

    def _row(self, row: Row, x: float) -> None:
        pen, node = self.pen, row.node
        named = node.kind == "output"
        pen.group(f"{node.text}\n{_story(node.decisions)}")
        pen.sign(x + 18, node.y, _colour(node.verdict), _SIGNS.get(node.verdict, _SIGNS["deny"]))
        fill = INK if named else SOFT
        pen.text(x + SIGN_INSET, node.y + 4, row.name, size=TEXT, mono=named, italic=not named, fill=fill)
        for index, note in enumerate(row.notes, 1):
            baseline = node.y + 4 + NOTE_HEIGHT * index
            pen.text(x + SIGN_INSET, baseline, note, size=SMALL, fill=DECISION_INKS.get(node.verdict, INK))
        pen.end()

    def _samples(self) -> list[_Sample]:
        """What the edges mean: those that there are."""
        decided = {decision.decision for decision in self.decisions}
        flows = {decision.flow for decision in self.decisions}
        samples = [
            _Sample(_colour(decision), _HEAVY if decision == "deny" else _LIGHT, "", word)
            for decision, word in _DECISION_WORDS.items()
            if decision in decided
        ]
        return samples + [
            _Sample(SOFT, _LIGHT, _DASHES[flow], word) for flow, word in _FLOW_WORDS.items() if flow in flows
        ]

    def _legend(self, samples: Iterable[_Sample], y: float) -> None:
        x = PAD
        for sample in samples:
            self.pen.curve(f"M{x:.1f} {y:.1f}H{x + 24:.1f}", sample.colour, sample.width, sample.dashes, 1)
            self.pen.text(x + 30, y + 3.5, sample.text, size=SMALL, fill=SOFT)
            x += sample.room


def _lines(samples: Iterable[_Sample], room: float) -> list[list[_Sample]]:
    """The legend, on as many lines as it takes."""
    lines: list[list[_Sample]] = []
    used = math.inf
    for sample in samples:
        if used + sample.room - _SAMPLE_GAP > room:
            lines.append([])
            used = 0
        lines[-1].append(sample)
        used += sample.room
    return lines


def _colour(decision: str) -> str:
    """What is not known is shown as denied."""
    return DECISION_COLOURS.get(decision, DECISION_COLOURS["deny"])


def _story(decisions: Iterable[Decision]) -> str:
    """What a tooltip tells of some decisions."""
    lines = [
        f"{each.decision}: {each.action} on {each.tag} ({each.flow}) → {each.column or 'rows'}"
        + (f", by {each.policy}" if each.policy else "")
        for each in sorted(decisions, key=lambda each: RANK.get(each.decision, 0))
    ]
    lines = list(dict.fromkeys(lines))
    return "\n".join(lines if len(lines) <= 12 else [*lines[:11], f"and {len(lines) - 11} more"])
