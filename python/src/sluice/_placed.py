"""Where everything of a `Graph` stands: cards and operators, columns and the ends of edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ._flow import RANK, Edge, Graph, Node, SourceTable
from ._glyphs import elide, mono_width, sans_width, wrap
from ._order import order, spread

PAD = 20.0
TEXT, SMALL, OPERATOR_TEXT = 12.0, 10.5, 11.0
LINE_HEIGHT, NOTE_HEIGHT, OPERATOR_LINE = 21.0, 14.0, 14.0
CARD_HEAD, CARD_GAP, DIVIDER = 28.0, 16.0, 7.0
INSET = 12.0
"""From the edge of a card to its text."""
CHIP_INSET = 10.0
SIGN_INSET = 32.0
"""From the edge of the result's card to the names of its columns; before them stand the signs."""
NAME_CELLS, TAG_CELLS, TABLE_CELLS, OPERATOR_CELLS, NOTE_CELLS = 32, 34, 44, 24, 46

_ROUNDS = 12
_VERBS = ("group by", "order by", "filter on", "join on", "aggregate over", "window over", "expression over")


@dataclass(frozen=True)
class Row:
    """A column in the card of the result: its name, and the notes below."""

    node: Node
    name: str
    notes: tuple[str, ...]

    @property
    def height(self) -> float:
        """Of the row with its notes."""
        return LINE_HEIGHT + len(self.notes) * NOTE_HEIGHT + (3 if self.notes else 0)


class Placed:
    """A graph with coordinates, in pixels. A node's `y` is its middle; `left` and `width` are a layer's."""

    def __init__(self, graph: Graph) -> None:
        order(graph)
        self.graph = graph
        self.rows = [Row(node, _output_name(node), _notes(node)) for node in graph.outputs]
        self.operators = {
            node: operator_lines(node.text) for layer in graph.layers[1:-1] for node in layer if node.kind == "operator"
        }
        self.divided = len(self.rows) > 1 and self.rows[-1].node.kind == "rows"
        """Whether a line stands between the result's columns and its rows."""
        self.width = self._widths()
        self.left = self._lefts()
        self.table_top: dict[SourceTable, float] = {}
        self.result_top = 0.0
        self._place()
        self.bottom = self._move_below(PAD + 30)
        self.ends = self._ends()

    def table_height(self, table: SourceTable) -> float:
        """The height of a source's card."""
        return CARD_HEAD + 8 + sum(len(column.ports) * LINE_HEIGHT for column in table.columns)

    @property
    def result_height(self) -> float:
        """The height of the result's card."""
        return CARD_HEAD + 8 + (DIVIDER if self.divided else 0) + sum(row.height for row in self.rows)

    # Across

    def _widths(self) -> list[float]:
        layers = self.graph.layers
        names = [elide(column.name, NAME_CELLS) for table in self.graph.tables for column in table.columns]
        tags = [chip_width(elide(port.text, TAG_CELLS)) for port in layers[0] if port.text]
        heads = [sans_width(elide(table.name, TABLE_CELLS), TEXT) + 2 * INSET for table in self.graph.tables]
        body = INSET + max(mono_width(name, TEXT) for name in names) + 18 + max(tags, default=0) + CHIP_INSET
        widths = [max(body, *heads)]
        for layer in layers[1:-1]:
            shown = [self.operators[node] for node in layer if node in self.operators]
            verbs = [sans_width(verb, TEXT) + 26 for verb, _ in shown]
            widths.append(max(verbs + [mono_width(line, OPERATOR_TEXT) + 22 for _, lines in shown for line in lines]))
        texts = [mono_width(row.name, TEXT) for row in self.rows]
        texts += [sans_width(note, SMALL) for row in self.rows for note in row.notes]
        return [*widths, SIGN_INSET + max(texts) + INSET]

    def _lefts(self) -> list[float]:
        lefts = [PAD]
        for layer, width in enumerate(self.width[:-1]):
            # The more edges there are, the flatter they have to run to be told apart.
            edges = sum(edge.tail.layer == layer for edge in self.graph.edges)
            lefts.append(lefts[-1] + width + 80 + min(140, 2.2 * edges))
        return lefts

    # Down

    def _place(self) -> None:
        inner = self.graph.layers[1:-1]
        top = 0.0
        for table in self.graph.tables:
            self._place_table(table, top)
            top += self.table_height(table) + CARD_GAP
        height = top - CARD_GAP
        self._place_result((height - self.result_height) / 2)
        for layer in inner:
            for index, node in enumerate(layer):
                node.y = height * (index + 0.5) / len(layer)
                if node in self.operators:
                    node.height, node.gap = 26 + OPERATOR_LINE * len(self.operators[node][1]), 14
                else:
                    node.height, node.gap = 6, 8
        neighbours: dict[Node, list[Node]] = {}
        for edge in self.graph.edges:
            neighbours.setdefault(edge.head, []).append(edge.tail)
            neighbours.setdefault(edge.tail, []).append(edge.head)
        for _ in range(_ROUNDS):
            for layer in inner:
                _settle(layer, neighbours)
            self._settle_tables(neighbours)
            pulls = [each.y - row.node.y for row in self.rows for each in neighbours[row.node]]
            self._place_result(self.result_top + sum(pulls) / len(pulls))

    def _settle_tables(self, neighbours: dict[Node, list[Node]]) -> None:
        tables = self.graph.tables
        if len(tables) == 1:
            # One card stays; the others come to it.
            return
        wanted, weights = [], []
        for table in tables:
            ports = [port for column in table.columns for port in column.ports]
            pulls = [each.y - port.y for port in ports for each in neighbours[port]]
            wanted.append(self.table_top[table] + sum(pulls) / len(pulls))
            weights.append(float(len(ports)))
        apart = [self.table_height(table) + CARD_GAP for table in tables[:-1]]
        for table, top in zip(tables, spread(wanted, weights, apart), strict=True):
            self._place_table(table, top)

    def _place_table(self, table: SourceTable, top: float) -> None:
        self.table_top[table] = top
        y = top + CARD_HEAD + 4
        for column in table.columns:
            for port in column.ports:
                port.y = y + LINE_HEIGHT / 2
                y += LINE_HEIGHT

    def _place_result(self, top: float) -> None:
        self.result_top = top
        y = top + CARD_HEAD + 4
        for row in self.rows:
            if row.node.kind == "rows" and self.divided:
                y += DIVIDER
            row.node.y = y + LINE_HEIGHT / 2
            y += row.height

    def _move_below(self, top: float) -> float:
        """Put the topmost thing at `top`; answers where the lowest one ends."""
        nodes = [node for layer in self.graph.layers[1:-1] for node in layer]
        highest = min([node.y - node.height / 2 for node in nodes] + [*self.table_top.values(), self.result_top])
        for table in self.graph.tables:
            self._place_table(table, self.table_top[table] + top - highest)
        self._place_result(self.result_top + top - highest)
        for node in nodes:
            node.y += top - highest
        bottoms = [node.y + node.height / 2 for node in nodes]
        bottoms += [y + self.table_height(table) for table, y in self.table_top.items()]
        return max([*bottoms, self.result_top + self.result_height])

    def _ends(self) -> dict[Edge, tuple[tuple[float, float], tuple[float, float]]]:
        """Where each edge begins and where it ends."""
        tails: dict[Node, list[Edge]] = {}
        heads: dict[Node, list[Edge]] = {}
        for edge in self.graph.edges:
            tails.setdefault(edge.tail, []).append(edge)
            heads.setdefault(edge.head, []).append(edge)
        starts: dict[Edge, tuple[float, float]] = {}
        stops: dict[Edge, tuple[float, float]] = {}
        for node, edges in tails.items():
            x = self.left[node.layer] + self.width[node.layer]
            edges.sort(key=lambda edge: (edge.head.y, RANK.get(edge.decision, 0)))
            starts.update(zip(edges, [(x, y) for y in _side(node, len(edges))], strict=True))
        for node, edges in heads.items():
            edges.sort(key=lambda edge: (edge.tail.y, RANK.get(edge.decision, 0)))
            stops.update(zip(edges, [(self.left[node.layer], y) for y in _side(node, len(edges))], strict=True))
        return {edge: (starts[edge], stops[edge]) for edge in self.graph.edges}


def chip_width(tag: str) -> float:
    """The width of the label that holds a tag."""
    return mono_width(tag, SMALL) + 12


def operator_lines(text: str) -> tuple[str, list[str]]:
    """An operator's verb, and its columns on lines."""
    for verb in _VERBS:
        if text.startswith(f"{verb} "):
            names = text.removeprefix(verb).strip()
            return verb.removesuffix(" on").removesuffix(" over"), wrap(names, OPERATOR_CELLS, 3)
    for word in ("view", "recursive query"):
        if text.startswith(f"{word} "):
            return word, wrap(text.removeprefix(word).strip(), OPERATOR_CELLS, 2)
    return elide(text, OPERATOR_CELLS), []


def _settle(layer: list[Node], neighbours: dict[Node, list[Node]]) -> None:
    """Move the nodes of a layer toward the middle of what they are joined to."""
    wanted = [sum(each.y for each in neighbours[node]) / len(neighbours[node]) for node in layer]
    weights = [1.0 + len(node.decisions) ** 0.5 if node.kind == "operator" else 1.0 for node in layer]
    apart = [(a.height + b.height) / 2 + max(a.gap, b.gap) for a, b in pairwise(layer)]
    for node, y in zip(layer, spread(wanted, weights, apart), strict=True):
        node.y = y


def _side(node: Node, count: int) -> Sequence[float]:
    """Where `count` edges meet one side of a node, one above the other."""
    if node.kind == "lane":
        return [node.y] * count
    widest, room = {"operator": (6.0, node.height - 14), "port": (2.5, 12.0)}.get(node.kind, (4.0, 12.0))
    step = min(widest, room / max(1, count - 1))
    return [node.y + (index - (count - 1) / 2) * step for index in range(count)]


def _output_name(node: Node) -> str:
    if node.kind == "rows":
        return "rows: which, how many, in what order"
    return elide(node.text, NAME_CELLS + 8)


def _notes(node: Node) -> tuple[str, ...]:
    """What is missing for a column of the result, or is recorded about it."""
    verdict = node.verdict
    if verdict not in ("deny", "audit"):
        return ()
    word = "no" if verdict == "deny" else "recorded:"
    found = [decision for decision in node.decisions if decision.decision == verdict]
    needs = list(dict.fromkeys(f"{word} {decision.action} on {decision.tag}" for decision in found))
    lines = [elide(need, NOTE_CELLS) for need in needs]
    return tuple(lines if len(lines) <= 4 else [*lines[:3], f"and {len(lines) - 3} more"])
