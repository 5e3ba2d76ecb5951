"""In which order the nodes of each layer stand, so that few edges cross, and how far apart."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping, Sequence

from ._flow import Edge, Graph, Node, SourceColumn, SourceTable

_SWEEPS = 8


def order(built: Graph) -> None:
    """Put the nodes of each layer, all but the last, where few edges cross: by barycentres, forth and back."""
    before: dict[Node, list[Node]] = {}
    after: dict[Node, list[Node]] = {}
    for edge in built.edges:
        before.setdefault(edge.head, []).append(edge.tail)
        after.setdefault(edge.tail, []).append(edge.head)
    place: dict[Node, float] = {}

    def number(layer: list[Node]) -> None:
        for index, node in enumerate(layer):
            place[node] = (index + 0.5) / len(layer)

    def barycentre(neighbours: dict[Node, list[Node]]) -> Callable[[Node], float]:
        def value(node: Node) -> float:
            found = neighbours.get(node)
            return sum(place[each] for each in found) / len(found) if found else place[node]

        return value

    for layer in built.layers:
        number(layer)
    best, found_order = math.inf, [list(layer) for layer in built.layers]

    def judge() -> None:
        nonlocal best, found_order
        found = crossings(built, place)
        if found < best:
            best, found_order = found, [list(layer) for layer in built.layers]

    for _ in range(_SWEEPS):
        for layer in reversed(built.layers[1:-1]):
            layer.sort(key=barycentre(after))
            number(layer)
        _order_sources(built, barycentre(after))
        number(built.layers[0])
        judge()
        for layer in built.layers[1:-1]:
            layer.sort(key=barycentre(before))
            number(layer)
        judge()
    for layer, found in zip(built.layers, found_order, strict=True):
        layer[:] = found
    for index, node in enumerate(built.layers[0]):
        place[node] = index
    _order_sources(built, place.__getitem__)


def crossings(built: Graph, place: Mapping[Node, float]) -> int:
    """How many pairs of edges cross."""
    gaps: dict[int, list[Edge]] = {}
    for edge in built.edges:
        gaps.setdefault(edge.tail.layer, []).append(edge)
    total = 0
    for edges in gaps.values():
        edges.sort(key=lambda edge: (place[edge.tail], place[edge.head]))
        passed: list[float] = []
        for edge in edges:
            at = bisect.bisect_right(passed, place[edge.head])
            total += len(passed) - at
            passed.insert(at, place[edge.head])
    return total


def _order_sources(built: Graph, value: Callable[[Node], float]) -> None:
    def of_column(column: SourceColumn) -> float:
        return sum(map(value, column.ports)) / len(column.ports)

    def of_table(table: SourceTable) -> float:
        return sum(map(of_column, table.columns)) / len(table.columns)

    for table in built.tables:
        for column in table.columns:
            column.ports.sort(key=value)
        table.columns.sort(key=of_column)
    built.tables.sort(key=of_table)
    built.layers[0][:] = [port for table in built.tables for column in table.columns for port in column.ports]


def spread(wanted: Sequence[float], weights: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Positions in the given order, as near to the wanted ones as can be in the least-squares sense.

    `apart[i]` is the least distance between the positions `i` and `i + 1`. This is isotonic regression,
    solved by pooling neighbours that would overlap.
    """
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        pools.append((want - offset, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            value, heavy, count = pools.pop()
            value2, heavy2, count2 = pools.pop()
            total = heavy + heavy2
            pools.append(((value * heavy + value2 * heavy2) / total, total, count + count2))
    levels = [value for value, _, count in pools for _ in range(count)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]
