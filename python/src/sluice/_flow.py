"""The ways of tags as a graph in layers: sources on the left, operators, the result on the right.

Layers are by longest path, and edges that pass a layer have places of their own there, as in Sugiyama's
method. In which order things stand and where is the matter of `_order` and `_placed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._explain import Decision

RANK = {"deny": 0, "audit": 1, "allow": 2, "ignore": 3}
"""Decisions, worst first."""

ROWS = "rows of the result"


def worst(decisions: Iterable[str]) -> str:
    """The decision that counts for all of them."""
    return min(decisions, key=lambda decision: RANK.get(decision, 0))


@dataclass(eq=False)
class Node:
    """A place where edges meet."""

    kind: str
    """`port`: a tag of a source column. `operator`. `output`: a column of the result. `more`: several of them.
    `rows`: the result's rows. `lane`: where an edge passes a layer."""
    text: str
    layer: int = 0
    decisions: list[Decision] = field(default_factory=list)
    """What comes through here."""
    height: float = 0.0
    gap: float = 0.0
    """Room to keep from the next node of the layer."""
    y: float = 0.0
    """The middle."""

    @property
    def verdict(self) -> str:
        """The worst decision of what comes through."""
        return worst(decision.decision for decision in self.decisions)


@dataclass(eq=False)
class Edge:
    """From one node to one in the next layer."""

    tail: Node
    head: Node
    decision: str
    decisions: list[Decision] = field(default_factory=list)

    @property
    def flow(self) -> str:
        """The most telling of the flows that run along it."""
        flows = {decision.flow for decision in self.decisions}
        return next((flow for flow in ("direct", "indirect", "row") if flow in flows), "direct")


@dataclass(eq=False)
class SourceColumn:
    """A column that is read, or a table's rows, or what lies behind a view."""

    name: str
    ports: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class SourceTable:
    """A table or view that is read."""

    name: str
    columns: list[SourceColumn] = field(default_factory=list)


@dataclass(eq=False)
class Graph:
    """All of it."""

    tables: list[SourceTable]
    layers: list[list[Node]]
    """Ports in the first, outputs in the last; in between operators and lanes."""
    edges: list[Edge]

    @property
    def outputs(self) -> list[Node]:
        """The result's columns, and its rows."""
        return self.layers[-1]


def source_name(step: str) -> tuple[str, str]:
    """Table and column of a path's first step."""
    if step.startswith("view "):
        return step.removeprefix("view "), "(behind the view)"
    if step.endswith(" (rows)"):
        return step.removesuffix(" (rows)"), "(rows)"
    parts = step.split(".", 2)
    return (".".join(parts[:2]), parts[2]) if len(parts) == 3 else (step, "")


def graph(decisions: Sequence[Decision], limit: int) -> Graph:
    """The graph of the ways, with at most about `limit` columns of the result."""
    return _Builder().build(_fold(decisions, limit))


@dataclass(frozen=True)
class _Way:
    """One decision with the steps by which it is drawn."""

    decision: Decision
    table: str
    column: str
    tag: str
    operators: tuple[str, ...]
    output: str
    """What the node of the result is called; two columns of one name share it."""


def _way(decision: Decision) -> _Way:
    steps = decision.steps
    table, column = source_name(steps[0])
    output = ROWS if decision.column is None else f"output {decision.column}"
    return _Way(decision, table, column, decision.tag, steps[1:-1], output)


def _fold(decisions: Sequence[Decision], limit: int) -> list[_Way]:
    """The ways; where there are too many columns, the least telling ones drawn as one."""
    ways = [_way(decision) for decision in decisions]
    columns: dict[str, list[str]] = {}
    for way in ways:
        if way.output != ROWS:
            columns.setdefault(way.output, []).append(way.decision.decision)
    if len(columns) <= limit:
        return ways
    verdicts = {output: worst(found) for output, found in columns.items()}
    kept = set(sorted(columns, key=lambda output: RANK.get(verdicts[output], 0))[:limit]) | {ROWS}
    folded: dict[str, list[str]] = {}
    for output in columns:
        if output not in kept:
            folded.setdefault(verdicts[output], []).append(output)
    named = {output: f"more {len(outputs)} more columns" for outputs in folded.values() for output in outputs}
    shown = {(way.table, way.column) for way in ways if way.output in kept}
    hidden: dict[str, dict[str, None]] = {}
    for way in ways:
        if (way.table, way.column) not in shown:
            hidden.setdefault(way.table, {})[way.column] = None

    def drawn(way: _Way) -> _Way:
        if way.output in kept:
            return way
        column, tag = way.column, way.tag
        if (way.table, way.column) not in shown:
            column, tag = f"{len(hidden[way.table])} more columns", ""
        return _Way(way.decision, way.table, column, tag, way.operators, named[way.output])

    return [drawn(way) for way in ways]


class _Builder:
    def __init__(self) -> None:
        self.tables: dict[str, SourceTable] = {}
        self.columns: dict[tuple[str, str], SourceColumn] = {}
        self.ports: dict[tuple[str, str, str], Node] = {}
        self.operators: dict[str, list[Node]] = {}
        self.outputs: dict[str, Node] = {}
        self.next: dict[Node, dict[Node, list[Decision]]] = {}

    def build(self, ways: Sequence[_Way]) -> Graph:
        for way in ways:
            node = self._port(way)
            node.decisions.append(way.decision)
            for text in way.operators:
                node = self._follow(node, self._operator(node, text), way.decision)
            self._follow(node, self._output(way), way.decision)
        rows = self.outputs.pop(ROWS, None)
        outputs = [*self.outputs.values()] + ([rows] if rows else [])
        layers = self._layers(outputs)
        edges = self._edges(layers)
        return Graph(list(self.tables.values()), layers, edges)

    def _port(self, way: _Way) -> Node:
        table = self.tables.setdefault(way.table, SourceTable(way.table))
        key = (way.table, way.column)
        if key not in self.columns:
            self.columns[key] = SourceColumn(way.column)
            table.columns.append(self.columns[key])
        tagged = (way.table, way.column, way.tag)
        if tagged not in self.ports:
            self.ports[tagged] = Node("port", way.tag)
            self.columns[key].ports.append(self.ports[tagged])
        return self.ports[tagged]

    def _operator(self, before: Node, text: str) -> Node:
        """The operator of that text; another of the same text where the first lies before `before`."""
        same = self.operators.setdefault(text, [])
        for node in same:
            if before is not node and not self._reaches(node, before):
                return node
        same.append(Node("operator", text))
        return same[-1]

    def _output(self, way: _Way) -> Node:
        if way.output not in self.outputs:
            kind, _, name = way.output.partition(" ")
            self.outputs[way.output] = Node(kind, ROWS if kind == "rows" else name)
        return self.outputs[way.output]

    def _follow(self, tail: Node, head: Node, decision: Decision) -> Node:
        self.next.setdefault(tail, {}).setdefault(head, []).append(decision)
        head.decisions.append(decision)
        return head

    def _reaches(self, start: Node, goal: Node) -> bool:
        seen: set[Node] = set()
        stack = [start]
        while stack:
            node = stack.pop()
            if node is goal:
                return True
            if node not in seen:
                seen.add(node)
                stack += self.next.get(node, {})
        return False

    def _layers(self, outputs: list[Node]) -> list[list[Node]]:
        operators = [node for same in self.operators.values() for node in same]
        changed = True
        for node in operators:
            node.layer = 1
        while changed:
            changed = False
            for tail in operators:
                for head in self.next.get(tail, {}):
                    if head.kind == "operator" and head.layer <= tail.layer:
                        head.layer = tail.layer + 1
                        changed = True
        depth = max((node.layer for node in operators), default=0) + 1
        layers: list[list[Node]] = [[] for _ in range(depth + 1)]
        layers[0] = list(self.ports.values())
        for node in operators:
            layers[node.layer].append(node)
        for node in outputs:
            node.layer = depth
        layers[depth] = outputs
        return layers

    def _edges(self, layers: list[list[Node]]) -> list[Edge]:
        edges: dict[tuple[Node, Node, str], Edge] = {}
        lanes: dict[tuple[Node, str, int], Node] = {}

        def add(tail: Node, head: Node, decision: Decision) -> None:
            key = (tail, head, decision.decision)
            if key not in edges:
                edges[key] = Edge(tail, head, decision.decision)
            edges[key].decisions.append(decision)

        for tail, heads in self.next.items():
            for head, decisions in heads.items():
                for decision in decisions:
                    at = tail
                    for layer in range(tail.layer + 1, head.layer):
                        # Edges of one colour out of one node share their lanes, and part at the end.
                        key = (tail, decision.decision, layer)
                        if key not in lanes:
                            lanes[key] = Node("lane", "", layer)
                            layers[layer].append(lanes[key])
                        lanes[key].decisions.append(decision)
                        add(at, lanes[key], decision)
                        at = lanes[key]
                    add(at, head, decision)
        return list(edges.values())
